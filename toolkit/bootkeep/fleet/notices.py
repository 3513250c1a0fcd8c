"""Which notices a fleet gives, and whom the rules tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

from bootkeep.facts.fleet_overview import FleetHost, FleetTransaction
from bootkeep.facts.notice import Destination, MessagePolicy, Notice, NoticeKind
from bootkeep.facts.runbook import Freshness


def notices_of(
    hosts: Iterable[FleetHost], transactions: Iterable[FleetTransaction], policy: MessagePolicy, *, now: str
) -> Iterator[Notice]:
    """Every notice of the time that is looked back at. The same facts give the same ids, however often they are asked."""
    known = {host.id: host for host in hosts}
    since = _before(now, policy.look_back_days)
    told_of: set[tuple[str, str]] = set()
    for one in transactions:
        if one.host in known and max(one.started_at, one.stored_at) >= since:
            for notice in _of_transaction(one):
                told_of.add((notice.host, notice.key))
                yield notice
    for host in known.values():
        for notice in _of_host(host, policy, now=now, since=since):
            if (notice.host, notice.key) not in told_of:  # the transaction has said so
                yield notice


def _of_transaction(one: FleetTransaction) -> Iterator[Notice]:
    if one.verdict == "NO-GO":
        sentence = one.verdict_sentence.removeprefix("NO-GO: ") or one.headline
        yield Notice(NoticeKind.NO_GO, one.host, sentence, sentence, one.ended_at or one.started_at, one.id)
    for change in one.changes:
        if change.weakens:
            key = "\0".join((change.rule, change.key, change.package))
            yield Notice(NoticeKind.WEAKENED, one.host, key, change.sentence, one.started_at, one.id)


def _of_host(host: FleetHost, policy: MessagePolicy, *, now: str, since: str) -> Iterator[Notice]:
    if host.verdict == "NO-GO" and host.verdict_at >= since:
        # Judged without a transaction (after a boot, on demand): once a day.
        sentence = host.verdict_sentence.removeprefix("NO-GO: ")
        yield Notice(NoticeKind.NO_GO, host.id, sentence, sentence, host.verdict_at, about=host.verdict_at[:10])
    if host.hook_missed_at >= since:
        words = "packages changed and no hook saw it; look at: bootkeep selftest"
        yield Notice(NoticeKind.HOOK_MISSED, host.id, "hook", words, host.hook_missed_at, about=host.hook_missed_at)
    if not host.runbook_good and host.runbook_bad_since <= _before(now, policy.overdue_days):
        words = _overdue(host)
        week = datetime.strptime(now[:10], "%Y-%m-%d").replace(tzinfo=UTC).strftime("%G-W%V")
        about = f"{host.runbook_id or 'none'} {host.runbook.value} {week}"  # said again each week
        yield Notice(NoticeKind.RUNBOOK_OVERDUE, host.id, words, words, host.runbook_bad_since or now, about=about)


def _overdue(host: FleetHost) -> str:
    """What is wrong with a host's runbook, and what to do. Sections are named: they are words of ours."""
    if host.runbook is Freshness.UNKNOWN and host.runbook_id:
        return "whether its runbook still fits is not known: look at its minion (bootkeep runbook --check)"
    if host.runbook is Freshness.UNKNOWN:
        return "no runbook: write and print one (bootkeep runbook --write)"
    moved = f" ({host.runbook_moved} changed)" if host.runbook_moved else ""
    if host.runbook is Freshness.INVALID:
        return f"its runbook is INVALID{moved}, its commands may hit the wrong thing: print a new one"
    return f"its runbook is stale{moved}: print a new one (bootkeep runbook --write)"


def told(notice: Notice, policy: MessagePolicy) -> Iterator[Destination]:
    """Whom the rules tell of this one: each recipient once, as a destination of its own."""
    names: list[str] = []
    for rule in policy.rules:
        if notice.kind in rule.kinds and any(fnmatchcase(notice.host, glob) for glob in rule.hosts):
            names += [name for name in rule.to if name not in names]
    for destination in targets(policy):
        if destination.name.partition("\0")[0] in names:
            yield destination


def targets(policy: MessagePolicy) -> Iterator[Destination]:
    """Every single recipient. One whom the mail server refuses must not cost, or repeat, the mail of another."""
    for destination in policy.destinations:
        if destination.kind != "smtp":
            yield destination
            continue
        for recipient in destination.to:
            yield replace(destination, name=f"{destination.name}\0{recipient}", to=(recipient,))


def _before(now: str, days: float) -> str:
    moment = datetime.strptime(now, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC) - timedelta(days=days)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
