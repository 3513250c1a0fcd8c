"""The store's rows as the pages' facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from bootkeep.facts.change import ChangeClass
from bootkeep.facts.fleet_overview import FleetChange, FleetHost, FleetTransaction, Pending
from bootkeep.facts.runbook import Freshness
from bootkeep.fleet.rows import AlertRow, ChangeRow, HostRow, TransactionRow
from bootkeep.fleet.store import FleetStore
from bootkeep.reports.document import Report

#: So many days back the changes of a transaction are read, to find the same on other hosts and to tell of them.
RECENT_DAYS = 7
#: Changes that the overview and the messages tell of.
_KNOWN_OF = (ChangeClass.SECURITY_WEAKENED.value, ChangeClass.CONFIG_REPLACED.value)
_HOOK_MISSED = "hook-missed"
_PENDING = {True: Pending.YES, False: Pending.NO, None: Pending.UNKNOWN}


class StorePages:
    """A :class:`bootkeep.fleet.pages.PageSource` that reads the store. ``now``: UTC, ISO 8601."""

    def __init__(self, store: FleetStore, *, now: str, days: float = RECENT_DAYS) -> None:
        self._store = store
        moment = datetime.strptime(now, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) - timedelta(days=days)
        self._since = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.rows = 0  # transactions that were read

    def hosts(self) -> Sequence[FleetHost]:
        """All hosts."""
        missed: dict[str, AlertRow] = {}
        for alert in self._store.alerts():
            if alert.kind == _HOOK_MISSED and alert.raised_at >= self._since:
                missed[alert.host] = alert
        return [_host(row, missed.get(row.host)) for row in self._store.hosts()]

    def transactions(self) -> Iterator[FleetTransaction]:
        """All transactions; with their changes those that were stored lately."""
        return self._seen(self._store.transactions())

    def _seen(self, rows: Iterator[TransactionRow]) -> Iterator[FleetTransaction]:
        for row in rows:
            self.rows += 1
            recent = row.weakened > 0 and max(row.started_at, row.stored_at) >= self._since
            yield _transaction(row, tuple(self._changes(row)) if recent else ())

    def recent(self) -> Iterator[FleetTransaction]:
        """Those that came lately: also one that began long ago and arrived after an outage."""
        return self._seen(self._store.transactions(stored_since=self._since))

    # --- what is new ----------------------------------------------------------------------------------------------------

    def last_change(self) -> tuple[int, int]:
        """The number of the last change, and how many transactions there are."""
        return self._store.last_change()

    def changed_since(self, change: int) -> Iterator[FleetTransaction]:
        """What came or changed after that number."""
        return self._bare(self._store.changed_since(change))

    def of_host(self, host: str) -> Iterator[FleetTransaction]:
        """All of one host."""
        return self._bare(self._store.transactions(host=host))

    def of_day(self, day: str) -> Iterator[FleetTransaction]:
        """All that began on one day."""
        after = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
        return self._bare(self._store.transactions(since=day, until=after.strftime("%Y-%m-%d")))

    def newest(self, count: int, *, until: str) -> Iterator[FleetTransaction]:
        """The newest so many of those that began before ``until``."""
        return self._bare(self._store.transactions(limit=count, until=until))

    def shared_since(self, since: str) -> list[FleetTransaction]:
        """Those that began later, with the changes that somebody should know of: of all of them one question to the store."""
        found: dict[tuple[str, str], tuple[str, list[FleetChange]]] = {}
        for started_at, row in self._store.changes_since(max(since, self._since), _KNOWN_OF):
            changes = found.setdefault((row.host, row.id), (started_at, []))[1]
            changes.append(_change(row))
        self.rows += len(found)
        return [
            FleetTransaction(id, host, started_at, changes=tuple(changes))
            for (host, id), (started_at, changes) in found.items()
        ]

    def _bare(self, rows: Iterator[TransactionRow]) -> Iterator[FleetTransaction]:
        """Without their changes: only the overview has those."""
        for row in rows:
            self.rows += 1
            yield _transaction(row, ())

    def _changes(self, row: TransactionRow) -> Iterator[FleetChange]:
        for change in self._store.changes(row.host, row.id):
            if change.change_class in _KNOWN_OF:
                yield _change(change)

    def report(self, host: str, transaction: str) -> Report | None:
        """The stored report."""
        return self._store.report(host, transaction)

    def runbook(self, host: str) -> str | None:
        """The newest runbook's text."""
        return self._store.runbook_text(host)


def _change(row: ChangeRow) -> FleetChange:
    weakens = row.change_class == ChangeClass.SECURITY_WEAKENED.value
    return FleetChange(row.rule, row.subject, row.package, row.sentence, weakens)


def _host(row: HostRow, missed: AlertRow | None) -> FleetHost:
    freshness = _freshness(row)
    # Until the host has spoken: since the copy was made, or since the host is known when there is none.
    unsaid = row.runbook_bad_since or row.runbook_at or row.first_seen
    bad_since = "" if freshness in (Freshness.FRESH, Freshness.STALE_MINOR) else unsaid
    return FleetHost(
        id=row.host,
        verdict=row.verdict or "UNKNOWN",
        verdict_sentence=row.verdict_sentence,
        verdict_at=row.verdict_at,
        system=row.system,
        running=row.running_kernel,
        default=row.default_kernel,
        last_good=row.last_good_kernel,
        reboot_pending=_PENDING[row.reboot_pending],
        last_transaction_at=moment_of(row.last_transaction),
        runbook=freshness,
        runbook_id=row.runbook,
        runbook_at=row.runbook_at,
        runbook_bad_since=bad_since,
        runbook_moved=row.runbook_moved if row.runbook else "",
        heard_at=row.last_seen,
        hook_missed_at=missed.raised_at if missed else "",
        records_waiting=row.waiting,
        problem=row.problem,
    )


def _freshness(row: HostRow) -> Freshness:
    """Whatever the host says, a copy that is not here is none."""
    if not row.runbook:
        return Freshness.UNKNOWN
    try:
        return Freshness(row.runbook_state)
    except ValueError:
        return Freshness.UNKNOWN


def moment_of(transaction: str) -> str:
    """When a transaction began, as its id says: ``20261123T170312Z-...``; empty for another form."""
    try:
        moment = datetime.strptime(transaction.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return ""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _transaction(row: TransactionRow, changes: tuple[FleetChange, ...]) -> FleetTransaction:
    fallback = f"{row.outcome_detail or row.command or row.manager}"
    return FleetTransaction(
        id=row.id,
        host=row.host,
        started_at=row.started_at,
        ended_at=row.ended_at,
        manager=row.manager,
        command=row.command,
        user=row.user,
        outcome=row.outcome,
        verdict=row.verdict,
        verdict_sentence=row.verdict_sentence,
        headline=f"{row.summary}." if row.summary else fallback,
        weakened=row.weakened,
        packages=row.packages,
        changes=changes,
        stored_at=row.stored_at,
        digest=row.reported,
        has_report=bool(row.summary),  # a record whose report could not be made is "reported" too
    )
