"""The hostile-input table: what a compromised minion may send, and what happened.

    python -m bootkeep.lab.hostile_cases

``web1`` is the compromised minion and has an accepted key; ``web2`` is its neighbour, of which no row may come into being,
whatever web1 sends. Each input meets a fresh store.
"""

from __future__ import annotations

import base64
import gzip
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bootkeep.edges.signing import STATUS
from bootkeep.fleet.limits import Limits
from bootkeep.lab.hostile_minion import ID, OTHER, POISON, Scene, bomb, file, manifest_of, piece, record, snapshot
from bootkeep.lab.salt_daemons import remove, scratch_folder

Act = Callable[[Scene], None]


@dataclass(frozen=True, slots=True)
class Case:
    """One input, and what the outcome has to begin with."""

    what: str
    expected: str
    act: Act
    limits: Limits = field(default_factory=Limits)


def event(data: object) -> Act:
    """Put this on the bus."""
    return lambda scene: scene.intake.announced(data, scene.now)


def announcing(**arguments: str) -> Act:
    """Announce so."""
    return lambda scene: scene.announce(**arguments)


def naming(*names: str, **changed: Any) -> Act:
    """Send a manifest of these files."""
    return lambda scene: manifest_of(scene, [file(name) for name in names], **changed)


def sized(size: int) -> Act:
    """Send a manifest of a file of this size."""
    return lambda scene: manifest_of(scene, [file("record.json", size=size)])


def delivering(files: Mapping[str, bytes] | Callable[[], Mapping[str, bytes]]) -> Act:
    """Deliver a record of these files."""
    return lambda scene: scene.deliver(files() if callable(files) else files)


def piecing(content: bytes, offset: int = 0) -> Act:
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
    said = {"document_id": document, "generated_at": "", "fingerprint": '{"sections": {}}', "text": packed}
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


_HOSTS = (
    *(
        "../../etc/cron.d/x",
        "a/b",
        "",
        ".ssh",
        "web1\nevil: {local.cmd.run: id}",
        "{{ 7*7 }}",
        "w" * 300,
        "web1\0",
        "*",
    ),
)
_IDS = ("../../../etc/passwd", "", "x\nevil:\n  local.cmd.run: id", "{{ id }}", f"{ID}/../x", "9" * 5000)
_PATHS = (
    *("../../../../etc/cron.d/x", "/etc/shadow", "record.json/../../x", "sealed/pre/ab", "config/../../x.json"),
    *("delivered", "blobs/" + "z" * 64, "post.json.gz\n", "verdict-{{x}}.json", "line.json"),
)
_NESTED = '{"host": "web1", "announcement": ' + "[" * 30000 + "]" * 30000 + "}"
_UNSIGNED = '{"host": "web1", "announcement": {}}'
_MANY = (*(f"blobs/{number:064x}" for number in range(6000)), "record.json")
_WRONG_COPY = {"record.json": record(), "blobs/" + "a" * 64: gzip.compress(b"x")}

