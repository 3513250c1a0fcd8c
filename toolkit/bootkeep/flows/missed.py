"""Transactions that no hook saw: found by comparing the package database with the last look, and put on record all the same.

Two looks follow each other on a host: the last one of a transaction and the first one of the next, or this moment. Nothing
that bootkeep saw lies between them, so the packages must be the same. Where they are not, somebody went past the hooks
(``rpm --noscripts``, ``dnf --noplugins``, a hook that was taken away), and the looks on both sides are that transaction's.

What is recorded is compared again and found equal, so that one change is never told twice, also when this is killed at any
point: a record is written after all that belongs to it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from bootkeep.compare.between import packages_between, reinstalled
from bootkeep.edges import processes
from bootkeep.edges.baseline import load_baseline, save_baseline
from bootkeep.edges.clock import FORM, now_utc, seconds_of
from bootkeep.edges.collect import collect
from bootkeep.edges.host import LiveHost
from bootkeep.edges.kept_copies import add_copies, load_copies, sealed_content
from bootkeep.edges.package_database import unpacked_since, written_at
from bootkeep.edges.preserved import PreserveError
from bootkeep.edges.store import Store
from bootkeep.facts.config_copy import FreshCopy
from bootkeep.facts.errors import BootkeepError, NotUnderstood
from bootkeep.facts.package import Package
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Readings, Snapshot
from bootkeep.facts.transaction import Outcome, PackageChange, Transaction, TransactionStep
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.flows.outcome import outcome_of
from bootkeep.flows.phases import judge_phase, judged_before, take_phase
from bootkeep.flows.preserve import write_menu
from bootkeep.flows.reconcile import put_back_vanished
from bootkeep.flows.who_ran import unknown_caller, who_ran
from bootkeep.probes.packages import installed, rpm
from bootkeep.probes.packages.dpkg import DPKG

#: For the look at a transaction that was missed; a look that settles may take as long.
_LOOK_S = 60.0
#: Whichever of the two the system belongs to (probes.packages.installed).
_DATABASES = (DPKG, rpm.RPM)


@dataclass(frozen=True, slots=True)
class _Look:
    """One look, and where it is from."""

    snapshot: Snapshot
    transaction: str  # empty: the baseline
    phase: str
    manager: str = ""  # the package manager of that transaction


@dataclass(frozen=True, slots=True)
class Found:
    """What was found, newest last."""

    recorded: tuple[Transaction, ...] = ()
    complaints: tuple[str, ...] = ()  # what could not be compared or put back, and why
    put_back: tuple[str, ...] = ()  # what of a kernel that went unseen was put back, in sentences


def record_missed(store: Store, policy: Policy, *, root: Path, after: str = "", recent: int = 25) -> Found:
    """Put every transaction that no hook saw on record: between those on record, and since the last of them.

    Only while no package manager is at work. ``after``: transactions up to this one are accounted for. On a host without any
    look the first one is taken. Raises StoreError.
    """
    known = [item for item in reversed(store.newest(recent)) if item.outcome is not Outcome.REFUSED]
    recorded: list[Transaction] = []
    complaints: list[str] = []
    for found, complaint in _between_records(store, known, after):
        recorded += [found] if found else []
        complaints += [complaint] if complaint else []
    newest = known[-1] if known else None
    if newest and newest.outcome is Outcome.OPEN:
        return Found(tuple(recorded), tuple(complaints))
    base, complaint = _base(store, newest, known)
    complaints += [complaint] if complaint else []
    if base is None:
        if newest is None or "settled" not in newest.awaits:  # else its own look will serve
            _first_look(store, root)
        return Found(tuple(recorded), tuple(complaints))
    changes, complaint = _since(base, root, by_time=not _stepped(base, known))
    complaints += [complaint] if complaint else []
    back: tuple[str, ...] = ()
    if changes:
        back, complaint = _put_back(store, changes, root)  # before the look: it shows the host as it is left
        complaints += [complaint] if complaint else []
        recorded.append(_record(store, policy, base, changes, back, root=root))
    elif complaint:
        _first_look(store, root)  # what cannot be compared is told once, and serves no second time
    return Found(tuple(recorded), tuple(complaints), back)


def _put_back(store: Store, changes: tuple[PackageChange, ...], root: Path) -> tuple[tuple[str, ...], str]:
    try:
        back = put_back_vanished(root, store, unseen=changes)
        write_menu(root)  # a preserved kernel whose packaged files are gone or others needs an entry of its own
    except (PreserveError, NotUnderstood, OSError) as error:
        return (), f"kept files could not be put back: {error}"
    return back, ""


def _stepped(look: _Look, known: Sequence[Transaction]) -> bool:
    """Whether the clock was set back before this look: then wall times say nothing about what came after what."""
    return any(
        max(one.started_at, one.ended_at) > look.snapshot.taken_at for one in known if one.id != look.transaction
    )


def _base(store: Store, newest: Transaction | None, known: Sequence[Transaction]) -> tuple[_Look | None, str]:
    """The look that the database of this moment is compared with, and what is wrong with the one that should serve."""
    baseline = load_baseline(store)
    own, complaint = _last_look(store, newest) if newest else (None, "")
    moment = (newest.ended_at or newest.started_at) if newest else ""
    stepped = any(max(one.started_at, one.ended_at) > moment for one in known[:-1])
    if own is None and newest and baseline and (stepped or baseline.taken_at < moment):
        return None, complaint  # from before a transaction whose own effect nobody looked at
    if baseline and (own is None or (baseline.taken_at > own.snapshot.taken_at and not _stepped(own, known))):
        return _Look(baseline, "", "settled"), complaint
    return own, complaint


def _last_look(store: Store, item: Transaction) -> tuple[_Look | None, str]:
    """The last look after a transaction; None where it has only the one before: what lies behind that is its own doing."""
    looks: list[_Look] = []
    complaint = ""
    for phase in item.phases:
        if phase != "pre":
            try:
                looks.append(_Look(store.load_snapshot(item.id, phase), item.id, phase, item.caller.manager))
            except BootkeepError as error:
                complaint = f"the {phase} look of {item.id} cannot be read: {error}"
    return max(looks, key=lambda look: look.snapshot.taken_at, default=None), complaint


def _since(base: _Look, root: Path, *, by_time: bool = True) -> tuple[tuple[PackageChange, ...], str]:
    """What changed between a look and this moment, and what could not be compared.

    ``by_time``: whether file times tell of packages that were unpacked again in the version that they had.
    """
    now = collect(LiveHost(root), _DATABASES, deadline_s=30.0)
    waiting = installed.unmerged_updates(now)
    if isinstance(waiting, int) and waiting:
        return (), ""  # dpkg was killed and has not written down what it did: its next run does, and is compared then
    before, after = _packages(base.snapshot.readings), _packages(now)
    if isinstance(before, str) or isinstance(after, str):
        why = before if isinstance(before, str) else after
        return (), f"the packages of {base.snapshot.taken_at} and now cannot be compared: {why}"
    changes = packages_between(before, after, installed.version_order(now))
    named = {(change.name, change.architecture) for change in changes}
    if installed.is_rpm(now):
        written = rpm.installed_again(base.snapshot.readings, now)
    else:
        written = unpacked_since(root, seconds_of(base.snapshot.taken_at)) if by_time else frozenset()
    again = (one for one in reinstalled(after, written) if (one.name, one.architecture) not in named)
    return tuple(sorted((*changes, *again), key=lambda change: change.name)), ""


def _between_records(
    store: Store, known: Sequence[Transaction], after: str
) -> Iterator[tuple[Transaction | None, str]]:
    """What happened between transactions on record: its looks are theirs.

    A hook that died may have left a record with one look or none. What such a record names is then taken off the difference between
    the looks around it, and the rest is somebody else's; of a record that names nothing nothing can be taken off.
    """
    base: _Look | None = None
    named: frozenset[tuple[str, str]] = frozenset()  # by records since that look that it does not show
    earlier = ""
    for later in known:
        own = frozenset((change.name, change.architecture) for change in later.changes)
        pre, complaint = _first_look_of(store, later)
        last, further = _last_look(store, later)
        if later.id > after:
            for one in (complaint, "" if later is known[-1] else further):  # the newest one's is told with the present
                if one:
                    yield None, one
            then, explained = (pre, named) if pre else (last, named | own)
            if base and then and (pre or own):
                yield _between(store, base, earlier, later, then, explained, only_its_own=pre is not None)
        if last:
            base, named = last, frozenset()
        elif not own:
            base = None
        elif pre:
            base, named = pre, own
        else:
            named |= own
        earlier = later.id


def _first_look_of(store: Store, item: Transaction) -> tuple[_Look | None, str]:
    if "pre" not in item.phases:
        return None, ""
    try:
        return _Look(store.load_snapshot(item.id, "pre"), item.id, "pre", item.caller.manager), ""
    except BootkeepError as error:
        return None, f"the first look of {item.id} cannot be read: {error}"


def _between(
    store: Store,
    base: _Look,
    earlier: str,
    later: Transaction,
    then: _Look,
    explained: frozenset[tuple[str, str]],
    *,
    only_its_own: bool,
) -> tuple[Transaction | None, str]:
    """``only_its_own``: whether ``then`` was taken before the later transaction did anything."""
    before, after = _packages(base.snapshot.readings), _packages(then.snapshot.readings)
    if isinstance(before, str) or isinstance(after, str):
        why = before if isinstance(before, str) else after
        return None, f"the packages before {later.id} cannot be compared: {why}"
    found = packages_between(before, after, installed.version_order(then.snapshot.readings))
    changes = tuple(change for change in found if (change.name, change.architecture) not in explained)
    moment = min(then.snapshot.taken_at, later.started_at)
    id = _id_before(later.id)
    if not changes or id <= earlier:
        return None, ""
    item = _transaction(id, base, changes, moment, after, before_record=later.id)
    if not only_its_own:
        item = replace(item, hook_missed=f"{item.hook_missed}; the look after it shows {later.id}, too")
    _keep_first_look(store, item.id, base)
    store.save_snapshot(item.id, "post", replace(then.snapshot, phase="post"))
    item = replace(item, phases=("pre", "post"))
    store.save_transaction(item)
    return item, ""


def _record(
    store: Store, policy: Policy, base: _Look, changes: tuple[PackageChange, ...], back: tuple[str, ...], *, root: Path
) -> Transaction:
    """A transaction that ended unseen: its look is taken now, and its verdict reached."""
    until = time.monotonic() + _LOOK_S
    now = now_utc()
    written = written_at(root)
    moment = datetime.fromtimestamp(written, UTC).strftime(FORM) if written else now
    moment = min(max(moment, base.snapshot.taken_at), now)  # a clock that was set must not turn the order around
    packages = _packages(collect(LiveHost(root), _DATABASES, deadline_s=30.0))
    item = _transaction(store.new_id(now), base, changes, moment, () if isinstance(packages, str) else packages)
    seen = who_ran(root, item.caller, since=seconds_of(base.snapshot.taken_at), until=time.time(), known=base.manager)
    item = replace(item, caller=seen, outcome_detail="; ".join(part for part in (item.outcome_detail, *back) if part))
    earlier = judged_before(store)
    _keep_first_look(store, item.id, base)
    since = f"@{int(seconds_of(base.snapshot.taken_at))}"
    snapshot = take_phase(store, item, "settled", root=root, until=until, tier=3, since=since)
    judge_phase(store, item, snapshot, policy, root=root, until=until, earlier=earlier)
    item = replace(item, phases=("pre", "settled"), awaits=("boot",))
    store.save_transaction(item)  # last: from here on it is on record, with everything that belongs to it
    return item


def _transaction(
    id: str,
    base: _Look,
    changes: tuple[PackageChange, ...],
    moment: str,
    packages: Sequence[Package],
    *,
    before_record: str = "",
) -> Transaction:
    last = f"the last look of {base.transaction}" if base.transaction else "the first look at this host"
    when = f"before {before_record} began" if before_record else f"by {now_utc()}"
    outcome, problem = outcome_of(changes, packages)
    return Transaction(
        id=id,
        caller=unknown_caller(processes.boot_id()),
        outcome=outcome,
        outcome_detail=problem,
        started_at=moment,
        ended_at=moment,
        steps=(TransactionStep(changes, moment, moment),),
        phases=(),
        missed=("post",) if not before_record else (),
        hook_missed=f"it ran after {last} ({base.snapshot.taken_at}) and {when}; compared with that look",
    )


def _keep_first_look(store: Store, id: str, base: _Look) -> None:
    """The look before it, with the copies of configuration that were taken then."""
    store.save_snapshot(id, "pre", replace(base.snapshot, phase="pre"))
    if not base.transaction:
        return
    for phase in (base.phase, "post"):
        contents = store.config_copies(base.transaction, phase)
        about = load_copies(store, base.transaction, phase)
        if about:
            whole = {
                path: sealed_content(store, base.transaction, phase, path) for path, one in about.items() if one.sealed
            }
            fresh = {path: FreshCopy(one, contents.get(path), whole.get(path, b"")) for path, one in about.items()}
            add_copies(store, id, "pre", fresh)
            return


def _first_look(store: Store, root: Path) -> None:
    from bootkeep.flows.snapshot import take_snapshot

    save_baseline(store, take_snapshot("settled", root=root, deadline_s=_LOOK_S, tier=3))


def _packages(readings: Readings) -> tuple[Package, ...] | str:
    """All packages, or why they are not known. A machine without a package database has none."""
    found = installed.packages_of(readings)
    if isinstance(found, Unknown):
        return found.why
    return () if isinstance(found, Absent) else found


def _id_before(id: str) -> str:
    """The id that sorts right before another one, at the same second."""
    stamp, _, digits = id.rpartition("-")
    return f"{stamp}-{int(digits, 16) - 1:08x}" if int(digits, 16) else id
