"""From what each page of the fleet's site is made: one builder a kind, each for the part of the fleet that it is given."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache, partial
from importlib import resources
from typing import Protocol, TypeVar

from bootkeep import __version__
from bootkeep.edges.clock import FORM, moment_of
from bootkeep.edges.site_folder import PageFile
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.fleet_overview import FleetHost, FleetTransaction
from bootkeep.reports.document import Link, Report
from bootkeep.reports.fleet_html import render_day, render_host, render_overview, render_runbook, render_timeline
from bootkeep.reports.fleet_names import (
    INDEX,
    TIMELINE,
    day_page,
    host_page,
    runbook_page,
    shard,
    transaction_page,
)
from bootkeep.reports.fleet_plot import moods_by_day, plot_days
from bootkeep.reports.fleet_views import (
    DayEntry,
    DayPage,
    HostLine,
    HostPage,
    OverviewPage,
    RunbookPage,
    SharedLine,
    TimelinePage,
    TransactionLine,
    shard_rows,
)
from bootkeep.reports.html import render_html
from bootkeep.reports.same_change import same_changes

P = TypeVar("P")
#: Lines on a page of a day, and on a page of a host.
DAY_LINES, HOST_LINES = 500, 200
NEWEST = 100
SHARED_DAYS, SHARED_MOST = 7, 12
SILENT_AFTER_HOURS = 24


class Texts(Protocol):
    """What is read only when a page is drawn."""

    def report(self, host: str, transaction: str) -> Report | None:
        """The report of one; None when its body is not here."""
        ...

    def runbook(self, host: str) -> str | None:
        """The text of the master's copy of a host's runbook; None when there is none."""
        ...


@dataclass(slots=True)
class Part:
    """What is known of the fleet. The whole of it, or the part of which the pages may have moved."""

    hosts: Sequence[FleetHost]  # all, by id
    by_host: Mapping[str, list[TransactionLine]]  # of each host in it all its transactions, oldest first
    by_day: Mapping[str, list[TransactionLine]]  # of each day in it likewise
    reported: Sequence[TransactionLine]  # whose own pages may have moved
    moods: Mapping[str, Mapping[str, int]]  # day -> mood -> how many, of all days
    last: Mapping[str, str]  # host -> page of its last transaction, of all hosts
    newest: Sequence[TransactionLine]  # oldest first
    shared: Sequence[FleetTransaction]  # those of the last days with their changes, oldest first
    now: str
    keys: dict[int, str] = field(default_factory=dict)

    def key(self, line: TransactionLine) -> str:
        """Everything that a page shows of a transaction, as a digest."""
        found = self.keys.get(id(line))
        if found is None:
            found = self.keys[id(line)] = _line_key(line.it)
        return found


def pages_of(texts: Texts, part: Part) -> list[PageFile]:
    """The pages of a part, leaves first: at no moment does a page link to one that is not there yet."""
    pages = [_report_page(texts, line, part.key(line)) for line in part.reported if line.it.has_report]
    for host in part.hosts:
        if host.id in part.by_host:
            pages += _host_pages(texts, host, part)
    pages += _day_pages(part)
    pages.append(_timeline(part))
    pages.append(_overview(part))
    return pages


def day_neighbours(moods: Mapping[str, Mapping[str, int]]) -> dict[str, tuple[object, ...]]:
    """What a day's pages show of the days around it: where this moves, so do they."""
    days = sorted(moods)
    totals = {day: sum(moods[day].values()) for day in days}
    before, after = [None, *days][: len(days)], [*days[1:], None][: len(days)]
    return {
        day: (totals[day], one, _parts(totals[one]) if one else 0, other)
        for day, one, other in zip(days, before, after, strict=True)
    }


def host_key(host: FleetHost, now: str) -> str:
    """Everything that a host's own pages show of it: when its minion spoke last is no news while it speaks."""
    return _digest(repr(_shown(host, now)))


def _shown(host: FleetHost, now: str) -> FleetHost:
    return host if _is_silent(host, now) else replace(host, heard_at="")


