"""What the fleet's pages show: rows, tiles, days, as the templates read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bootkeep.facts.fleet_overview import FleetHost, FleetTransaction, Pending, SameChange
from bootkeep.facts.runbook import Freshness
from bootkeep.reports.fleet_names import host_page, runbook_page, transaction_page
from bootkeep.reports.fleet_plot import Plot
from bootkeep.reports.printable import printable

#: Rows of the overview that are laid out at once; as many as templates/fleet/fleet.js shows.
_AT_FIRST = 200
#: So many hosts of one shared change are named; the rest is counted.
_NAMED = 60
_RANKS = {"NO-GO": 0, "UNKNOWN": 1, "GO": 2}
_RUNBOOKS = {
    Freshness.INVALID: ("invalid: its commands may hit the wrong thing", "high"),
    Freshness.UNKNOWN: ("missing", "high"),
    Freshness.STALE: ("stale", "medium"),
    Freshness.STALE_MINOR: ("fresh, people or packages moved", "expected"),
    Freshness.FRESH: ("fresh", "expected"),
}


def _runbook_words(host: FleetHost) -> str:
    if host.runbook is Freshness.UNKNOWN and host.runbook_id:
        return "not known: the host has not said whether it still fits"
    return _RUNBOOKS[host.runbook][0]


@dataclass(frozen=True, slots=True)
class TransactionLine:
    """A transaction with the places it leads to."""

    it: FleetTransaction

    @property
    def href(self) -> str:
        """Its report, from the top of the site; empty when the record's body is not here."""
        return transaction_page(self.it.host, self.it.id) if self.it.has_report else ""

    @property
    def host_href(self) -> str:
        """Its host's page."""
        return host_page(self.it.host)

    @property
    def rank(self) -> int:
        """For sorting: the worst first."""
        return _RANKS.get(self.it.verdict, 1)


@dataclass(frozen=True, slots=True)
class HostLine:
    """A host as a row of the overview."""

    it: FleetHost
    silent: bool  # its minion has not said anything for too long
    last_href: str = ""  # the report of its last transaction

    @property
    def href(self) -> str:
        """Its page."""
        return host_page(self.it.id)

    @property
    def rank(self) -> int:
        """For sorting: the worst first."""
        return _RANKS.get(self.it.verdict, 1)

    @property
    def look(self) -> str:
        """The row's mood, for the edge of its card on a phone."""
        return ("bad", "odd", "good")[self.rank]

    @property
    def why(self) -> str:
        """The sentence without the word that stands before it; nothing on a host that is well."""
        return "" if self.rank == 2 else self.it.verdict_sentence.removeprefix(f"{self.it.verdict}: ")

    @property
    def kernels(self) -> tuple[tuple[str, str], ...]:
        """Each release once, with what it is: ``runs, boots next, last good``."""
        roles: dict[str, list[str]] = {}
        for release, role in (
            (self.it.running, "runs"),
            (self.it.default, "boots next"),
            (self.it.last_good, "last good"),
        ):
            if release:
                roles.setdefault(release, []).append(role)
        return tuple((release, ", ".join(names)) for release, names in roles.items())

    @property
    def runbook_rank(self) -> int:
        """For sorting: the worst first."""
        return list(_RUNBOOKS).index(self.it.runbook)

    @property
    def runbook_words(self) -> str:
        """One word or two."""
        return _runbook_words(self.it).partition(":")[0].partition(",")[0]

    @property
    def runbook_look(self) -> str:
        """The badge's colour."""
        return _RUNBOOKS[self.it.runbook][1]

    @property
    def flags(self) -> str:
        """What the tiles pick by."""
        flags = [f"v-{self.it.verdict if self.it.verdict in _RANKS else 'UNKNOWN'}"]
        flags += ["pending"] if self.it.reboot_pending is Pending.YES else []
        flags += [] if self.it.runbook_good else ["paper"]
        flags += ["silent"] if self.silent else []
        flags += ["missed"] if self.it.hook_missed_at else []
        return " ".join(flags)


@dataclass(frozen=True, slots=True)
class Tile:
    """A number that picks its rows when it is pressed."""

    flag: str
    count: int
    words: str
    look: str  # bad, odd, good, plain


@dataclass(frozen=True, slots=True)
class SharedLine:
    """The same change on many hosts, with links to them."""

    it: SameChange

    @property
    def links(self) -> tuple[tuple[str, str], ...]:
        """Name and page of the first hosts."""
        return tuple((name, host_page(name)) for name in self.it.hosts[:_NAMED])

    @property
    def more(self) -> int:
        """How many are not named."""
        return max(0, len(self.it.hosts) - _NAMED)


