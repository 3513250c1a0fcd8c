"""The store's rows as the pages' facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from bootkeep.facts.change import ChangeClass
from bootkeep.facts.fleet_overview import FleetChange, FleetHost, FleetTransaction, Pending
from bootkeep.facts.runbook import Freshness
from bootkeep.fleet.rows import AlertRow, HostRow, TransactionRow
from bootkeep.fleet.store import FleetStore
from bootkeep.reports.document import Report

#: So many days back the changes of a transaction are read, to find the same on other hosts and to tell of them.
RECENT_DAYS = 7
_HOOK_MISSED = "hook-missed"
_PENDING = {True: Pending.YES, False: Pending.NO, None: Pending.UNKNOWN}


class StorePages:
    """A :class:`bootkeep.fleet.pages.PageSource` that reads the store. ``now``: UTC, ISO 8601."""

    def __init__(self, store: FleetStore, *, now: str, days: float = RECENT_DAYS) -> None:
        self._store = store
        moment = datetime.strptime(now, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) - timedelta(days=days)
        self._since = moment.strftime("%Y-%m-%dT%H:%M:%SZ")

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
            recent = row.weakened > 0 and max(row.started_at, row.stored_at) >= self._since
            yield _transaction(row, tuple(self._changes(row)) if recent else ())

    def recent(self) -> Iterator[FleetTransaction]:
        """Those that came lately: also one that began long ago and arrived after an outage."""
        return self._seen(self._store.transactions(stored_since=self._since))

    def _changes(self, row: TransactionRow) -> Iterator[FleetChange]:
        for change in self._store.changes(row.host, row.id):
            weakens = change.change_class == ChangeClass.SECURITY_WEAKENED.value
            if weakens or change.change_class == ChangeClass.CONFIG_REPLACED.value:
                yield FleetChange(change.rule, change.subject, change.package, change.sentence, weakens)

    def report(self, host: str, transaction: str) -> Report | None:
        """The stored report."""
        return self._store.report(host, transaction)

    def runbook(self, host: str) -> str | None:
        """The newest runbook's text."""
        return self._store.runbook_text(host)


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
