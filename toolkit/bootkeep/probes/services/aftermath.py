"""What a transaction leaves running: processes on replaced code, and new errors in the journal."""

from __future__ import annotations

import re

from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Absent, Maybe
from bootkeep.probes.lines import Keyed, put
from bootkeep.probes.read import Native, Probe
from bootkeep.probes.understand import rows, understood

STALE_PROCESSES = Native("stale")
_JOURNAL = "native:journal:"
#: Numbers, addresses and ids: two messages that differ in them say the same.
_VARYING = re.compile(r"0x[0-9a-fA-F]+|\b[0-9a-fA-F]{8,}\b|\b\d[\d.:]*\b|\[redacted\]")


def parse_stale(text: str) -> Keyed:
    """``cron.service`` (or the program where no unit runs it) -> the replaced files it still runs. Raises NotUnderstood."""
    found: dict[str, set[str]] = {}
    for row in rows(text, STALE_PROCESSES.key):
        files = row.get("files")
        if not isinstance(files, list):
            raise NotUnderstood("a process without files", where=STALE_PROCESSES.key)
        unit = str(row.get("unit", ""))
        key = unit if unit.endswith(".service") else str(row.get("exe", "")) or f"pid {row.get('pid', '')}"
        if row.get("pid") == 1:
            key = "the system manager (by systemctl daemon-reexec)"
        found.setdefault(key, set()).update(str(name) for name in files)
    return {key: ", ".join(sorted(files)) for key, files in found.items()}


def parse_journal(text: str) -> Keyed:
    """``unit: message`` with its numbers blanked -> how often it came. Raises NotUnderstood."""
    found: Keyed = {}
    for row in rows(text, _JOURNAL):
        message = _VARYING.sub("#", " ".join(str(row.get("message", "")).split()))
        put(found, f"{row.get('unit', '')}: {message}", "1")
    return {key: "once" if value == "1" else f"{value.count('1')} times" for key, value in found.items()}


def journal_of(readings: Readings) -> Maybe[Keyed]:
    """New errors; Absent in a snapshot that was not asked since when."""
    for key in readings:
        if key.startswith(_JOURNAL):
            return understood(readings, Native(key.removeprefix("native:")), parse_journal)
    return Absent("errors since a moment")


def journal_probe(since: str) -> Probe:
    """Errors since ``since``, as journalctl(1) takes it: ``@1795460000`` (seconds since the epoch)."""
    return Probe("journal error", (Native(f"journal:{since}"),), journal_of, tier=2)


STALE = Probe(
    "stale process",
    (STALE_PROCESSES,),
    lambda readings: understood(readings, STALE_PROCESSES, parse_stale),
    tier=2,
)
#: For assembling only: its read depends on when the transaction began, see :func:`journal_probe`.
JOURNAL = Probe("journal error", (), journal_of, tier=2)
