"""The fleet's static site, brought up to date: as a whole, or what changed since it was written last.

A source that can say what changed (the store can) is asked for that, and for the hosts and days that it touches. What is read
and planned then grows with what changed and with the number of hosts, as the overview has a row for each, and not with the number
of transactions. Once a day, and whenever anything is odd, the whole is planned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

from bootkeep.edges.site_folder import ONLY_US, PageFile, Readers, SiteWritten, read_own, update_site, write_site
from bootkeep.facts.codec import from_json, to_json
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.fleet_overview import FleetHost, FleetTransaction
from bootkeep.fleet.page_plan import (
    NEWEST,
    Part,
    Texts,
    day_neighbours,
    host_key,
    newest_until,
    pages_of,
    shared_since,
    version,
)
from bootkeep.reports.fleet_plot import moods_by_day
from bootkeep.reports.fleet_views import TransactionLine

_STATE = "state.json"


class PageSource(Texts, Protocol):
    """Where the pages' facts come from. The store is one; a made-up fleet in a test is another."""

    def hosts(self) -> Sequence[FleetHost]:
        """All hosts."""
        ...

    def transactions(self) -> Iterable[FleetTransaction]:
        """All stored transactions."""
        ...


@runtime_checkable
class ChangingSource(PageSource, Protocol):
    """A source that can tell what is new. ``rows``: how many transactions it has read for us."""

    rows: int

    def last_change(self) -> tuple[int, int]:
        """The number of the last change, and how many transactions there are."""
        ...

    def changed_since(self, change: int) -> Iterable[FleetTransaction]:
        """What came or changed after that number."""
        ...

    def of_host(self, host: str) -> Iterable[FleetTransaction]:
        """All of one host."""
        ...

    def of_day(self, day: str) -> Iterable[FleetTransaction]:
        """All that began on one day."""
        ...

    def newest(self, count: int, *, until: str) -> Iterable[FleetTransaction]:
        """The newest so many of those that began before ``until``."""
        ...

    def shared_since(self, since: str) -> Sequence[FleetTransaction]:
        """Those that began later, with their changes, as far as somebody should know of them; oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class PageState:
    """What the last run left for the next one."""

    version: str
    change: int
    count: int
    full_on: str  # the day of the last whole run
    moods: dict[str, dict[str, int]] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)
    hosts: dict[str, str] = field(default_factory=dict)  # id -> host_key


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
    if not isinstance(source, ChangingSource):
        return write_site(root, plan_pages(source, now=now), readers=readers, everything=everything, say=say)
    # Before anything is read: what comes meanwhile has a greater number, and is seen again by the next run.
    change, count = source.last_change()
    state = None if everything else _state(root, now, change)
    part = _changed_part(source, state, count, now) if state is not None else None
    if part is None or state is None:
        part, full_on = _whole(source, now), now[:10]
        done = write_site(root, pages_of(source, part), readers=readers, everything=everything, say=say)
    else:
        full_on = state.full_on
        done = update_site(root, pages_of(source, part), readers=readers, say=say)
    keys = {host.id: host_key(host, now) for host in part.hosts}
    moods = {day: dict(counts) for day, counts in part.moods.items()}
    new = PageState(version(), change, count, full_on, moods, dict(part.last), keys)
    update_site(root, [], readers=readers, own={_STATE: to_json(new).encode("ascii")})
    return replace(done, read=source.rows)


def plan_pages(source: PageSource, *, now: str) -> list[PageFile]:
    """Every page of the whole site."""
    return pages_of(source, _whole(source, now))


def _whole(source: PageSource, now: str) -> Part:
    hosts = sorted(source.hosts(), key=lambda host: host.id)
    by_host: dict[str, list[TransactionLine]] = {host.id: [] for host in hosts}
    lines = _lines(one for one in source.transactions() if one.host in by_host)
    by_day: dict[str, list[TransactionLine]] = {}
    for line in lines:
        by_host[line.it.host].append(line)
        by_day.setdefault(line.it.day, []).append(line)
    since, until = shared_since(now), newest_until(now)
    shared = [line.it for line in lines if since <= line.it.started_at < until and line.it.changes]
    last = {host: found[-1].href for host, found in by_host.items() if found}
    moods = moods_by_day(line.it for line in lines)
    newest = [line for line in lines if line.it.started_at < until][-NEWEST:]
    return Part(hosts, by_host, by_day, lines, moods, last, newest, shared, now)


def _changed_part(source: ChangingSource, state: PageState, count: int, now: str) -> Part | None:
    """What moved since the last run; None when the whole has to be planned."""
    hosts = sorted(source.hosts(), key=lambda host: host.id)
    if set(state.hosts) - {host.id for host in hosts}:
        return None  # a host is gone, and its pages with it
    new = _lines(source.changed_since(state.change))
    known = {host.id for host in hosts}
    if any(line.it.day == "undated" or line.it.host not in known for line in new):
        return None
    moved = {host.id for host in hosts if state.hosts.get(host.id) != host_key(host, now)}
    by_host = {host: _lines(source.of_host(host)) for host in sorted(moved | {line.it.host for line in new})}
    by_day = {day: _lines(source.of_day(day)) for day in sorted({line.it.day for line in new})}
    moods = state.moods | moods_by_day(line.it for lines in by_day.values() for line in lines)
    if sum(sum(counts.values()) for counts in moods.values()) != count:
        return None  # something went away, or a beginning moved to another day
    before, after = day_neighbours(state.moods), day_neighbours(moods)
    for day in after:
        if day not in by_day and before.get(day) != after[day]:
            by_day[day] = _lines(source.of_day(day))
    last = state.last | {host: lines[-1].href for host, lines in by_host.items() if lines}
    until = newest_until(now)
    shared = [one for one in source.shared_since(shared_since(now)) if one.started_at < until]
    newest = _lines(source.newest(NEWEST, until=until))
    return Part(hosts, by_host, by_day, new, moods, last, newest, shared, now)


def _lines(transactions: Iterable[FleetTransaction]) -> list[TransactionLine]:
    ordered = sorted(transactions, key=lambda one: (one.started_at, one.id, one.host))
    return [TransactionLine(one) for one in ordered]


def _state(root: Path, now: str, change: int) -> PageState | None:
    """What the last run left; None when it cannot be trusted, the day is over, or it is of another store: one that was restored
    from a backup, or moved, counts its changes anew."""
    try:
        state = from_json(PageState, read_own(root, _STATE), where=_STATE)
    except (OSError, NotUnderstood):
        return None
    good = state.version == version() and state.full_on == now[:10] and state.change <= change
    return state if good else None
