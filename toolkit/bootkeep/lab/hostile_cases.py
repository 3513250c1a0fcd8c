"""The hostile-input table: what a compromised minion may send, and what happened.

    python -m bootkeep.lab.hostile_cases

``web1`` is the compromised minion and has an accepted key; ``web2`` is its neighbour, of which no row may come into being,
whatever web1 sends. Each input meets a fresh store.
"""

from __future__ import annotations

import gzip
import sys
from dataclasses import dataclass, field
from functools import partial

from bootkeep.edges.signing import STATUS
from bootkeep.fleet.limits import Limits
from bootkeep.lab.hostile_acts import (
    Act,
    announcing,
    answer_twice,
    answering,
    delivering,
    drowned,
    event,
    flood,
    fresh_forever,
    linked,
    listing,
    long_index,
    many_packages,
    many_records,
    naming,
    nested_answer,
    other_answer,
    other_purpose,
    pages_of,
    piecing,
    poisoned_status,
    reacting,
    runbook,
    same_again,
    saying,
    sized,
    stating,
    status_flood,
    strangers,
    surrogate_fingerprint,
    twice,
)
from bootkeep.lab.hostile_minion import ID, OTHER, POISON, Scene, bomb, piece, record, snapshot
from bootkeep.lab.hostile_neighbours import (
    copies,
    dating,
    missing_hooks,
    over_its_share,
    reconciling,
    returning,
    ticking,
    turning,
)
from bootkeep.lab.salt_daemons import remove, scratch_folder


@dataclass(frozen=True, slots=True)
class Case:
    """One input, and what the outcome has to begin with."""

    what: str
    expected: str
    act: Act
    limits: Limits = field(default_factory=Limits)


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
    *("web1 ", "web1\n", "w\u0435b1", "web1\ud800", "-rf", "web1;id", "C:\\x", "web1\u202e"),
)
_IDS = ("../../../etc/passwd", "", "x\nevil:\n  local.cmd.run: id", "{{ id }}", f"{ID}/../x", "9" * 5000,
        f"{ID}\n", ID.lower(), f"{ID}\0", "\ud800", f"{ID}.json", "-rf")  # fmt: skip