def _report_page(source: Texts, line: TransactionLine, key: str) -> PageFile:
    def make() -> bytes:
        report = source.report(line.it.host, line.it.id)
        if report is None:
            raise _went_away(f"the report of {line.it.id} of {line.it.host}")
        trail = (
            Link("../../index.html", "Hosts"),
            Link("../../timeline.html", "Transactions"),
            Link(INDEX, line.it.host),
        )
        return _bytes(render_html(report, trail=trail))

    return PageFile(transaction_page(line.it.host, line.it.id), _key("report", line.it.digest or key), make)


def _went_away(what: str) -> BootkeepError:
    return BootkeepError(
        f"{what} went away while the pages were written", where="the fleet's store", next_step="Write them again."
    )


def _host_pages(source: Texts, host: FleetHost, part_of: Part) -> list[PageFile]:
    pages = []
    lines = part_of.by_host[host.id]
    host = _shown(host, part_of.now)
    if host.runbook_id:

        def runbook() -> bytes:
            text = source.runbook(host.id)
            if text is None:
                raise _went_away(f"the runbook of {host.id}")
            return _make(render_runbook, RunbookPage(host, text))

        pages.append(
            PageFile(
                runbook_page(host.id),
                _key("runbook", host.id, host.runbook.value, host.runbook_id, host.runbook_at),
                runbook,
            )
        )
    # Parts are counted from the oldest on, so that a full one never changes again; the page itself shows the last two.
    parts = [lines[start : start + HOST_LINES] for start in range(0, len(lines), HOST_LINES)] or [[]]
    older = parts[:-2]
    for number, part in enumerate(older, start=1):
        page = HostPage(
            host,
            tuple(reversed(part)),
            part=number,
            earlier=f"older-{number - 1}.html" if number > 1 else "",
            later=f"older-{number + 1}.html" if number < len(older) else INDEX,
        )
        key = _key("older", host.id, str(number == len(older)), *(part_of.key(line) for line in part))
        pages.append(PageFile(host_page(host.id, number), key, partial(_make, render_host, page)))
    recent = [line for part in parts[-2:] for line in part]
    last = _last_day((line.it.day for line in lines), part_of.now)

    def make() -> bytes:
        plot = plot_days(moods_by_day(line.it for line in lines), last) if len(lines) > 1 else None
        earlier = f"older-{len(older)}.html" if older else ""
        page = HostPage(host, tuple(reversed(recent)), plot, earlier=earlier)
        return _make(render_host, page)

    key = _key("host", repr(host), str(len(older)), last, *(part_of.key(line) for line in lines))
    return [*pages, PageFile(host_page(host.id), key, make)]


def _day_pages(whole: Part) -> list[PageFile]:
    parts = [
        (day, number) for day in sorted(whole.moods) for number in range(1, _parts(sum(whole.moods[day].values())) + 1)
    ]
    pages = []
    for place, (day, number) in enumerate(parts):
        if day not in whole.by_day:
            continue
        lines = whole.by_day[day]
        part = lines[(number - 1) * DAY_LINES : number * DAY_LINES]
        line_keys = [whole.key(line) for line in part]
        before = parts[place - 1] if place else None
        after = parts[place + 1] if place + 1 < len(parts) else None
        page = DayPage(
            day,
            number,
            _parts(len(lines)),
            len(lines),
            tuple(part),
            _turn(before),
            _turn(after),
        )
        around = (str(before), str(after), str(page.total))
        pages.append(PageFile(shard(day, number), _key("shard", *line_keys), partial(_shard, day, number, part)))
        pages.append(
            PageFile(day_page(day, number), _key("day", *around, *line_keys), partial(_make, render_day, page))
        )
    return pages


def _turn(other: tuple[str, int] | None) -> tuple[str, str] | None:
    if other is None:
        return None
    day, number = other
    return f"{day}{f', part {number}' if number > 1 else ''}", day_page(day, number).rpartition("/")[2]


