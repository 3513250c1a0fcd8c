"""What a compromised minion may do, one function a way: each is tried on a scene of its own (hostile_cases)."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bootkeep.edges.signing import ANNOUNCEMENT, ANSWER, STATUS
from bootkeep.fleet.pages import write_pages
from bootkeep.fleet.reporting import report_pending
from bootkeep.fleet.store_pages import StorePages
from bootkeep.lab.hostile_minion import ID, OTHER, POISON, Scene, file, manifest_of, piece, record, snapshot

#: Does it. What it returns, if anything, is what happened; else the store and the refusals say it.
Act = Callable[[Scene], str | None]


def event(data: object) -> Act:
    """Put this on the bus."""
    return lambda scene: scene.intake.announced(data, scene.now)


def announcing(**arguments: str) -> Act:
    """Announce so."""
    return lambda scene: scene.announce(**arguments)


def naming(*names: str, **changed: Any) -> Act:
    """Send a manifest of these files."""
    return lambda scene: manifest_of(scene, [file(name) for name in names], **changed)


def listing(files: object) -> Act:
    """Send a manifest with this in the place of its files."""
    return lambda scene: manifest_of(scene, files)


def sized(size: object) -> Act:
    """Send a manifest of a file of this size."""
    return lambda scene: manifest_of(scene, [file("record.json", size=size)])


def delivering(files: Mapping[str, bytes] | Callable[[], Mapping[str, bytes]]) -> Act:
    """Deliver a record of these files."""
    return lambda scene: scene.deliver(files() if callable(files) else files)


def piecing(content: bytes, offset: object = 0) -> Act:
    """Send this in the place of ``abc``."""
    return lambda scene: piece(scene, base64.b64encode(content).decode("ascii"), 3, offset)


def flood(scene: Scene) -> None:
    """Announce without end."""
    for number in range(2000):
        scene.announce(f"20261125T1200{number % 60:02d}Z-{number:08x}")


def twice(scene: Scene) -> None:
    """Announce what is stored already."""
    scene.deliver({"record.json": record(), "post.json.gz": snapshot()})
    for _ in range(3):
        scene.announce(digest=scene.store.records()[0].digest)
        scene.ask()
        scene.answer()


def runbook(scene: Scene, document: str, text: bytes) -> None:
    """Send a runbook."""
    status = {"host": "web1", "status": {}, "runbook": {"document_id": "RB-00000001"}}
    scene.intake.told(scene.signed(STATUS, status), scene.now)
    scene.ask()
    packed = base64.b64encode(text).decode("ascii")
    said = {
        "document_id": document,
        "generated_at": "",
        "fingerprint": '{"overall": "", "sections": []}',
        "text": packed,
    }
    scene.answer(runbook=said)


def poisoned_status(scene: Scene) -> None:
    """Wrong types and poison in every field of a status."""
    said = {"name": POISON * 50, "running_kernel": ["x"], "verdict": "GO", "waiting": "many", "reboot_pending": "yes"}
    lists = {"waiting": [POISON, 7, None], "dropped": [["../.."]], "runbook": {"document_id": "../x"}}
    scene.intake.told(scene.signed(STATUS, {"host": "web1", "status": said, **lists}), scene.now)


def other_purpose(scene: Scene) -> None:
    """A signature that was given for something else."""
    body = {"host": "web1", "announcement": {"id": ID, "digest": "a" * 64}}
    scene.intake.announced(scene.signed(STATUS, body), scene.now)


def other_answer(scene: Scene) -> None:
    """An answer in the name of a neighbour who was asked."""
    scene.announce(host="web2")
    scene.ask()
    scene.answer(host="web2", key="web1")


def saying(text: str, purpose: str = ANNOUNCEMENT) -> Act:
    """Send this very text with web1's own good signature."""

    def act(scene: Scene) -> None:
        data = scene.signed_text(purpose, text)
        (scene.intake.told if purpose == STATUS else scene.intake.announced)(data, scene.now)

    return act