@dataclass(frozen=True, slots=True)
class OverviewPage:
    """The first page."""

    lines: tuple[HostLine, ...]
    shared: tuple[SharedLine, ...]
    shared_days: int
    kernels: tuple[tuple[str, int], ...]  # release that runs, on how many hosts; the most first
    made_at: str
    at_first: int = _AT_FIRST

    @property
    def tiles(self) -> tuple[Tile, ...]:
        """The numbers on top."""
        counts = dict.fromkeys(("v-NO-GO", "v-UNKNOWN", "v-GO", "pending", "paper", "silent", "missed"), 0)
        for line in self.lines:
            for flag in line.flags.split():
                counts[flag] += 1
        return tuple(
            Tile(flag, counts[flag], words, look if counts[flag] else "plain")
            for flag, words, look in (
                ("v-NO-GO", "NO-GO: do not reboot", "bad"),
                ("v-UNKNOWN", "UNKNOWN: not judged", "odd"),
                ("v-GO", "GO: may be rebooted", "good"),
                ("pending", "wait for a reboot", "odd"),
                ("paper", "without a good runbook", "odd"),
                ("silent", "silent for a day", "bad"),
                ("missed", "changed behind the hooks", "bad"),
            )
        )

    @property
    def mood(self) -> str:
        """Colour of the banner."""
        words = {line.it.verdict for line in self.lines}
        if "NO-GO" in words:
            return "bad"
        return "good" if words == {"GO"} and not any(line.silent for line in self.lines) else "odd"

    @property
    def headline(self) -> str:
        """One sentence: which hosts may be rebooted, which not."""
        counts = {tile.flag: tile.count for tile in self.tiles}
        if not self.lines:
            return "No host has reported yet."
        parts = [
            (counts["v-NO-GO"], "must not be rebooted"),
            (counts["v-UNKNOWN"], "could not be judged"),
            (counts["v-GO"], "may be rebooted"),
        ]
        told = [f"{count} {'host' if count == 1 else 'hosts'} {words}" for count, words in parts if count]
        return "; ".join(told) + "."

    @property
    def title(self) -> str:
        """For the browser's tab."""
        counts = {tile.flag: tile.count for tile in self.tiles}
        return f"{counts['v-NO-GO']} NO-GO, {counts['v-UNKNOWN']} UNKNOWN, {counts['v-GO']} GO: fleet"


@dataclass(frozen=True, slots=True)
class DayEntry:
    """A day in the timeline's list."""

    day: str
    count: int
    bad: int
    href: str
    shards: tuple[str, ...]  # names below data/, without .js


@dataclass(frozen=True, slots=True)
class TimelinePage:
    """All days, how they ended, the newest transactions, and the search."""

    days: tuple[DayEntry, ...]  # newest first
    newest: tuple[TransactionLine, ...]
    plot: Plot | None

    @property
    def total(self) -> int:
        """All transactions."""
        return sum(day.count for day in self.days)

    @property
    def links(self) -> Mapping[str, str]:
        """Day -> its page."""
        return {day.day: day.href for day in self.days}

    @property
    def months(self) -> list[tuple[str, list[DayEntry]]]:
        """The days by month, newest first."""
        months: dict[str, list[DayEntry]] = {}
        for day in self.days:
            months.setdefault(day.day[:7] if day.day != "undated" else "undated", []).append(day)
        return list(months.items())


@dataclass(frozen=True, slots=True)
class DayPage:
    """One day, or a part of a busy one."""

    day: str
    part: int
    parts: int
    total: int
    lines: tuple[TransactionLine, ...]
    earlier: tuple[str, str] | None  # words and link
    later: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class HostPage:
    """One host; with ``part`` an older part of its transactions."""

    host: FleetHost
    lines: tuple[TransactionLine, ...]  # newest first
    plot: Plot | None = None
    part: int = 0
    earlier: str = ""
    later: str = ""

    @property
    def mood(self) -> str:
        """Colour of the banner."""
        return {"NO-GO": "bad", "GO": "good"}.get(self.host.verdict, "odd")

    @property
    def why(self) -> str:
        """The sentence without the word that stands above it."""
        sentence = self.host.verdict_sentence.removeprefix(f"{self.host.verdict}: ")
        return sentence[:1].upper() + sentence[1:]

    @property
    def runbook_words(self) -> str:
        """In full."""
        return _runbook_words(self.host)

    @property
    def runbook_look(self) -> str:
        """The badge's colour."""
        return _RUNBOOKS[self.host.runbook][1]

    @property
    def runbook_href(self) -> str:
        """The master's copy, beside this page."""
        return runbook_page(self.host.id).rpartition("/")[2] if self.host.runbook_id else ""


@dataclass(frozen=True, slots=True)
class RunbookPage:
    """The master's copy of a host's runbook: the plain text, which is the one that counts."""

    host: FleetHost
    text: str

    @property
    def lines(self) -> list[str]:
        """Line by line: within one, nothing that breaks a line is left as it is."""
        return self.text.split("\n")

    @property
    def words(self) -> str:
        """Whether it still holds."""
        return _runbook_words(self.host)

    @property
    def good(self) -> bool:
        """Whether it still gets the host up."""
        return self.host.runbook_good


def shard_rows(lines: Sequence[TransactionLine]) -> list[list[Any]]:
    """What the search reads of each transaction; see templates/fleet/search.js for the order. Shown by a script, not a template,
    so what is not seen is spelled out here."""
    return [
        [
            printable(line.it.started_at),
            printable(line.it.host),
            printable(line.it.verdict),
            printable(line.it.outcome),
            line.it.weakened,
            printable(line.it.headline or line.it.id),
            printable(f"{line.it.user} {line.it.manager}".strip()),
            line.host_href,
            line.href,
        ]
        for line in lines
    ]
