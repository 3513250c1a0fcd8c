"""A fleet as its pages show it: hosts, transactions, and the same change on many hosts. Everything in it came from minions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from enum import Enum

from bootkeep.facts.runbook import Freshness

_DAY = re.compile(r"(?:19[7-9]|2[01]\d)\d-\d\d-\d\d", re.ASCII)


def day_of(moment: str) -> str:
    """``2026-11-24`` of ``2026-11-24T10:11:12Z``. ``undated`` where that is no day of the calendar, or none of a clock that
    anybody has set: a minion may say what it likes, and days before 1970 or after 2199 have neighbours that no calendar has."""
    day = moment[:10]
    try:
        return date.fromisoformat(day).isoformat() if _DAY.fullmatch(day) else "undated"
    except ValueError:
        return "undated"


class Pending(Enum):
    """Whether a host waits for a reboot to run what is installed."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class FleetHost:
    """What the master knows about one host. Times are UTC, ISO 8601; empty when it never happened."""

    id: str  # the minion's id, as its key on the master says it
    verdict: str = "UNKNOWN"  # GO, NO-GO, UNKNOWN
    verdict_sentence: str = ""
    verdict_at: str = ""
    system: str = ""  # Debian GNU/Linux 12
    running: str = ""  # kernel releases; empty when not known
    default: str = ""
    last_good: str = ""
    reboot_pending: Pending = Pending.UNKNOWN
    last_transaction_at: str = ""
    runbook: Freshness = Freshness.UNKNOWN
    runbook_id: str = ""  # RB-1A2B3C4D
    runbook_at: str = ""
    runbook_bad_since: str = ""  # since when it is missing or stale; empty when not known
    runbook_moved: str = ""  # sections of the facts that changed since it was written, by comma
    heard_at: str = ""  # when its minion last said anything
    hook_missed_at: str = ""  # a change of packages that no hook saw
    records_waiting: int = 0  # records that its spool still holds
    problem: str = ""  # what keeps its records from coming

    @property
    def runbook_good(self) -> bool:
        """Whether the master's copy of its runbook still gets it up."""
        return self.runbook in (Freshness.FRESH, Freshness.STALE_MINOR)


@dataclass(frozen=True, slots=True)
class FleetChange:
    """One change of a transaction that somebody should know of, as far as it can be the same on many hosts."""

    rule: str  # id of the rule that raised it: config-replaced, sshd-weakened, ...
    key: str  # what it is about: a path, a port, a unit
    package: str
    sentence: str
    weakens: bool = False


@dataclass(frozen=True, slots=True)
class FleetTransaction:
    """One stored transaction, as a line."""

    id: str
    host: str
    started_at: str
    ended_at: str = ""
    manager: str = ""
    command: str = ""
    user: str = ""
    outcome: str = "done"
    verdict: str = "UNKNOWN"
    verdict_sentence: str = ""
    headline: str = ""
    weakened: int = 0  # how many changes weaken security
    packages: int = 0
    changes: tuple[FleetChange, ...] = ()  # the top ones
    stored_at: str = ""
    digest: str = ""  # sha256 of the stored record: another digest is another page
    has_report: bool = True  # the record's body is here, so there is a report to show

    @property
    def day(self) -> str:
        """The UTC day it began: ``2026-11-24``; ``undated`` where the record's time is none."""
        return day_of(self.started_at)

    @property
    def mood(self) -> str:
        """As a report's: ``bad`` (NO-GO, failed), ``odd`` (weakened, unknown, refused), ``good``."""
        if self.verdict == "NO-GO" or self.outcome in {"failed", "interrupted"}:
            return "bad"
        return "good" if self.verdict == "GO" and not self.weakened and self.outcome == "done" else "odd"


@dataclass(frozen=True, slots=True)
class SameChange:
    """The same change on several hosts."""

    change: FleetChange
    hosts: tuple[str, ...]  # sorted
    first_at: str
    last_at: str

    @property
    def sentence(self) -> str:
        """``37 hosts: sshd_config replaced by openssh-server``."""
        count = len(self.hosts)
        who = self.hosts[0] if count == 1 else f"{count} hosts"
        return f"{who}: {self.change.sentence}"