CASES: tuple[Case, ...] = (
    Case("an event that is no mapping", "refused: malformed", event("x")),
    Case("an event whose text is a list", "refused: malformed", event({"text": [1]})),
    Case("an event of 70 KiB", "refused: oversized", event({"text": "x" * 70000})),
    Case("an event that is no JSON", "refused: malformed", event({"text": "{"})),
    Case("30,000 nested lists", "refused: malformed", event({"text": _NESTED, "signature": ""})),
    *(
        Case(f"announcement of host {name[:30]!r}", "refused: bad host name", announcing(host=name, key="web1"))
        for name in _HOSTS
    ),
    Case("announcement of a host without a key", "refused: no accepted key", announcing(host="stranger")),
    Case("web2's announcement, signed by web1", "refused: forged", announcing(host="web2", key="web1")),
    Case("announcement without a signature", "refused: not signed", event({"text": _UNSIGNED})),
    Case("a status' signature under an announcement", "refused: forged", other_purpose),
    *(Case(f"transaction {name[:30]!r}", "refused: bad id", announcing(id=name)) for name in _IDS),
    Case("a digest that is none", "refused: malformed", announcing(digest="../" + "a" * 61)),
    Case("2,000 announcements at once", "refused: too many", flood),
    Case("status with wrong types and poison", "ignored", poisoned_status),
    Case("an answer that nobody asked for", "refused: not asked", lambda scene: scene.answer(nonce="x" * 32)),
    Case("web2's answer, signed by web1", "refused: forged", other_answer),
    *(Case(f"file {name[:30]!r} in a manifest", "refused: bad path", naming(name, "record.json")) for name in _PATHS),
    Case("a manifest of 6,000 files", "refused: oversized", naming(*_MANY)),
    Case("a file of 2^60 bytes", "refused: oversized", sized(2**60)),
    Case("a file of -1 bytes", "refused: malformed", sized(-1)),
    Case("a manifest that names a file twice", "refused: malformed", naming("record.json", "record.json")),
    Case("a manifest of another transaction", "refused: bad id", naming("record.json", id=OTHER)),
    Case("a manifest of schema 99", "refused: bad schema", naming("record.json", schema=99)),
    Case("a piece that is no Base64", "refused: malformed", lambda scene: piece(scene, "%%%", 3)),
    Case("a piece longer than its file", "refused: oversized", piecing(b"abcdef")),
    Case("a piece with another content", "refused: wrong digest", piecing(b"abd")),
    Case("a piece at another offset", "ignored", piecing(b"abc", offset=77)),
    Case("a snapshot that unpacks to 150 MiB", "refused: malformed",
         delivering(lambda: {"record.json": record(), "post.json.gz": bomb()})),
    Case("a snapshot that is no gzip", "refused: malformed", delivering({"record.json": record(), "post.json.gz": b"x"})),
    Case("a snapshot of a newer schema", "refused: bad schema",
         delivering({"record.json": record(), "post.json.gz": snapshot(schema=99)})),
    Case("a copy that is not what its name says", "refused: wrong digest", delivering(_WRONG_COPY)),
    Case("record.json of another transaction", "refused: bad id", delivering({"record.json": record(OTHER)})),
    Case("record.json that is cut", "refused: malformed", delivering({"record.json": record()[:50]})),
    Case("record.json with wrong types", "refused: malformed", delivering({"record.json": record(steps="none")})),
    Case("more bytes than a host's share", "refused: quota", delivering({"record.json": record()}), Limits(host=10)),
    Case("the id of a runbook that is a path", "refused: bad id",
         partial(runbook, document="../../x", text=gzip.compress(b"x"))),
    Case("a runbook that unpacks to 150 MiB", "refused: malformed",
         lambda scene: runbook(scene, "RB-00000001", bomb())),
    Case("YAML, Jinja, HTML and SQL in every field", "1 stored",
         delivering({"record.json": record(poison=POISON), "post.json.gz": snapshot(host=POISON)})),
    Case("the same record, announced four times", "1 stored", twice),
)  # fmt: skip


def outcomes() -> list[tuple[Case, str, bool]]:
    """Every case on a scene of its own: what happened, and whether web2 and everything outside the store are untouched."""
    return [one_outcome(case) for case in CASES]


def one_outcome(case: Case) -> tuple[Case, str, bool]:
    """See :func:`outcomes`."""
    folder = scratch_folder("hostile")
    try:
        scene = Scene(folder, case.limits)
        case.act(scene)
        files = {path.name for path in folder.rglob("*") if path.is_file()}
        own = {f"{host}.pem" for host in scene.keys} | {f"fleet.sqlite{end}" for end in ("", "-wal", "-shm")}
        untouched = scene.store.host("web2") is None and files <= own
        happened = scene.outcome()
        scene.store.close()
        return case, happened, untouched
    finally:
        remove(folder)


def main() -> int:
    """Print the table; exit code 1 when something was not turned away as it should be."""
    bad = 0
    for case, happened, untouched in outcomes():
        good = happened.startswith(case.expected) and untouched
        bad += not good
        sys.stdout.write(f"{'ok ' if good else 'BAD'}  {case.what:<58} {happened}\n")
    sys.stdout.write(f"{len(CASES)} inputs, {bad} not as they should be\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
