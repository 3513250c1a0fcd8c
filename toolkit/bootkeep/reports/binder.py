"""Many hosts' runbooks as one document to print: cover, what is stale or missing, contents, and each host's own text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bootkeep.facts.fleet_overview import FleetHost
from bootkeep.facts.runbook import Freshness
from bootkeep.reports.printable import printable
from bootkeep.reports.runbook_text import WIDTH, text_checksum

#: A section of a runbook's text begins with its title between two rules.
_SECTION = re.compile(rf"(?m)^={{{WIDTH}}}\n(?:[^\n]*\n){{1,3}}={{{WIDTH}}}\n")
#: The first part of a section stays with its title when it has fewer lines than this.
_KEPT_WITH_TITLE = 20
_WRONG = {
    Freshness.STALE: "stale: kernels, boot entries or command line have changed since",
    Freshness.INVALID: "INVALID: disks or mounts have changed since, its commands may hit the wrong thing",
    Freshness.UNKNOWN: "not known: the host has not said whether it still fits",
}


@dataclass(frozen=True, slots=True)
class BinderEntry:
    """One host, and the text of its runbook; empty when the master has none."""

    host: FleetHost
    text: str

    @property
    def damaged(self) -> bool:
        """Whether the text is not the one that its last line was worked out of."""
        return bool(self.text) and not text_checksum(self.text)

    @property
    def wrong(self) -> str:
        """What is wrong with it; empty when it may be filed."""
        if not self.text:
            return "missing: the master has no copy"
        if self.damaged:
            return "damaged: the checksum in its last line is not that of its text"
        return "" if self.host.runbook_good else _WRONG[self.host.runbook]


@dataclass(frozen=True, slots=True)
class Binder:
    """The document."""

    entries: tuple[BinderEntry, ...]
    selection: tuple[str, ...]  # globs that the hosts were chosen by
    made_at: str  # UTC, ISO 8601

    @property
    def bad(self) -> tuple[BinderEntry, ...]:
        """Entries with something wrong, the missing ones included."""
        return tuple(entry for entry in self.entries if entry.wrong)


def binder_document(binder: Binder) -> dict[str, Any]:
    """What ``binder.typ`` reads. Texts stay texts."""
    there = [entry for entry in binder.entries if entry.text]
    bad = binder.bad
    many = len(binder.entries) != 1
    return {
        "made_at": binder.made_at,
        "subtitle": f"{len(binder.entries)} host{'s' if many else ''}: {printable(', '.join(binder.selection))}",
        "facts": [
            ["Printed", f"{binder.made_at[:10]} {binder.made_at[11:16]} UTC"],
            ["Hosts", f"{len(binder.entries)}"],
            ["With a runbook", f"{len(there)}"],
            ["Stale or missing", f"{len(bad)}"],
        ],
        "warning": f"{len(bad)} of {len(binder.entries)} runbooks {'is' if len(bad) == 1 else 'are'} stale or missing",
        "bad": [[printable(entry.host.id), entry.host.runbook_id or "-", entry.wrong] for entry in bad],
        "entries": [_entry(entry) for entry in there],
    }


def _entry(entry: BinderEntry) -> dict[str, Any]:
    return {
        "host": printable(entry.host.id),
        "id": printable(entry.host.runbook_id),
        "at": printable(entry.host.runbook_at),
        "state": "DAMAGED" if entry.damaged else entry.host.runbook.value,
        "warning": f"Do not trust this copy. {entry.wrong[0].upper()}{entry.wrong[1:]}." if entry.wrong else "",
        "sections": [{"head": head, "parts": parts} for head, parts in _sections(_clean(entry.text).splitlines())],
    }


def _clean(text: str) -> str:
    """Printable ASCII, at most as wide as the paper: a text from a minion may be anything."""
    lines = []
    for line in text.split("\n"):
        shown = printable(line.encode("ascii", "backslashreplace").decode())
        lines += [shown[start : start + WIDTH + 8] for start in range(0, len(shown), WIDTH + 8)] or [""]
    return "\n".join(lines)


def _sections(lines: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Title with the lines that stay with it, and the rest of each section in parts that are not torn apart: steps, rows."""
    text = "\n".join(lines) + "\n"
    starts = [match.start() for match in _SECTION.finditer(text)]
    cuts = sorted({0, *starts, len(text)})
    found = []
    for start, end in pairwise(cuts):
        parts = [one for one in re.split(r"\n{2,}", text[start:end].strip("\n")) if one]
        # The title alone at the foot of a page would be overlooked: what it is about comes with it.
        kept = 2 if len(parts) > 1 and parts[1].count("\n") < _KEPT_WITH_TITLE else 1
        found.append(("\n\n".join(parts[:kept]), parts[kept:]))
    return found