_PATHS = (
    *("../../../../etc/cron.d/x", "/etc/shadow", "record.json/../../x", "sealed/pre/ab", "config/../../x.json"),
    *("delivered", "blobs/" + "z" * 64, "post.json.gz\n", "verdict-{{x}}.json", "line.json"),
    *(
        "record.json\0",
        "RECORD.JSON",
        "./record.json",
        "config\\pre.json",
        "blobs/" + "A" * 64,
        "post.json.gz/",
        "\ud800",
    ),
)
_NESTED = '{"host": "web1", "announcement": ' + "[" * 30000 + "]" * 30000 + "}"
_TAGS = ("x\nevil:\n  local.cmd.run:\n    - tgt: '*'", "{{ 7*7 }}", "../../x", "a/b", "web1\n", "*", "w" * 300)
_DEEP = b'{"x": ' + b"[" * 20000 + b"]" * 20000 + b"}"
_SIZES: tuple[object, ...] = ("3", 1.5, None, True, [3], {})
_LARGE = {"name": "restored.json", "sha256": "c" * 64, "size": 9 * 1024 * 1024}
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
    # JSON that two readers may take for different things
    Case("a key that stands twice: host web2, then web1", "refused: malformed",
         saying('{"host": "web2", "host": "web1", "announcement": {}}')),
    Case("NaN in an announcement", "refused: malformed", saying('{"host": "web1", "announcement": NaN}')),
    Case("Infinity in a status", "refused: malformed", saying('{"host": "web1", "status": {"waiting": -Infinity}}', STATUS)),
    Case("a number of 60,000 digits", "refused: malformed", saying('{"host": "web1", "x": ' + "9" * 60000 + "}")),
    Case("half a surrogate, as an escape, for an id", "refused: bad id",
         saying('{"host": "web1", "announcement": {"id": "\\ud800", "digest": "' + "a" * 64 + '"}}')),
    Case("half a surrogate, raw, in a signed text", "refused: forged",
         event({"text": '{"host": "web1", "x": "\ud800"}', "signature": "AAAA"})),
    Case("a byte order mark before the JSON", "refused: malformed", saying("\ufeff" + _UNSIGNED)),
    Case("a signature of 5,000 letters", "refused: not signed", event({"text": _UNSIGNED, "signature": "A" * 5000})),
    Case("a signature that is a list", "refused: not signed", event({"text": _UNSIGNED, "signature": ["A"]})),
    # tags: what the reactors make of them
    *(Case(f"tag salt/minion/{name[:26]!r}/start", "no reaction", reacting(f"salt/minion/{name}/start")) for name in _TAGS),
    # a status
    Case("a status with half surrogates, lists and 2^70 in it", "0 alerts, runbook UNKNOWN",
         stating({"name": "\ud800", "system": [[]], "waiting": 2**70, "boot_id": None, "running_kernel": POISON})),
    Case("a status that says 400 made-up records were dropped", "0 alerts",
         stating(dropped=[f"20261125T{number:06d}Z-0123abcd" for number in range(400)])),
    Case("a status whose runbook state is HTML", "0 alerts, runbook UNKNOWN",
         stating(runbook={"document_id": "RB-00000001", "state": POISON, "moved": [POISON, 7, {}]})),
    Case("a good word for a runbook that the master has not", "the copy of RB-00000001 is STALE", fresh_forever),
    Case("2,000 announcements in web2's name, then web2's own", "2000 refused, then asked: web2", drowned),
    Case("700 statuses at once", "refused: too many", status_flood),
    # answers
    Case("a good answer, sent again", "refused: not asked", answer_twice),
    Case("an answer whose manifests are a list", "ignored", answering(manifests=[1, 2], pieces="x")),
    Case("an answer of 2 MiB", "refused: oversized", answering(pieces="x" * 2**21)),
    Case("an answer with 10,000 nested lists for pieces", "refused: malformed", nested_answer),
    Case("confirmations and errors that nobody asked for", "ignored",
         answering(confirmed=[["x", "y", True], [7]], errors={"../x": 1, POISON: 2})),
    Case("a list of 8,000 waiting records", "8 asked for, 1000 remembered", long_index),
    *(Case(f"a piece at offset {offset!r}", "ignored", piecing(b"abc", offset=offset))
      for offset in (-1, 2**70, "0", 1.5, None, [0])),
    *(Case(f"a file of {size!r} bytes", "refused: malformed", sized(size)) for size in _SIZES),
    *(Case(f"a manifest whose files are {kind}", "refused: malformed", listing(files))
      for kind, files in (("a mapping", {"a": 1}), ("a text", "record.json"), ("null", None), ("nested", [[[]]]))),
    Case("a manifest of phase '../post'", "refused: malformed", naming("record.json", phase="../post")),
    Case("a manifest of no file at all", "refused: malformed", naming()),
    # records
    Case("record.json of 20,000 nested lists", "refused: malformed", delivering({"record.json": _DEEP})),
    Case("a snapshot of 20,000 nested lists", "refused: malformed",
         delivering({"record.json": record(), "post.json.gz": gzip.compress(_DEEP)})),
    Case("a snapshot of five million empty lists, 15 KiB packed", "refused: malformed",
         delivering(lambda: {"record.json": record(), "post.json.gz": gzip.compress(b'{"x":[' + b"[]," * 5000000 + b"[]]}")})),
    Case("a snapshot packed twice", "refused: malformed",
         delivering({"record.json": record(), "post.json.gz": gzip.compress(snapshot())})),
    Case("a snapshot that is cut", "refused: malformed", delivering({"record.json": record(), "post.json.gz": snapshot()[:40]})),
    Case("a snapshot with bytes after its end", "refused: malformed",
         delivering({"record.json": record(), "post.json.gz": snapshot() + b"PK"})),
    Case("a snapshot of 5,000 gzip members that make 20 MiB", "refused: malformed",
         delivering(lambda: {"record.json": record(), "post.json.gz": gzip.compress(b" " * 4096) * 5000 + snapshot()})),
    Case("a copied file that unpacks to 150 MiB", "refused: malformed",
         delivering(lambda: {"record.json": record(), "blobs/" + "a" * 64: bomb()})),
    Case("record.json with NaN for a pid", "refused: malformed",
         delivering({"record.json": record().replace(b'"pid": 1', b'"pid": NaN')})),
    Case("record.json with half surrogates in every field", "1 stored",
         delivering({"record.json": record(poison="\ud800\udfff\ud800")})),
    Case("record.json of outcome '<b>'", "refused: malformed", delivering({"record.json": record(outcome="<b>")})),
    Case("record.json with a year of 99999", "1 stored", delivering({"record.json": record(started_at="99999-13-45T99:99:99Z")})),
    Case("record.json with 1,500 packages", "1 stored", delivering(lambda: {"record.json": many_packages(1500)})),
    Case("a verdict that is a list", "refused: malformed", delivering({"record.json": record(), "verdict-post.json": b"[]"})),
    Case("a verdict MAYBE", "refused: malformed",
         delivering({"record.json": record(), "verdict-post.json": b'{"judgement": "MAYBE", "findings": []}'})),
    # a share for each host
    Case("a third record where two are its share", "refused: quota; 2 stored", many_records, Limits(records=2)),
    Case("records that only name 300 files that are there", "refused: quota; 2 stored", same_again, Limits(host=130_000)),
    Case("one malformed event under each of 3,000 names", "1 row, unknown: malformed, 3000 times", strangers),
    # runbooks
    Case("a runbook with a terminal's escapes beyond ASCII", "refused: malformed",
         lambda scene: runbook(scene, "RB-00000001", gzip.compress("\x9b31m\u202e".encode()))),
    Case("a runbook with half a surrogate in its fingerprint", "ignored", surrogate_fingerprint),
    # a host's own store
    Case("links to /etc/shadow in the host's own store", "sent: record.json", linked),
    # pages
    Case("HTML and script in every field, on pages", "7 pages, 0 with a live tag, 0 files of its own", pages_of(POISON)),
    Case("a path in every field, on pages", "7 pages, 0 with a live tag, 0 files of its own", pages_of("../../../../tmp/owned")),
    Case("YAML, Jinja, HTML and SQL in every field", "1 stored",
         delivering({"record.json": record(poison=POISON), "post.json.gz": snapshot(host=POISON)})),
    Case("the same record, announced four times", "1 stored", twice),
    # what is everybody's: the bus, the pages, the one worker, the disk
    *(Case(f"a return for web2 that is {name}", "web2's own answer was taken", returning(answer))
      for name, answer in (("an error", "ERROR: no such function"), ("nothing", None), ("unsigned", {"text": "{}"}),
                           ("a list", [[]]))),
    Case("bootkeep/reconcile, 10,000 times in a minute", "everybody was asked 2 times", reconciling),
    Case("30 transactions that no hook saw", "30 stored, 1 look asked for", missing_hooks),
    *(Case(f"a transaction of {day!r}, on pages", "shown, days: 2026-11-25, undated", dating(f"{day}T00:00:00Z"))
      for day in ("9999-12-31", "0001-01-01", "1969-12-31", "2026-02-30", "2026-13-01", "-026-11-25", "2200-01-01")),
    Case("a transaction of no day at all, on pages", "shown, days: 2026-11-25, undated", dating("")),
    Case("a transaction of the year 2100, on pages", "shown, days: 2026-11-25, 2100-01-01", dating("2100-01-01T00:00:00Z")),
    Case("a letter that turns the line around, in the search", "1 row, 0 letters that are not seen", turning),
    Case("reports that go beyond the share", "5 stored, 1 report made, 0 pending", over_its_share),
    Case("a record of 150 KB that unpacks to 144 MiB", "refused: oversized", delivering(lambda: copies(9, 16 * 1024 * 1024))),
    Case("a restored.json of 9 MiB", "refused: oversized",
         listing([{"name": "record.json", "sha256": "b" * 64, "size": 3}, _LARGE])),
    Case("a number of 400 digits where a real one belongs", "refused: malformed",
         delivering({"record.json": record(), "post.json.gz": snapshot(
             readings={"file:/x": {"status": "ok", "text": "", "seconds": 10**400}})})),
    Case("a process that began 10^30 ticks after the boot", "1 stored", delivering(lambda: {"record.json": ticking(10**30)})),
    Case("a process that began before the boot", "1 stored", delivering(lambda: {"record.json": ticking(-5)})),
)  # fmt: skip


def outcomes() -> list[tuple[Case, str, bool]]:
    """Every case on a scene of its own: what happened, and whether web2 and everything outside the store are untouched."""
    return [one_outcome(case) for case in CASES]


def one_outcome(case: Case) -> tuple[Case, str, bool]:
    """See :func:`outcomes`."""
    folder = scratch_folder("hostile")
    try:
        scene = Scene(folder, case.limits)
        said = case.act(scene)
        files = {path.name for path in folder.rglob("*") if path.is_file()}
        own = {f"{host}.pem" for host in scene.keys} | {f"fleet.sqlite{end}" for end in ("", "-wal", "-shm")}
        untouched = scene.store.host("web2") is None and files <= own
        happened = said or scene.outcome()
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
        sys.stdout.write(f"{'ok ' if good else 'BAD'}  {case.what:<58} {happened[:200]}\n")
    sys.stdout.write(f"{len(CASES)} inputs, {bad} not as they should be\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
