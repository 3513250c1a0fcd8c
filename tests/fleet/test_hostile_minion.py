"""A compromised minion can neither write outside its own records nor fill the master's disk, whatever it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bootkeep.edges.spool import Spool
from bootkeep.edges.store import Store
from bootkeep.fleet.limits import Limits
from bootkeep.fleet.reporting import build_stored_report, report_pending
from bootkeep.lab.hostile_acts import many_records
from bootkeep.lab.hostile_cases import CASES, Case, one_outcome
from bootkeep.lab.hostile_minion import ID, POISON, Scene, record, snapshot
from bootkeep.reports.html import render_html


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_what_a_compromised_minion_sends_is_turned_away(case: Case) -> None:
    """The table of `python -m bootkeep.lab.hostile_cases`."""
    _case, happened, untouched = one_outcome(case)
    assert happened.startswith(case.expected), happened
    assert untouched


def test_poison_in_a_record_stays_text_in_the_report(tmp_path: Path) -> None:
    """No script reaches the page, and what the fields say is shown as what it is."""
    scene = Scene(tmp_path)
    scene.deliver({"record.json": record(poison=POISON), "pre.json.gz": snapshot(), "post.json.gz": snapshot()})
    assert report_pending(scene.store) == (("web1", ID),)
    page = render_html(build_stored_report(scene.store, "web1", ID))
    assert "<script>alert(1)" not in page
    assert "<img src=x" not in page
    (row,) = scene.store.transactions()
    assert "\0" not in row.command
    scene.store.close()


def test_a_flood_takes_one_row_and_does_not_silence_the_neighbour(tmp_path: Path) -> None:
    """Each host has its own bucket."""
    scene = Scene(tmp_path, Limits(burst=10, rate=0.001))
    for number in range(100):
        scene.announce(f"20261125T120000Z-{number:08x}")
    scene.announce(host="web2")
    asked = next(iter(scene.intake.questions(scene.now + 5)))
    assert set(asked.hosts) == {"web1", "web2"}
    scene.intake.refusals.flush()
    (refusal,) = scene.store.refusals()
    assert (refusal.sender, refusal.why, refusal.times) == ("unknown", "too many", 90)
    scene.store.close()


def test_what_was_too_much_is_taken_when_something_has_gone(tmp_path: Path) -> None:
    """A record beyond the host's share is turned away, not forgotten: the same one is welcome once there is room."""
    scene = Scene(tmp_path, Limits(records=2))
    many_records(scene)
    oldest, newest = "20261125T120000Z-0123abcd", "20261125T120002Z-0123abcd"
    assert {row.id for row in scene.store.records("web1")} == {oldest, "20261125T120001Z-0123abcd"}
    row = scene.store.host("web1")
    assert row is not None and "2 is its share" in row.problem
    with scene.store.writing() as writer:
        writer.forget_transactions("web1", [oldest])
    scene.deliver({"record.json": record(newest)}, id=newest)
    assert {row.id for row in scene.store.records("web1")} == {"20261125T120001Z-0123abcd", newest}
    row = scene.store.host("web1")
    assert row is not None and row.problem == ""
    scene.store.close()


def test_everything_that_a_host_makes_the_master_keep_counts(tmp_path: Path) -> None:
    """Bodies, manifests, verdicts and reports; the running count and the one from the start agree."""
    scene = Scene(tmp_path)
    verdict = b'{"judgement": "GO", "findings": []}'
    files = {
        "record.json": record(),
        "pre.json.gz": snapshot(),
        "post.json.gz": snapshot(),
        "verdict-post.json": verdict,
    }
    scene.deliver(files)
    row = scene.store.host("web1")
    assert row is not None
    bodies = set(files.values())
    assert row.bytes == sum(len(content) for content in bodies)
    assert row.other_bytes == len(scene.store.records("web1")[0].manifest) + len("[]")
    report_pending(scene.store)
    more = scene.store.host("web1")
    assert more is not None and more.other_bytes > row.other_bytes + 200
    with scene.store.writing() as writer:
        writer.count_share("web1")
    exact = scene.store.host("web1")
    assert exact is not None
    assert exact.bytes == row.bytes
    assert row.other_bytes < exact.other_bytes <= more.other_bytes
    scene.store.close()


def test_links_in_a_hosts_store_lead_nowhere(tmp_path: Path) -> None:
    """Whoever can write into the store of a host cannot make its root's files leave it."""
    place = tmp_path / "transactions" / ID
    (place / "config").mkdir(parents=True)
    (place / "record.json").write_bytes(record())
    (tmp_path / "secret").write_text("secret")
    (place / "post.json.gz").symlink_to(tmp_path / "secret")
    (place / "verdict-post.json").symlink_to("/etc/shadow")
    (place / "config" / "pre.json").write_text(json.dumps({"/etc/x": "../../../secret", "/etc/y": "f" * 64}))
    manifest = Spool(Store(tmp_path)).manifest(ID)
    assert [file.name for file in manifest.files] == ["config/pre.json", "record.json"]
