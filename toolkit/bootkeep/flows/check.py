"""check: may this machine be rebooted?"""

from __future__ import annotations

import json
from dataclasses import dataclass

from bootkeep.assemble import assemble
from bootkeep.edges.clock import now_utc
from bootkeep.edges.collect import collect
from bootkeep.edges.host import Host
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Verdict
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Reading, Readings
from bootkeep.probes.boot_probes import BOOT_PROBES
from bootkeep.probes.read import Digest, Listing, Native, Read
from bootkeep.rules.judge import judge


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The verdict with all that it stands on."""

    state: BootState
    verdict: Verdict
    readings: Readings


def check(
    host: Host,
    policy: Policy,
    *,
    taken_at: str | None = None,
    deadline_s: float = 60.0,
    earlier: Readings | None = None,
    fresh: Readings | None = None,
) -> CheckResult:
    """Look at a host and judge it.

    Reads that the deadline cut off are Unknown, so they can cost a GO but never win one. ``earlier`` are the readings of an
    earlier check of the same host: an initramfs or image whose inode, size and modification time are unchanged is not read again.
    ``fresh`` are readings that the caller took a moment ago: they are as good as new ones.
    """
    source: Host = host if earlier is None else _Reusing(host, earlier)
    readings = collect(source, BOOT_PROBES, deadline_s=deadline_s, known=fresh)
    return check_readings(readings, policy, taken_at=taken_at or now_utc())


def check_readings(readings: Readings, policy: Policy, *, taken_at: str) -> CheckResult:
    """Judge a recorded snapshot; no machine is touched."""
    state = assemble(readings, taken_at=taken_at)
    return CheckResult(state, judge(state, policy), readings)


class _Reusing:
    """A host whose unchanged big files are answered from earlier readings."""

    def __init__(self, host: Host, earlier: Readings) -> None:
        self.name = host.name
        self.may_hang = getattr(host, "may_hang", False)
        self._host = host
        self._earlier = earlier

    def answer(self, read: Read) -> Reading:
        """The earlier answer where it is certainly the same, else the host's own."""
        path = _path_of(read)
        if path and self._earlier[read.key].ok and self._unchanged(path):
            return self._earlier[read.key]
        return self._host.answer(read)

    def _unchanged(self, path: str) -> bool:
        before = _row(self._earlier, path)
        now = _row(Readings({"listing:/boot/*": self._host.answer(Listing(path))}), path)
        return before is not None and before == now


def _path_of(read: Read) -> str:
    """The one file that a costly read is about; empty for reads that are always made."""
    if isinstance(read, Native) and read.name.startswith("initramfs:"):
        return read.name.partition(":")[2]
    return read.pattern if isinstance(read, Digest) else ""


def _row(readings: Readings, path: str) -> tuple[object, ...] | None:
    for key in ("listing:/boot/*", "listing:/boot/bootkeep/*/*"):
        try:
            rows = json.loads(readings[key].text or "[]")
        except ValueError:
            continue
        for row in rows:
            if row.get("path") == path:
                return (row.get("dev"), row.get("ino"), row.get("size"), row.get("mtime_ns"))
    return None
