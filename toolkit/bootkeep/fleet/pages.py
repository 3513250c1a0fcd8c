"""The fleet's static site: which pages there are, from what each is made, and in which order they are written."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Protocol, TypeVar

from bootkeep import __version__
from bootkeep.edges.site_folder import ONLY_US, PageFile, Readers, SiteWritten, write_site
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


class PageSource(Protocol):
    """Where the pages' facts come from. The store is one; a made-up fleet in a test is another."""

    def hosts(self) -> Sequence[FleetHost]:
        """All hosts."""
        ...

    def transactions(self) -> Iterable[FleetTransaction]:
        """All stored transactions."""
        ...

    def report(self, host: str, transaction: str) -> Report | None:
        """The report of one; None when its body is not here."""
        ...

    def runbook(self, host: str) -> str | None:
        """The text of the master's copy of a host's runbook; None when there is none."""
        ...


def write_pages(
    source: PageSource,
    root: Path,
    *,
    now: str,
    readers: Readers = ONLY_US,
    everything: bool = False,
    say: Callable[[int, int], None] | None = None,
) -> SiteWritten:
    """Write the site, or bring it up to date: a page whose facts have not moved is not touched. ``now`` is UTC, ISO 8601."""
    return write_site(root, plan_pages(source, now=now), readers=readers, everything=everything, say=say)


def plan_pages(source: PageSource, *, now: str) -> list[PageFile]:
    """Every page, leaves first: at no moment does a page link to one that is not there yet."""
    hosts = sorted(source.hosts(), key=lambda host: host.id)
    known = {host.id for host in hosts}
    lines = [
        TransactionLine(one)
        for one in sorted(source.transactions(), key=lambda one: (one.started_at, one.host, one.id))
        if one.host in known
    ]
    keys = {id(line): _line_key(line.it) for line in lines}
    by_host: dict[str, list[TransactionLine]] = {host.id: [] for host in hosts}
    by_day: dict[str, list[TransactionLine]] = {}
    for line in lines:
        by_host[line.it.host].append(line)
        by_day.setdefault(line.it.day, []).append(line)
    pages = [_report_page(source, line, keys[id(line)]) for line in lines if line.it.has_report]
    for host in hosts:
        pages += _host_pages(source, host, by_host[host.id], keys)
    pages += _day_pages(by_day, keys)
    pages.append(_timeline(by_day, lines, keys))
    pages.append(_overview(hosts, lines, keys, now))
    return pages


def _report_page(source: PageSource, line: TransactionLine, key: str) -> PageFile:
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


def _host_pages(
    source: PageSource, host: FleetHost, lines: list[TransactionLine], keys: dict[int, str]
) -> list[PageFile]:
    pages = []
    if host.runbook_id:

        def runbook() -> bytes:
            text = source.runbook(host.id)
            if text is None:
                raise _went_away(f"the runbook of {host.id}")
            return _make(render_runbook, RunbookPage(host, text))

        pages.append(PageFile(runbook_page(host.id), _key("runbook", repr(host), host.runbook_id), runbook))
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
        key = _key("older", host.id, str(number == len(older)), *(keys[id(line)] for line in part))
        pages.append(PageFile(host_page(host.id, number), key, partial(_make, render_host, page)))
    recent = [line for part in parts[-2:] for line in part]

    def make() -> bytes:
        last = lines[-1].it.day if lines else ""
        plot = plot_days(moods_by_day(line.it for line in lines), last) if len(lines) > 1 else None
        earlier = f"older-{len(older)}.html" if older else ""
        page = HostPage(host, tuple(reversed(recent)), plot, earlier=earlier)
        return _make(render_host, page)

    key = _key("host", repr(host), str(len(older)), *(keys[id(line)] for line in lines))
    return [*pages, PageFile(host_page(host.id), key, make)]


def _day_pages(by_day: dict[str, list[TransactionLine]], keys: dict[int, str]) -> list[PageFile]:
    parts = [
        (day, number, by_day[day][start : start + DAY_LINES])
        for day in sorted(by_day)
        for number, start in enumerate(range(0, len(by_day[day]), DAY_LINES), start=1)
    ]
    pages = []
    for place, (day, number, part) in enumerate(parts):
        line_keys = [keys[id(line)] for line in part]
        before = parts[place - 1][:2] if place else None
        after = parts[place + 1][:2] if place + 1 < len(parts) else None
        page = DayPage(
            day,
            number,
            _parts(len(by_day[day])),
            len(by_day[day]),
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


def _timeline(
    by_day: dict[str, list[TransactionLine]], lines: Sequence[TransactionLine], keys: dict[int, str]
) -> PageFile:
    newest = lines[-NEWEST:]
    counted = moods_by_day(line.it for line in lines)

    def make() -> bytes:
        days = tuple(
            DayEntry(
                day,
                len(by_day[day]),
                counted[day]["bad"],
                day_page(day),
                tuple(
                    shard(day, number).rpartition("/")[2].removesuffix(".js")
                    for number in range(1, _parts(len(by_day[day])) + 1)
                ),
            )
            for day in sorted(by_day, reverse=True)
        )
        last = max((day for day in by_day if day != "undated"), default="")
        return _make(render_timeline, TimelinePage(days, tuple(reversed(newest)), plot_days(counted, last)))

    counts = json.dumps({day: sorted(count.items()) for day, count in sorted(counted.items())})
    return PageFile(TIMELINE, _key("timeline", counts, *(keys[id(line)] for line in newest)), make)


def _overview(hosts: Sequence[FleetHost], lines: Sequence[TransactionLine], keys: dict[int, str], now: str) -> PageFile:
    def make() -> bytes:
        last = {line.it.host: line.href for line in lines}  # in the order in which they began
        rows = [HostLine(host, _is_silent(host, now), last.get(host.id, "")) for host in hosts]
        rows.sort(key=lambda line: (line.rank, not line.silent, line.it.id))
        since = _hours_before(now, 24 * SHARED_DAYS)
        shared = same_changes(line.it for line in lines if line.it.started_at >= since)
        kernels = Counter(host.running for host in hosts if host.running).most_common()
        page = OverviewPage(
            tuple(rows), tuple(SharedLine(one) for one in shared[:SHARED_MOST]), SHARED_DAYS, tuple(kernels), now
        )
        return _make(render_overview, page)

    facts = (*map(repr, hosts), *(keys[id(line)] for line in lines if line.it.changes))
    return PageFile(INDEX, _key("overview", now, *facts), make)


def _is_silent(host: FleetHost, now: str) -> bool:
    return host.heard_at < _hours_before(now, SILENT_AFTER_HOURS)


def _hours_before(now: str, hours: int) -> str:
    """Times of this form sort as texts."""
    moment = datetime.strptime(now, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) - timedelta(hours=hours)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


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
    return _digest("\0".join((_version(), *parts)))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "backslashreplace"), digest_size=12).hexdigest()


@cache
def _version() -> str:
    """Changes when what draws the pages does, so that a newer bootkeep writes them all anew."""
    folder = resources.files("bootkeep.reports")
    texts = [__version__]
    for place in (folder, folder.joinpath("templates"), folder.joinpath("templates", "fleet")):
        files = sorted((file for file in place.iterdir() if file.is_file()), key=lambda each: each.name)
        texts += [file.read_text("utf-8") for file in files if file.name.endswith((".py", ".j2", ".css", ".js"))]
    return _digest("\0".join(texts))
