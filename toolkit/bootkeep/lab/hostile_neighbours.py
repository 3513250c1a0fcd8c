"""What a compromised minion may do to all the others: on the bus, on the shared pages, and to the one worker of the master."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from bootkeep.edges.signing import ANSWER
from bootkeep.fleet.conversation import Wish
from bootkeep.fleet.jobs import Jobs
from bootkeep.fleet.pages import write_pages
from bootkeep.fleet.reporting import report_pending
from bootkeep.fleet.store_pages import StorePages
from bootkeep.lab.hostile_acts import Act
from bootkeep.lab.hostile_minion import ID, OTHER, Scene, record

_NOW = "2026-11-25T12:10:00Z"


def returning(answer: object) -> Act:
    """Return this for web2 to a question that was web2's, a hundred times, before web2 answers."""

    def act(scene: Scene) -> str:
        scene.announce(OTHER, host="web2")
        scene.ask()
        jobs = Jobs(scene.intake)
        jobs.published("20261125120000000000", scene.nonce, ["web2"], scene.now)
        for _ in range(100):
            jobs.returned("20261125120000000000", "web2", answer, scene.now)
        said = scene.signed(ANSWER, {"host": "web2", "nonce": scene.nonce, "confirmed": [], "errors": {}}, key="web2")
        over = jobs.returned("20261125120000000000", "web2", said, scene.now)
        return "web2's own answer was taken" if over else "web2 was silenced"

    return act


def reconciling(scene: Scene) -> str:
    """Have everybody list everything, without end: 10,000 events in a minute."""
    del scene
    wish, done = Wish(30.0), 0
    for number in range(10_000):
        wish.heard()
        done += wish.due(number * 60 / 10_000)
    return f"everybody was asked {done} times"


def missing_hooks(scene: Scene) -> str:
    """Deliver transactions that no hook saw, each of which calls for a look at the host."""
    for number in range(30):
        id = f"20261125T1200{number:02}Z-0123abcd"
        scene.deliver({"record.json": record(id, hook_missed="nothing saw it")}, id=id)
    return f"{len(scene.store.records())} stored, {len(scene.store.captures('asked'))} look asked for"


def dating(started_at: str) -> Act:
    """Let pages be written, and then a transaction have begun at that time; what becomes of a neighbour's new transaction."""

    def act(scene: Scene) -> str:
        site = scene.folder / "site"
        _put(scene, "20261125T115900Z-0123abcd", "2026-11-25T11:59:00Z")
        write_pages(StorePages(scene.store, now=_NOW), site, now=_NOW)
        _put(scene, ID, started_at)
        _put(scene, OTHER, "2026-11-25T12:00:01Z")
        write_pages(StorePages(scene.store, now=_NOW), site, now=_NOW)
        shown = "12:00:01" in (site / "timeline" / "2026-11-25.html").read_text("utf-8")
        days = sorted(path.stem for path in (site / "timeline").iterdir())
        _away(site)
        return f"{'shown' if shown else 'NOT shown'}, days: {', '.join(days)}"

    return act


def turning(scene: Scene) -> str:
    """Turn the line around in the search's data, which a script shows and no template."""
    scene.deliver({"record.json": record(outcome_detail="\u202eOG \u2066x\u200b\x1b[2J")})
    site = scene.folder / "site"
    write_pages(StorePages(scene.store, now=_NOW), site, now=_NOW)
    (text,) = [path.read_text("ascii") for path in (site / "data").iterdir()]
    _away(site)
    rows = json.loads(text[text.index("[") : text.rindex(")")])
    odd = sum(not char.isprintable() for row in rows for cell in row for char in str(cell))
    return f"{len(rows)} row, {odd} letters that are not seen"


def over_its_share(scene: Scene) -> str:
    """Have records stored while there is room, and let their reports fill the disk."""
    for number in range(5):
        id = f"20261125T12000{number}Z-0123abcd"
        scene.deliver({"record.json": record(id)}, id=id)
    row = scene.store.host("web1")
    assert row is not None
    made = report_pending(scene.store, share=row.bytes + row.other_bytes + 10)
    return f"{len(scene.store.records())} stored, {len(made)} report made, {len(scene.store.unreported())} pending"


def copies(count: int, size: int) -> Mapping[str, bytes]:
    """A record with copies of configuration files that pack well."""
    files = {"record.json": record()}
    for number in range(count):
        content = b"%d" % number + b"\0" * size
        files[f"blobs/{hashlib.sha256(content).hexdigest()}"] = gzip.compress(content, mtime=0)
    return files


def ticking(ticks: int) -> bytes:
    """A record.json whose process began then."""
    caller = json.loads(record())["caller"]
    return record(caller=caller | {"start_ticks": ticks})


def _put(scene: Scene, id: str, started_at: str) -> None:
    scene.deliver({"record.json": record(id, started_at=started_at)}, id=id)


def _away(site: Path) -> None:
    for path in sorted(site.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    site.rmdir()
