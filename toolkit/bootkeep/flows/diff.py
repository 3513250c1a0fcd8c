"""diff: any two looks at a host: of transactions, from files, or now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from bootkeep import __version__
from bootkeep.assemble_system import system_at
from bootkeep.compare.noise import NoiseFilter
from bootkeep.compare.whole import compare_all
from bootkeep.edges.clock import now_utc
from bootkeep.edges.config_copies import read_copies
from bootkeep.edges.redaction_key import read_key
from bootkeep.edges.store import CONFIG_COPY_LIMIT, PHASES, Store
from bootkeep.facts.codec import from_json
from bootkeep.facts.errors import BootkeepError, NotUnderstood, StoreError
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Snapshot
from bootkeep.facts.reading_redaction import redact_readings
from bootkeep.facts.transaction import Caller, Outcome, Transaction
from bootkeep.flows.report import boots_next, judged, resolve
from bootkeep.flows.snapshot import take_snapshot
from bootkeep.reports.compose import compose
from bootkeep.reports.document import Report

#: The last look that a transaction has, when no phase is named.
_LAST = ("boot", "settled", "post", "pre")
_LONGEST_FILE = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Look:
    """One side of a comparison."""

    name: str  # as a person named it
    snapshot: Snapshot
    transaction: Transaction | None  # the one that it belongs to
    phase: str


def look_at(store: Store, wanted: str, *, root: Path = Path("/"), deadline_s: float = 60.0) -> Look:
    """The look that ``wanted`` names: ``now``, ``TXN``, ``TXN:phase``, or a file of ``bootkeep snapshot --output``.

    Raises BootkeepError when there is none.
    """
    if wanted == "now":
        taken = take_snapshot("manual", root=root, boot=True, deadline_s=deadline_s)
        clean = replace(taken, readings=redact_readings(taken.readings, read_key(store.root)))
        return Look("now", clean, None, "now")
    if "/" in wanted or wanted.endswith(".json"):
        return _from_file(Path(wanted))
    name, _, phase = wanted.partition(":")
    transaction = store.load_transaction(resolve(store, name))
    if phase and phase not in PHASES:
        raise StoreError(
            f"{phase!r} is not a phase", where=wanted, next_step="Use pre, post, settled or boot, as in 66e23a03:pre."
        )
    chosen = phase or next((name for name in _LAST if name in transaction.phases), "")
    if not chosen:
        raise StoreError(
            f"{transaction.id} has no snapshot: it was {transaction.outcome.value}",
            where=str(store.root),
            next_step="Name another one; 'bootkeep transactions' lists them.",
        )
    return Look(f"{transaction.id}:{chosen}", store.load_snapshot(transaction.id, chosen), transaction, chosen)


def _from_file(path: Path) -> Look:
    try:
        with path.open("rb") as stream:
            content = stream.read(_LONGEST_FILE + 1)
    except OSError as error:
        raise BootkeepError(
            f"the snapshot cannot be read: {error.strerror or error}",
            where=str(path),
            next_step="Make one with: bootkeep snapshot --boot --output FILE.",
        ) from error
    if len(content) > _LONGEST_FILE:
        raise BootkeepError("the file is too long for a snapshot", where=str(path), next_step="Name another file.")
    try:
        snapshot = from_json(Snapshot, content, where=str(path))
    except NotUnderstood as error:
        raise BootkeepError(
            f"this is no snapshot: {error.what}",
            where=str(path),
            next_step="Name a file that 'bootkeep snapshot --output FILE' wrote; a report is none.",
        ) from error
    return Look(str(path), snapshot, None, snapshot.phase)


def backwards(one: Look, other: Look) -> str:
    """What a person who named the later look first should know; empty when the order is that of time."""
    if one.snapshot.taken_at <= other.snapshot.taken_at:
        return ""
    return (
        f"{one.name} was taken after {other.name} ({one.snapshot.taken_at}, {other.snapshot.taken_at}): "
        "the report goes back in time, what is called new in it was there before and is gone"
    )


def build_diff(store: Store, one: Look, other: Look, *, policy: Policy | None = None, root: Path = Path("/")) -> Report:
    """What changed from one look to the other, as a report.

    What transactions did between the two is explained by them, when both are of this store or now.
    """
    rules = policy or Policy()
    between = _between(store, one, other)
    packages = tuple(change for transaction in between for change in transaction.changes)
    was, now = (system_at(look.snapshot) for look in (one, other))
    subject = Transaction(
        id=f"{one.name} .. {other.name}",
        caller=Caller("bootkeep diff", 0, 0, "", (), ""),
        outcome=Outcome.DONE,
        outcome_detail=_words(between),
        started_at=one.snapshot.taken_at,
        ended_at=other.snapshot.taken_at,
        steps=(),
        phases=(),
        preserved=tuple(dict.fromkeys(key for transaction in between for key in transaction.preserved)),
    )
    verdict, basis = judged(store, other.transaction, other.snapshot, rules)
    report = compose(
        subject,
        was,
        now,
        compare_all(was, now, packages=packages, noise=NoiseFilter(rules.noise, rules.noise_off)),
        verdict,
        basis="as it is now" if other.phase == "now" else basis,
        boots_next=boots_next(other.snapshot),
        host=_hosts(one.snapshot, other.snapshot),
        phases=(one.name, other.name),
        copies_before=_copies(store, one, (), root),
        copies_after=_copies(store, other, tuple(_copies(store, one, (), root)), root),
        generated_at=now_utc(),
        tool_version=__version__,
    )
    return replace(report, packages=packages)


def _hosts(one: Snapshot, other: Snapshot) -> str:
    return one.host if one.host == other.host else f"{one.host} and {other.host}"


def _between(store: Store, one: Look, other: Look) -> tuple[Transaction, ...]:
    """Transactions that ran after the first look and before the second; none when a look came out of a file."""
    if not all(look.transaction or look.phase == "now" for look in (one, other)):
        return ()
    start, end = one.snapshot.taken_at, other.snapshot.taken_at
    found = []
    for item in store.transactions():
        if isinstance(item, Transaction) and item.outcome is not Outcome.REFUSED:
            own_pre = one.transaction is not None and item.id == one.transaction.id and one.phase == "pre"
            later = item.started_at > start or own_pre
            if later and item.started_at <= end and not (_is(other, item) and other.phase == "pre"):
                found.append(item)
    return tuple(found)


def _is(look: Look, transaction: Transaction) -> bool:
    return look.transaction is not None and look.transaction.id == transaction.id


def _words(between: Iterable[Transaction]) -> str:
    ids = [transaction.id for transaction in between]
    return f"{len(ids)} transaction{'' if len(ids) == 1 else 's'} in between: {', '.join(ids)}" if ids else ""


def _copies(store: Store, look: Look, also: tuple[str, ...], root: Path) -> dict[str, bytes]:
    if look.transaction is not None:
        try:
            return store.config_copies(look.transaction.id, look.phase)
        except BootkeepError:
            return {}
    if look.phase != "now":
        return {}
    fresh = read_copies(also, root=root, limit_bytes=CONFIG_COPY_LIMIT, key=read_key(store.root))
    return {path: copy.content for path, copy in fresh.items() if copy.content is not None}