def stating(said: Mapping[str, Any] | None = None, **lists: Any) -> Act:
    """Send a status; what is on record of web1 afterwards, as far as it is a text."""

    def act(scene: Scene) -> str | None:
        body = {"host": "web1", "status": dict(said or {}), **lists}
        scene.intake.told(scene.signed(STATUS, body), scene.now)
        row = scene.store.host("web1")
        return None if row is None else f"{len(scene.store.alerts())} alerts, runbook {row.runbook_state}"

    return act


def fresh_forever(scene: Scene) -> str:
    """Hand over one runbook, and speak well of another."""
    runbook(scene, "RB-00000001", gzip.compress(b"R1. look\n"))
    good = {"document_id": "RB-00000002", "state": "FRESH", "moved": ["<script>alert(1)</script>"]}
    scene.intake.told(scene.signed(STATUS, {"host": "web1", "status": {}, "runbook": good}), scene.now)
    row = scene.store.host("web1")
    assert row is not None
    return f"the copy of {row.runbook} is {row.runbook_state}{row.runbook_moved and ' ' + row.runbook_moved}"


def answering(**body: Any) -> Act:
    """Be asked for the record, and answer this."""

    def act(scene: Scene) -> None:
        scene.announce()
        scene.ask()
        scene.answer(**body)

    return act


def answer_twice(scene: Scene) -> None:
    """Replay a good answer."""
    scene.deliver({"record.json": record()})
    scene.answer(manifests={}, pieces=[])


def status_flood(scene: Scene) -> None:
    """Speak of itself without end."""
    for _ in range(700):
        scene.intake.told(scene.signed(STATUS, {"host": "web1", "status": {}}), scene.now)


def drowned(scene: Scene) -> str:
    """Speak 2,000 times in web2's name, and let web2 speak once."""
    for number in range(2000):
        scene.announce(f"20261125T1200{number % 60:02d}Z-{number:08x}", host="web2", key="web1")
    scene.announce(OTHER, host="web2")
    scene.now += 5.0
    asked = [host for question in scene.intake.questions(scene.now) for host in question.hosts]
    scene.intake.refusals.flush()
    refused = sum(row.times for row in scene.store.refusals())
    return f"{refused} refused, then asked: {', '.join(asked)}"


def strangers(scene: Scene) -> str:
    """One malformed event each under 3,000 names that it makes up."""
    for number in range(3000):
        scene.intake.announced({"id": f"made-up-{number}", "text": "{"}, scene.now)
    scene.intake.refusals.flush()
    rows = scene.store.refusals()
    return f"{len(rows)} row, {rows[0].sender}: {rows[0].why}, {rows[0].times} times"


def many_records(scene: Scene) -> None:
    """One record more than a host's share."""
    for number in range(3):
        id = f"20261125T12000{number}Z-0123abcd"
        scene.deliver({"record.json": record(id)}, id=id)


def same_again(scene: Scene) -> None:
    """Records of files that are in the store already, so that only their manifests are new."""
    copies = {}
    for number in range(300):
        content = b"%d" % number
        copies[f"blobs/{hashlib.sha256(content).hexdigest()}"] = gzip.compress(content, mtime=0)
    for number in range(4):
        id = f"20261125T12000{number}Z-0123abcd"
        scene.deliver({"record.json": record(id), **copies}, id=id)


def long_index(scene: Scene) -> str:
    """Answer the question for its list with 8,000 records that nobody will ever see."""
    scene.intake.reconcile(["web1"], scene.now)
    scene.ask()
    scene.answer(waiting=[[f"20261125T{number:06d}Z-0123abcd", f"{number:064x}"] for number in range(8000)])
    remembered = len(scene.intake._hosts["web1"].pending)
    return f"{len(scene.ask()['records'])} asked for, {remembered} remembered"


