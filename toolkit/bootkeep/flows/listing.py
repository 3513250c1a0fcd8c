"""Transactions in one line each: what a table shows, and what following them live tells as they come."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bootkeep import __version__
from bootkeep.edges.clock import moment_of
from bootkeep.edges.files import replace_file
from bootkeep.edges.store import Store
from bootkeep.facts.change import ChangeClass
from bootkeep.facts.codec import from_json, to_json
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.policy import Policy
from bootkeep.facts.transaction import Outcome, Transaction


@dataclass(frozen=True, slots=True)
class Line:
    """One transaction, told in one line."""

    id: str
    started_at: str  # UTC
    outcome: str
    summary: str  # what happened; the report's own sentence
    verdict: str  # GO, NO-GO, UNKNOWN
    weakened: int  # how many changes weaken security
    phases: tuple[str, ...]
    manager: str
    user: str
    packages: int

    @property
    def short_id(self) -> str:
        """The last part of the id: enough to name it, see :func:`bootkeep.flows.report.resolve`."""
        return self.id.partition("-")[2]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A line on disk, and what it stands on: other rules or another phase make it stale."""

    line: Line
    tool_version: str
    settings: str
    schema: int = 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which transactions to list. Days and times are UTC text that sorts: ``2026-11-23`` or ``2026-11-23T17:00``."""

    since: str = ""
    until: str = ""
    package: str = ""
    outcome: Outcome | None = None
    manager: str = ""
    weakened: bool = False

    def fits(self, transaction: Transaction) -> bool:
        """Whether the record alone fits; ``weakened`` needs its line."""
        return (
            (not self.since or transaction.started_at >= self.since)
            and (not self.until or transaction.started_at < _after(self.until))
            and (self.outcome is None or transaction.outcome is self.outcome)
            and (not self.manager or transaction.caller.manager == self.manager)
            and (not self.package or any(change.name == self.package for change in transaction.changes))
        )


def _after(until: str) -> str:
    """A day includes its last second, a time its last fraction."""
    return until + "\uffff"


def one_line(store: Store, transaction: Transaction, policy: Policy | None = None) -> Line:
    """The line of one transaction: from the disk where it was made before, else made and kept. Raises BootkeepError."""
    settings = str(hash_of(policy or Policy()))
    path = store.root / "transactions" / transaction.id / "line.json"
    with contextlib.suppress(OSError, BootkeepError):
        kept = from_json(_Kept, path.read_bytes(), where=str(path))
        same = (kept.line.phases, kept.line.outcome) == (transaction.phases, transaction.outcome.value)
        if same and (kept.tool_version, kept.settings) == (__version__, settings):
            return kept.line
    if transaction.outcome is Outcome.OPEN:
        return _begun(transaction)
    from bootkeep.flows.report import build_report

    report = build_report(store, transaction.id, policy=policy)
    line = Line(
        id=transaction.id,
        started_at=transaction.started_at,
        outcome=transaction.outcome.value,
        summary=report.summary,
        verdict=report.verdict.word,
        weakened=sum(1 for change in report.changes if change.change_class is ChangeClass.SECURITY_WEAKENED),
        phases=transaction.phases,
        manager=transaction.caller.manager,
        user=transaction.caller.user,
        packages=len(transaction.changes),
    )
    with contextlib.suppress(OSError):  # another's store, a full disk: it is made anew the next time
        replace_file(path, to_json(_Kept(line, __version__, settings)).encode("ascii") + b"\n")
    return line


_NAMED = 4


def _begun(transaction: Transaction) -> Line:
    """A transaction that runs: nothing can be compared yet."""
    names = [change.name for change in transaction.changes]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return Line(
        id=transaction.id,
        started_at=transaction.started_at,
        outcome=transaction.outcome.value,
        summary=f"has begun: {', '.join(names[:_NAMED])}{more}" if names else "has begun",
        verdict="UNKNOWN",
        weakened=0,
        phases=transaction.phases,
        manager=transaction.caller.manager,
        user=transaction.caller.user,
        packages=len(names),
    )


def hash_of(policy: Policy) -> str:
    """What of the policy decides a line."""
    import hashlib

    text = to_json((policy.noise, policy.noise_off, sorted(policy.accepted)))
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]


def lines_of(
    store: Store, found: Sequence[Transaction], wanted: Wanted, *, limit: int = 0, policy: Policy | None = None
) -> tuple[Line, ...]:
    """The lines of the transactions that fit, oldest first; the newest ``limit`` of them, all when it is 0."""
    lines: list[Line] = []
    for transaction in reversed(found):
        if not wanted.fits(transaction):
            continue
        line = one_line(store, transaction, policy)
        if wanted.weakened and not line.weakened:
            continue
        lines.append(line)
        if limit and len(lines) == limit:
            break
    return tuple(reversed(lines))


@dataclass(slots=True)
class Watcher:
    """What is new in a store since the last look. Looks at names and times only, until something moved."""

    store: Store
    policy: Policy | None = None
    seen: dict[str, tuple[int, int]] | None = None
    told: dict[str, tuple[str, tuple[str, ...]]] | None = None

    def look(self) -> Iterator[Line]:
        """Lines of transactions that began, ended or got another look since the last call; the first call tells nothing."""
        first = self.seen is None
        known, told = self.seen or {}, self.told or {}
        now = self._marks()
        self.seen = now
        moved = [id for id in sorted(now) if known.get(id) != now[id]]
        for id in moved:
            try:
                transaction = self.store.load_transaction(id)
            except BootkeepError:
                now.pop(id, None)  # being written, or damaged: looked at again the next time
                continue
            begun = transaction.outcome is Outcome.OPEN
            state = (transaction.outcome.value, () if begun else transaction.phases)
            if told.get(id) == state:
                continue
            told[id] = state
            if not first and (
                transaction.outcome is Outcome.OPEN or "post" in transaction.phases or _is_over(transaction)
            ):
                yield one_line(self.store, transaction, self.policy)
        self.told = {id: state for id, state in told.items() if id in now}

    def _marks(self) -> dict[str, tuple[int, int]]:
        marks = {}
        for id in self.store.transaction_ids():
            with contextlib.suppress(OSError):
                info = os.stat(self.store.root / "transactions" / id / "record.json")
                marks[id] = (info.st_mtime_ns, info.st_ino)
        return marks


def _is_over(transaction: Transaction) -> bool:
    return transaction.outcome in {Outcome.REFUSED, Outcome.INTERRUPTED}


def local_time(utc: str) -> str:
    """``23 Nov 18:28`` in this machine's time zone; the text itself when it is no time."""
    try:
        moment = moment_of(utc)
    except ValueError:
        return utc
    return moment.astimezone().strftime("%d %b %H:%M")