def _parts(count: int) -> int:
    return -(-count // DAY_LINES)


def _shard(day: str, number: int, part: Sequence[TransactionLine]) -> bytes:
    """JSON in a call of one function: ASCII only, so that it is the same text in JavaScript."""
    name = shard(day, number).rpartition("/")[2].removesuffix(".js")
    rows = json.dumps(shard_rows(part), ensure_ascii=True, separators=(",", ":"))
    return f"bootkeepLines({json.dumps(name)}, {rows});\n".encode("ascii")


def _timeline(part: Part) -> PageFile:
    counted = part.moods
    totals = {day: sum(counts.values()) for day, counts in counted.items()}
    last = _last_day(totals, part.now)

    def make() -> bytes:
        days = tuple(
            DayEntry(
                day,
                totals[day],
                counted[day].get("bad", 0),
                day_page(day),
                tuple(
                    shard(day, number).rpartition("/")[2].removesuffix(".js")
                    for number in range(1, _parts(totals[day]) + 1)
                ),
            )
            for day in sorted(totals, reverse=True)
        )
        moods = {day: Counter(counts) for day, counts in counted.items()}
        return _make(render_timeline, TimelinePage(days, tuple(reversed(part.newest)), plot_days(moods, last)))

    counts = json.dumps({day: sorted(count.items()) for day, count in sorted(counted.items())})
    return PageFile(TIMELINE, _key("timeline", counts, last, *map(part.key, part.newest)), make)


def _last_day(days: Iterable[str], now: str) -> str:
    """The last day that has come: one clock of a year to come must not empty the drawing of all the others."""
    return max((day for day in days if day <= now[:10]), default="")


def newest_until(now: str) -> str:
    """What began later began by a clock that is wrong, and is not among the newest: there it would stay for years."""
    return _hours_before(now, -24)


def _overview(part: Part) -> PageFile:
    hosts, now = part.hosts, part.now

    def make() -> bytes:
        rows = [HostLine(host, _is_silent(host, now), part.last.get(host.id, "")) for host in hosts]
        rows.sort(key=lambda line: (line.rank, not line.silent, line.it.id))
        shared = same_changes(part.shared)
        kernels = Counter(host.running for host in hosts if host.running).most_common()
        page = OverviewPage(
            tuple(rows), tuple(SharedLine(one) for one in shared[:SHARED_MOST]), SHARED_DAYS, tuple(kernels), now
        )
        return _make(render_overview, page)

    shared = (f"{one.host} {one.id} {one.changes!r}" for one in part.shared)
    last = (f"{host} {page}" for host, page in sorted(part.last.items()))
    return PageFile(INDEX, _key("overview", now, *map(repr, hosts), *last, *shared), make)


def shared_since(now: str) -> str:
    """From when on the overview tells of the same change on many hosts."""
    return _hours_before(now, 24 * SHARED_DAYS)


def _is_silent(host: FleetHost, now: str) -> bool:
    return host.heard_at < _hours_before(now, SILENT_AFTER_HOURS)


def _hours_before(now: str, hours: int) -> str:
    """Times of this form sort as texts."""
    return (moment_of(now) - timedelta(hours=hours)).strftime(FORM)


def _make(render: Callable[[P], str], page: P) -> bytes:
    return _bytes(render(page))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _line_key(one: FleetTransaction) -> str:
    """Everything that a page shows of a transaction."""
    shown = (
        one.id, one.host, one.started_at, one.manager, one.user, one.outcome, one.verdict, one.headline,
        one.weakened, one.packages, one.has_report, one.digest,
    )  # fmt: skip
    return _digest("\0".join(map(str, shown)))


def _key(*parts: str) -> str:
    return _digest("\0".join((version(), *parts)))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=12).hexdigest()


@cache
def version() -> str:
    """Changes when what draws the pages does, so that a newer bootkeep writes them all anew."""
    folder = resources.files("bootkeep.reports")
    texts = [__version__]
    for place in (folder, folder.joinpath("templates"), folder.joinpath("templates", "fleet")):
        files = sorted((file for file in place.iterdir() if file.is_file()), key=lambda each: each.name)
        texts += [file.read_text("utf-8") for file in files if file.name.endswith((".py", ".j2", ".css", ".js"))]
    return _digest("\0".join(texts))
