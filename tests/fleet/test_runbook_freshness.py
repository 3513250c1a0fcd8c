"""Whether a runbook still fits: asked on the host by a real check, told to the master, shown on pages, in data and in messages."""

from __future__ import annotations

import json
from pathlib import Path

import typer
from typer.testing import CliRunner

from bootkeep.cli import fleet as command
from bootkeep.edges.clock import now_utc
from bootkeep.edges.config import load_policy
from bootkeep.edges.host import LiveHost
from bootkeep.edges.spool import Spool
from bootkeep.edges.store import Store
from bootkeep.facts.codec import to_json
from bootkeep.facts.runbook import Freshness
from bootkeep.fleet.notices import notices_of
from bootkeep.fleet.pages import write_pages
from bootkeep.fleet.store_pages import StorePages
from bootkeep.flows.check import check
from bootkeep.flows.delivery import answer, signed_status
from bootkeep.flows.runbook import FINGERPRINT_FILE, RUNBOOK_FOLDER, PrintedRunbook
from bootkeep.flows.runbook_watch import EVERY_S, PAUSE_S, RunbookWatch, RunbookWord
from bootkeep.lab.hostile_minion import Scene
from bootkeep.runbook.fingerprint import fingerprint_of
from fleet.receivers import policy_of, smtp

DOCUMENT = "RB-0A1B2C3D"


def host_with_runbook(root: Path) -> None:
    """A system below ``root`` that remembers its paper; half of it cannot be read, as it was never booted."""
    (root / "etc").mkdir(parents=True)
    (root / "etc/fstab").write_text("UUID=1 / ext4 defaults 0 1\n")
    folder = root / RUNBOOK_FOLDER
    folder.mkdir(parents=True)
    policy = load_policy()
    fingerprint = fingerprint_of(check(LiveHost(root), policy).state, policy)
    printed = PrintedRunbook(DOCUMENT, "2026-11-20T10:00:00Z", "web1", fingerprint)
    (folder / "runbook.txt").write_text("RESCUE RUNBOOK  web1\n")
    (folder / FINGERPRINT_FILE).write_text(to_json(printed))


def test_the_host_asks_when_something_moved_and_never_waits(tmp_path: Path) -> None:
    """A child of its own checks; what cannot be read is UNKNOWN, what certainly moved is named."""
    watch = RunbookWatch(tmp_path / "none")
    assert not watch.look(0.0)  # no runbook, nothing to ask
    watch.wait(0.0)
    host_with_runbook(tmp_path)
    watch = RunbookWatch(tmp_path)
    assert not watch.look(0.0)
    watch.wait(120)
    assert watch.look(1.0)
    assert watch.word == RunbookWord(DOCUMENT, "UNKNOWN", ())
    (tmp_path / "etc/fstab").write_text("UUID=2 / ext4 defaults 0 1\n")
    assert not watch.look(2.0)  # too soon after the last one
    assert not watch.look(PAUSE_S + 1)
    watch.wait(120)
    assert watch.look(PAUSE_S + 2)
    assert watch.word == RunbookWord(DOCUMENT, "INVALID", ("mounts",))
    assert not watch.look(PAUSE_S + 3)
    for moment in (EVERY_S - 1, EVERY_S + 2 * PAUSE_S):  # nothing moved: once an hour, with the same answer
        assert not watch.look(moment)
        watch.wait(120)
    assert not watch.look(EVERY_S + 3 * PAUSE_S)
    assert watch.word.of("RB-00000000") == ("UNKNOWN", ())


def test_the_masters_copy_is_what_it_is_about(tmp_path: Path) -> None:
    """A new paper on the host makes the copy stale until it is fetched; then the host's word about it counts."""
    scene = Scene(tmp_path)
    root = tmp_path / "host"
    host_with_runbook(root)
    spool = Spool(Store(tmp_path / "spool"))

    def say(word: RunbookWord) -> None:
        _tag, data = signed_status(spool, host="web1", key=scene.keys["web1"], root=root, word=word)
        scene.intake.told(data, scene.now)

    def state() -> tuple[str, str]:
        row = scene.store.host("web1")
        assert row is not None
        return row.runbook_state, row.runbook_moved

    say(RunbookWord(DOCUMENT, "STALE-MINOR", ("people", "packages", "<script>")))
    assert state() == ("UNKNOWN", "")  # the master has no copy
    asked = scene.ask()
    assert asked["runbook"] == DOCUMENT
    request = {**asked, "nonce": scene.nonce}
    said = answer(spool, request, host="web1", key=scene.keys["web1"], master="m", root=root)
    scene.intake.answered("web1", said, scene.now)
    assert state() == ("STALE-MINOR", "packages, people")
    say(RunbookWord(DOCUMENT, "FRESH"))
    assert state() == ("FRESH", "")
    printed = json.loads((root / RUNBOOK_FOLDER / FINGERPRINT_FILE).read_text())
    (root / RUNBOOK_FOLDER / FINGERPRINT_FILE).write_text(json.dumps(printed | {"document_id": "RB-11111111"}))
    say(RunbookWord("RB-11111111", "FRESH"))
    assert state() == ("STALE", "")
    (root / RUNBOOK_FOLDER / FINGERPRINT_FILE).unlink()
    say(RunbookWord(DOCUMENT, "FRESH"))
    assert state() == ("UNKNOWN", "")  # the host has none any more
    scene.store.close()


def test_it_is_shown_and_told(tmp_path: Path) -> None:
    """Overview, host page, ``fleet status --json`` and the message about an overdue runbook; since when it does not fit is kept."""
    scene = Scene(tmp_path)
    with scene.store.writing() as writer:
        writer.save_runbook(
            "web1", DOCUMENT, "text", generated_at="2026-01-01T00:00:00Z", fingerprint="{}", now=now_utc()
        )
        writer.set_runbook_state("web1", "FRESH", "", now="2026-11-01T00:00:00Z")
        writer.set_runbook_state("web1", "STALE", "kernels", now="2026-11-02T00:00:00Z")
        writer.set_runbook_state("web1", "INVALID", "kernels, mounts", now="2026-11-25T00:00:00Z")
    now = "2026-11-26T00:00:00Z"
    source = StorePages(scene.store, now=now)
    (host,) = source.hosts()
    assert (host.runbook, host.runbook_bad_since) == (Freshness.INVALID, "2026-11-02T00:00:00Z")
    write_pages(source, tmp_path / "site", now=now)
    overview, page = ((tmp_path / "site" / name).read_text() for name in ("index.html", "hosts/web1/index.html"))
    assert '<span class="badge high">invalid</span>' in overview
    assert "its commands may hit the wrong thing" in page and "changed since it was written: kernels, mounts" in page
    policy = policy_of(smtp("127.0.0.1:1"), overdue_days=14.0)
    (notice,) = notices_of(source.hosts(), (), policy, now=now)
    assert "INVALID (kernels, mounts changed)" in notice.sentence
    assert list(notices_of(source.hosts(), (), policy, now="2026-11-15T23:00:00Z")) == []  # 14 days are not over
    dsn = str(scene.store.engine.url)
    scene.store.close()
    app = typer.Typer()
    command.register(app)
    app.command("other")(lambda: None)
    done = CliRunner().invoke(app, ["fleet", "status", "--json", "--store", dsn])
    (row,) = json.loads(done.stdout)["hosts"]
    assert (row["runbook_state"], row["runbook_moved"]) == ("INVALID", "kernels, mounts")
