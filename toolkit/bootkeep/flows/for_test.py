"""for_test: a machine as a test fixture, scrubbed, with what the rules say about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bootkeep import __version__
from bootkeep.assemble_system import assemble_system
from bootkeep.compare.whole import compare_all
from bootkeep.edges.files import replace_file
from bootkeep.edges.store import Store
from bootkeep.facts.change import Comparison
from bootkeep.facts.codec import to_json, to_plain
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.finding import Verdict
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Readings, Snapshot
from bootkeep.facts.reading_redaction import redact_readings
from bootkeep.facts.scrub import scrub
from bootkeep.facts.transaction import PackageChange
from bootkeep.flows.check import check_readings

_README = """# {name}

What this machine is, and why it is here: say it in a sentence.

Recorded by bootkeep {version}. Host name, user names, serial numbers, UUIDs, MAC and network addresses are replaced, each by the
same everywhere; secrets were redacted on the host; dpkg's status is cut to what is looked at. Names of packages, services,
files and ports are the machine's own: read the folder before you send it to anybody.
"""


def write_for_test(snapshot: Snapshot, folder: Path) -> Verdict:
    """One look as ``tests/machines`` has them: README.md, readings.json and expected.json; the verdict that was written.

    Raises BootkeepError when the folder has content already, or when the scrubbed machine would be judged otherwise.
    """
    (readings,) = scrub((snapshot.host, redact_readings(snapshot.readings, None)))
    verdict, expected = _judged(readings, snapshot.taken_at)
    original, _ = _judged(snapshot.readings, snapshot.taken_at)
    if [(f.id, f.severity) for f in verdict.findings] != [(f.id, f.severity) for f in original.findings]:
        raise BootkeepError(
            f"the scrubbed machine is judged otherwise: {verdict.sentence} instead of {original.sentence}",
            where=str(folder),
            next_step="Nothing was written. Please report this with the output of 'bootkeep check --json'.",
        )
    _write(folder, {"readings.json": _lines(readings), "expected.json": json.dumps(expected, indent=2) + "\n"})
    return verdict


def write_pair_for_test(store: Store, id: str, folder: Path) -> int:
    """Both looks of a transaction, scrubbed alike, and the changes between them; how many those are.

    ``before.json``, ``after.json``, ``packages.json`` and ``expected-changes.json``. Raises BootkeepError when a look is
    missing, or when the scrubbed pair would differ otherwise.
    """
    transaction = store.load_transaction(id)
    later = next((name for name in ("boot", "settled", "post") if name in transaction.phases), "post")
    looks = [store.load_snapshot(id, phase) for phase in ("pre", later)]
    before, after = scrub(*((look.host, redact_readings(look.readings, None)) for look in looks))
    changes = expected_changes(before, after, transaction.changes)
    original = expected_changes(looks[0].readings, looks[1].readings, transaction.changes)
    if [(one["family"], one["kind"], one["rule"]) for one in changes] != [
        (one["family"], one["kind"], one["rule"]) for one in original
    ]:
        raise BootkeepError(
            "the scrubbed looks differ otherwise than the machine's own",
            where=str(folder),
            next_step="Nothing was written. Please report this.",
        )
    files = {
        "before.json": _lines(before),
        "after.json": _lines(after),
        "packages.json": json.dumps(to_plain(transaction.changes), indent=1) + "\n",
        "expected-changes.json": json.dumps(changes, indent=1) + "\n",
    }
    _write(folder, files)
    return len(changes)


def expected_changes(before: Readings, after: Readings, packages: tuple[PackageChange, ...]) -> list[dict[str, Any]]:
    """What decides whether two looks are compared as they were: every change by family, key, kind and rule."""
    found: Comparison = compare_all(assemble_system(before), assemble_system(after), packages=packages)
    # In an order of their own: a report's order depends on names, and those are scrubbed.
    rows = [
        {"family": change.family, "kind": change.kind.value, "rule": change.rule, "key": change.key}
        for change in found.changes
    ]
    return sorted(rows, key=lambda row: (row["family"], row["kind"], row["rule"]))


def _judged(readings: Readings, taken_at: str) -> tuple[Verdict, dict[str, Any]]:
    verdict = check_readings(readings, Policy(), taken_at=taken_at).verdict
    found = [{"id": f.id, "severity": f.severity.value, "subject": f.subject} for f in verdict.findings]
    return verdict, {"judgement": verdict.judgement.value, "findings": found}


def _lines(readings: Readings) -> str:
    return to_json(readings, indent=0) + "\n"


def _write(folder: Path, files: dict[str, str]) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BootkeepError("there is something already", where=str(folder), next_step="Name a new or an empty folder.")
    folder.mkdir(parents=True, exist_ok=True)
    readme = _README.format(name=folder.name, version=__version__)
    for name, text in {"README.md": readme, **files}.items():
        replace_file(folder / name, text.encode("utf-8"), mode=0o600)
