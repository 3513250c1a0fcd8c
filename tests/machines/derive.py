"""Makes the broken machines that no recording can have, from a healthy one and one edit of its readings:

    python3 tests/machines/derive.py [NAME ...]

``breakages.py`` and ``rpm_breakages.py`` say what is edited; each README repeats it. ``expected.json`` is written as found:
read it before committing.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1] / "toolkit"), str(HERE.parent)]

from bootkeep.facts.codec import from_json, to_plain  # noqa: E402
from bootkeep.facts.policy import Policy  # noqa: E402
from bootkeep.facts.reading import Reading, Readings, Status  # noqa: E402
from bootkeep.flows.check import check_readings  # noqa: E402
from machines.meant import MEANT, written  # noqa: E402

TAKEN_AT = "2026-11-23T18:00:00Z"


class Answers:
    """Readings under edit, by the beginning of their key."""

    def __init__(self, readings: Readings) -> None:
        self.answers = dict(readings.answers)

    def keys(self, start: str) -> list[str]:
        """Keys that begin so. Raises KeyError when none does."""
        found = [key for key in self.answers if key.startswith(start)]
        if not found:
            raise KeyError(start)
        return found

    def put(self, key: str, text: str) -> None:
        """A whole answer."""
        self.answers[key] = Reading(Status.OK, text)

    def replace(self, start: str, old: str, new: str) -> None:
        """In every answer whose key begins so. Raises KeyError where the old text is nowhere: an edit must edit."""
        keys = [key for key in self.keys(start) if old in self.answers[key].text]
        if not keys:
            raise KeyError(f"{start}: {old}")
        for key in keys:
            self.put(key, self.answers[key].text.replace(old, new))

    def plain(self, start: str, change: Callable[[dict[str, Any]], None]) -> None:
        """Change JSON objects in place."""
        for key in self.keys(start):
            plain = json.loads(self.answers[key].text)
            change(plain)
            self.put(key, json.dumps(plain))


@dataclass(frozen=True)
class Breakage:
    """One derived machine."""

    base: str
    story: str
    edit: Callable[[Answers], None]


def derive(name: str, breakage: Breakage) -> str:
    """Write one folder; returns what was found."""
    path = HERE / breakage.base / "readings.json"
    answers = Answers(from_json(Readings, path.read_bytes(), where=str(path)))
    before = dict(answers.answers)
    breakage.edit(answers)
    changed = sorted(key for key in answers.answers if answers.answers[key] != before.get(key))
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    readings = Readings(answers.answers)
    (folder / "readings.json").write_text(json.dumps(to_plain(readings), indent=0, sort_keys=True) + "\n")
    verdict = check_readings(readings, Policy(), taken_at=TAKEN_AT).verdict
    found = [{"id": f.id, "severity": f.severity.value, "subject": f.subject} for f in verdict.findings]
    expected = {"judgement": verdict.judgement.value, "findings": found}
    (folder / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")
    module = breakage.edit.__module__.rpartition(".")[2]
    listed = "\n".join(f"* `{key}`" for key in changed)
    text = (
        f"# {name}\n\n{breakage.story}\n\n"
        f"Derived from `{breakage.base}`, a recorded machine, by an edit of single readings (`{module}.py`, function "
        f"`{breakage.edit.__name__}`): no machine was recorded in this state. Made again with "
        f"`python3 tests/machines/derive.py {name}`. Edited readings:\n\n{listed}\n"
    )
    (folder / "README.md").write_text(written(text, MEANT[name]) if name in MEANT else text)
    return f"{name}: {expected['judgement']} {[finding['id'] + ' ' + finding['severity'] for finding in found]}"


def main(names: Iterable[str]) -> None:
    """Derive the named machines, or all."""
    # By this name only: the module that runs is called __main__, and its Breakage would be another class.
    from machines.breakages import BREAKAGES
    from machines.derive import derive as make
    from machines.rpm_breakages import RPM_BREAKAGES

    everything = BREAKAGES | RPM_BREAKAGES
    for name in list(names) or everything:
        print(make(name, everything[name]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