def pages_of(poison: str) -> Act:
    """Store a record with poison in every field, make its report, write the pages, and read every byte of them."""

    def act(scene: Scene) -> str:
        scene.deliver({"record.json": record(poison=poison), "pre.json.gz": snapshot(host=poison),
                       "post.json.gz": snapshot(host=poison, boot_id=poison)})  # fmt: skip
        said = {"name": poison, "system": poison, "running_kernel": poison, "last_good_kernel": poison}
        scene.intake.told(scene.signed(STATUS, {"host": "web1", "status": said}), scene.now)
        runbook(scene, "RB-00000001", gzip.compress(poison.encode("ascii", "replace")))
        report_pending(scene.store)
        now = "2026-11-25T12:10:00Z"
        site = scene.folder / "site"
        done = write_pages(StorePages(scene.store, now=now), site, now=now)
        texts = [path.read_text("utf-8", "replace") for path in site.rglob("*.html")]
        live = sum("<script>alert" in text or "<img src=x" in text for text in texts)
        names = {path.relative_to(site).parts[0] for path in site.rglob("*")}
        odd = names - {".bootkeep", "hosts", "timeline", "data", "index.html", "timeline.html"}
        for path in sorted(site.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        site.rmdir()
        return f"{done.written} pages, {live} with a live tag, {len(odd)} files of its own"

    return act


def reacting(tag: str) -> Act:
    """Put an event with this tag on the bus: what the reactor for a minion's start makes of it."""

    def act(scene: Scene) -> str:
        del scene
        file = Path(__file__).resolve().parents[3] / "salt" / "reactor" / "bootkeep" / "minion_start.sls"
        room: dict[str, Any] = {"tag": tag, "data": {"id": POISON}}
        exec(compile(file.read_bytes(), str(file), "exec"), room)  # noqa: S102 - as Salt's own renderer, our own file
        made = room["run"]()
        return f"reactions: {json.dumps(made)}" if made else "no reaction"

    return act


def linked(scene: Scene) -> str:
    """Make the files of a record links to what root may read, in the host's own store."""
    from bootkeep.edges.spool import Spool
    from bootkeep.edges.store import Store

    root = scene.folder / "spool"
    place = root / "transactions" / ID
    place.mkdir(parents=True)
    (place / "record.json").write_bytes(record())
    (place / "post.json.gz").symlink_to("/etc/shadow")
    (place / "verdict-post.json").symlink_to(scene.keys["web2"])
    (root / "transactions" / OTHER).symlink_to("/etc")
    names = [one.name for one in Spool(Store(root)).manifest(ID).files]
    for path in sorted(root.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    root.rmdir()
    return f"sent: {', '.join(names)}"


def nested_answer(scene: Scene) -> None:
    """Answer with what costs a parser its stack."""
    scene.announce()
    scene.ask()
    text = '{"host": "web1", "nonce": "' + scene.nonce + '", "pieces": ' + "[" * 10000 + "]" * 10000 + "}"
    scene.intake.answered("web1", scene.signed_text(ANSWER, text), scene.now)


def many_packages(count: int) -> bytes:
    """A record.json of so many packages."""
    plain = json.loads(record())
    plain["steps"][0]["changes"] *= count
    return json.dumps(plain).encode()


def surrogate_fingerprint(scene: Scene) -> None:
    """A runbook whose fingerprint holds what no database takes as text."""
    status = {"host": "web1", "status": {}, "runbook": {"document_id": "RB-00000001"}}
    scene.intake.told(scene.signed(STATUS, status), scene.now)
    scene.ask()
    fingerprint = json.dumps({"overall": "\ud800\x00", "sections": []}, ensure_ascii=False)
    packed = base64.b64encode(gzip.compress(b"R1. look\n")).decode("ascii")
    scene.answer(
        runbook={"document_id": "RB-00000001", "generated_at": "\ud800", "fingerprint": fingerprint, "text": packed}
    )
