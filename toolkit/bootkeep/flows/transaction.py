"""A transaction as its hooks see it: opened before anything is unpacked, closed after, one for a whole session.

A session is one process of one boot that holds the package manager's lock (for raw dpkg: the dpkg process). All its pre and
post pairs are steps of one transaction: unattended-upgrades makes many, each with every hook run twice.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bootkeep.edges import processes
from bootkeep.edges.clock import now_utc, seconds_of
from bootkeep.edges.kept_copies import add_copies
from bootkeep.edges.preserved import PreserveError
from bootkeep.edges.redaction_key import make_key
from bootkeep.edges.store import Store
from bootkeep.facts.errors import BootkeepError, NotUnderstood
from bootkeep.facts.finding import Finding, Judgement, Verdict
from bootkeep.facts.policy import Policy
from bootkeep.facts.transaction import Caller, Outcome, Override, PackageChange, Transaction, TransactionStep
from bootkeep.flows import guard
from bootkeep.flows.found_changes import with_what_changed
from bootkeep.flows.outcome import nothing_happened, outcome_of
from bootkeep.flows.package_family import installed_packages
from bootkeep.flows.phases import judge_phase, judged_before, retention, take_phase
from bootkeep.flows.preserve import preserve_kernel, write_menu
from bootkeep.flows.preserved_modules import step_aside, step_back
from bootkeep.flows.refusal import refusal_text, refusal_without_copy, unstoppable_text
from bootkeep.flows.transaction_files import planned_config_copies

#: A process that lives for days (packagekitd, aptitude's screen) starts a new transaction after this long without one.
IDLE_S = 90.0
#: How many of the newest records a hook looks at for its own session.
_RECENT = 25
_HOOKS = "bootkeep-hooks"
#: The worker after a transaction prunes the store; a hook does so only where that worker does not seem to run.
_SLACK = 20


@dataclass(frozen=True, slots=True)
class Request:
    """What a hook found out about the run that started it."""

    caller: Caller
    changes: tuple[PackageChange, ...]
    environment: Mapping[str, str]  # the hook's own: BOOTKEEP_OVERRIDE
    not_understood: str = ""  # why the plan could not be read; then ``changes`` is empty
    unpack_only: bool = False  # dpkg --unpack
    locked: bool = True  # it holds the lock of this host's package database
    stoppable: bool = True  # a refusal reaches the package manager; rpm and zypper go on whatever a hook says
    brings: frozenset[str] = frozenset()  # kernel releases whose files the plan's new packages carry
    takers: frozenset[str] = (
        frozenset()
    )  # packages that come in the place of what goes: they obsolete it, or conflict with it
    touches: frozenset[str] = frozenset()  # kernel releases whose files are about to be removed or replaced


@dataclass(frozen=True, slots=True)
class Answer:
    """What the hook says to the person, and whether it refuses."""

    text: str = ""  # empty: nothing to say
    refused: bool = False


def open_transaction(
    request: Request, *, store: Store, policy: Policy, root: Path = Path("/"), deadline_s: float = 4.0
) -> Answer:
    """Before anything is unpacked: judge the plan, preserve what it would replace, record, take the first snapshot.

    In this order, so that a deadline that cuts it off has cost the least important part. A second run for the same step does
    nothing. Raises BootkeepError when the store refuses; the guard has spoken by then.
    """
    until = time.monotonic() + deadline_s
    now = now_utc()
    session: Transaction | None = None
    with contextlib.suppress(BootkeepError):  # the guard judges even where the store cannot be read
        close_orphans(store, root=root, but=request.caller)
        session = session_of(store, request.caller, now)
    if session and session.outcome is Outcome.OPEN and _is_same_step(session, request.changes):
        return Answer()
    step_aside(root)
    override = session.override if session else None
    preserved: tuple[str, ...] = ()
    notice = ""
    if policy.guard:
        verdict = _guard(request, store=store, root=root, now=now, override=override)
        if verdict.refusal:
            step_back(root)
            _record_refusal(request, verdict.refusal, store=store, now=now)
            return Answer(verdict.refusal, refused=True)
        override, preserved, notice = verdict.override, verdict.preserved, verdict.notice
    step = TransactionStep(request.changes, now, "")
    if session is None:
        transaction = Transaction(
            store.new_id(now),
            request.caller,
            Outcome.OPEN,
            request.not_understood,
            now,
            "",
            (step,),
            (),
            override,
        )
    else:
        steps = tuple(replace(one, ended_at=one.ended_at or now) for one in session.steps)
        detail = (
            session.outcome_detail if session.outcome is Outcome.OPEN else ""
        )  # a closed step's problem is told anew
        transaction = replace(
            session,
            outcome=Outcome.OPEN,
            outcome_detail="; ".join(part for part in (detail, request.not_understood) if part),
            ended_at="",
            steps=(*steps, step),
            override=override,
        )
    transaction = replace(transaction, preserved=tuple(dict.fromkeys((*transaction.preserved, *preserved))))
    store.save_transaction(transaction)
    # What the plan names is copied at once; the snapshot that may be cut short comes after it.
    _copy_planned(store, transaction, "pre", request.changes, root=root)
    if "pre" not in transaction.phases:
        take_phase(store, transaction, "pre", root=root, until=until)
        store.save_transaction(replace(transaction, phases=(*transaction.phases, "pre")))
    if request.not_understood:  # an unjudged plan must not look like a judged one
        return Answer(f"bootkeep: the guard did not judge this transaction: {request.not_understood}")
    if override and not (session and session.override):
        return Answer(_override_note(override, transaction))
    return Answer(notice)


def judge_request(request: Request, *, store: Store, policy: Policy, root: Path = Path("/")) -> Answer:
    """Only the guard's word on a plan that may still be given up; a refusal is recorded. Nothing else is touched."""
    now = now_utc()
    protected = guard.protected_kernel(root, store) if policy.guard else None
    finding = guard.judge_plan(protected, request.changes, brings=request.brings)
    if protected is None or finding is None or request.environment.get(guard.OVERRIDE_VARIABLE, "").strip():
        return Answer()
    if store.has_override():
        return Answer()  # it waits for the transaction itself, which uses it up
    text = _refusal(finding, request, protected, root)
    _record_refusal(request, text, store=store, now=now)
    return Answer(text, refused=True)


def has_session(request: Request, store: Store) -> bool:
    """Whether this process has a transaction, open or ended a moment ago."""
    return session_of(store, request.caller, now_utc()) is not None


def has_open_session(request: Request, store: Store) -> bool:
    """Whether this process has a transaction that is at work."""
    found = session_of(store, request.caller, now_utc())
    return found is not None and found.outcome is Outcome.OPEN


def close_transaction(
    request: Request, *, store: Store, policy: Policy, root: Path = Path("/"), deadline_s: float = 4.0
) -> Answer:
    """After the package manager ended: the outcome from dpkg's status, the second snapshot, the verdict's one line."""
    until = time.monotonic() + deadline_s
    now = now_utc()
    try:
        return _close(request, store=store, policy=policy, root=root, until=until, now=now)
    finally:
        step_back(root)


def _close(request: Request, *, store: Store, policy: Policy, root: Path, until: float, now: str) -> Answer:
    close_orphans(store, root=root, but=request.caller)
    session = session_of(store, request.caller, now)
    if session is None and not request.locked:
        return (
            Answer()
        )  # apt on another root: the hook before it left it alone, and here it says nothing about its plan
    if session is None:
        # Its pre hook was cut off, or apt ended without one: recorded all the same, and said so.
        detail = "the hook before this transaction did not finish: there is no snapshot from before it"
        step = TransactionStep(request.changes, now, "")
        session = Transaction(store.new_id(now), request.caller, Outcome.OPEN, detail, now, "", (step,), ())
        store.save_transaction(session)
    elif session.outcome is not Outcome.OPEN:
        return Answer()  # the second run of a doubled hook, or the post of what was refused
    session = with_what_changed(session, store, root)
    try:
        outcome, problem = outcome_of(session.changes, installed_packages(root), unpack_only=request.unpack_only)
    except (NotUnderstood, OSError) as error:
        outcome, problem = Outcome.FAILED, f"dpkg's status cannot be read: {error}"
    steps = tuple(replace(step, ended_at=step.ended_at or now) for step in session.steps)
    detail = "; ".join(part for part in (_lasting(session), problem) if part)
    closed = replace(
        session,
        outcome=outcome,
        outcome_detail=detail,
        ended_at=now,
        steps=steps,
        phases=tuple(phase for phase in session.phases if phase != "settled"),  # it settled before its last step
        awaits=("settled", "boot"),
        alarms=(),
    )
    store.save_transaction(closed)  # before the snapshot: a deadline must not leave it open
    _copy_planned(store, closed, "post", session.changes, root=root)
    earlier = judged_before(store)
    snapshot = take_phase(store, closed, "post", root=root, until=until)
    closed = replace(closed, phases=tuple(dict.fromkeys((*closed.phases, "post"))))
    store.save_transaction(closed)
    _refresh_menu(root)
    verdict = judge_phase(store, closed, snapshot, policy, root=root, until=until, earlier=earlier)
    if len(store.transaction_ids()) > policy.keep_transactions + _SLACK:
        store.prune(retention(policy))
    return Answer(_one_line(closed, verdict))


def close_orphans(store: Store, *, root: Path = Path("/"), but: Caller | None = None) -> tuple[Transaction, ...]:
    """Close transactions whose process is gone without a post hook, as INTERRUPTED; the closed ones."""
    closed: list[Transaction] = []
    boot = processes.boot_id()
    for item in store.newest(_RECENT):
        if item.outcome is not Outcome.OPEN or (but and _same_process(item.caller, but)):
            continue
        caller = item.caller
        if caller.boot_id == boot and processes.is_alive(caller.pid, caller.start_ticks):
            continue
        why = "the package manager went away without running the hooks after it"
        awaits: tuple[str, ...] = ("settled", "boot")  # there is no look behind it yet
        try:
            if nothing_happened(item.changes, installed_packages(root)):
                why = (
                    "nothing was changed: it ended before anything was unpacked (the person or another hook stopped it, or "
                    "another package manager held the lock)"
                )
                awaits = ()
        except (NotUnderstood, OSError):
            pass
        now = now_utc()
        ended = replace(
            item,
            outcome=Outcome.INTERRUPTED,
            outcome_detail="; ".join(part for part in (_lasting(item), why) if part),
            ended_at=now,
            steps=tuple(replace(step, ended_at=step.ended_at or now) for step in item.steps),
            awaits=awaits,
        )
        store.save_transaction(ended)
        closed.append(ended)
    return tuple(closed)


@dataclass(frozen=True, slots=True)
class _GuardAnswer:
    refusal: str = ""
    override: Override | None = None
    preserved: tuple[str, ...] = ()
    notice: str = ""  # it goes on, and the person has to know


def _guard(request: Request, *, store: Store, root: Path, now: str, override: Override | None) -> _GuardAnswer:
    protected = guard.protected_kernel(root, store)
    if protected is None:
        return _GuardAnswer(override=override)
    finding = guard.judge_plan(protected, request.changes, brings=request.brings)
    if finding is not None:
        override = override or guard.override_for(store, request.environment, request.caller.user, now)
        if override is not None:
            return _GuardAnswer(override=override)
        if request.stoppable:
            return _GuardAnswer(_refusal(finding, request, protected, root))
    elif protected.release not in request.touches and not guard.replaced_in_place(protected, request.changes):
        return _GuardAnswer(override=override)
    # When the hooks' own package comes or goes, its triggers are shown every kernel there is, though none is touched.
    told = finding or not (
        guard.replaced_in_place(protected, request.changes) or any(one.name == _HOOKS for one in request.changes)
    )
    try:
        record = preserve_kernel(root, protected.release, touched=True, last_resort=not request.stoppable)
    except PreserveError as error:
        if not request.stoppable:
            return _GuardAnswer(
                override=override, notice=unstoppable_text(finding, protected, request.caller.manager, str(error))
            )
        override = override or guard.override_for(store, request.environment, request.caller.user, now)
        if override is None:
            return _GuardAnswer(refusal_without_copy(protected, str(error)))
        return _GuardAnswer(override=override)
    notice = unstoppable_text(finding, protected, request.caller.manager) if told and not request.stoppable else ""
    return _GuardAnswer(override=override, preserved=(record.key,), notice=notice)


def _refusal(finding: Finding, request: Request, protected: guard.ProtectedKernel, root: Path) -> str:
    changes, caller = request.changes, request.caller
    around = None
    if protected.versions:
        from bootkeep.flows.refused_by_dnf import surroundings  # seldom needed by a hook

        around = surroundings(protected, changes, request.takers, root)
    return refusal_text(
        finding, changes, caller.manager, protected, caller.command, brings=request.brings, around=around
    )


def _record_refusal(request: Request, text: str, *, store: Store, now: str) -> None:
    """A refused step is a closed transaction. A store that cannot write must not turn the refusal into a pass."""
    step = TransactionStep(request.changes, now, now)
    for item in store.newest(1):
        if (
            item.outcome is Outcome.REFUSED
            and _same_process(item.caller, request.caller)
            and item.changes == step.changes
        ):
            return
    first_line = text.split("\n", 1)[0].removeprefix("bootkeep: ")
    record = Transaction(
        store.new_id(now),
        request.caller,
        Outcome.REFUSED,
        first_line,
        now,
        now,
        (step,),
        (),
        advice=_advice(text),
    )
    try:
        store.save_transaction(record)
    except BootkeepError:
        return


def _advice(refusal: str) -> str:
    """The line of a refusal that says what to do instead."""
    lines = (line.strip() for line in refusal.split("\n"))
    found = next((line for line in lines if line.startswith("do this instead:")), "")
    return " ".join(found.removeprefix("do this instead:").split())


def session_of(store: Store, caller: Caller, now: str) -> Transaction | None:
    """This process's own transaction, open or ended a moment ago; a refused one is never taken up again."""
    for item in store.newest(_RECENT):
        if not _same_process(item.caller, caller):
            continue
        if item.outcome is Outcome.REFUSED:
            return None
        idle = not item.ended_at or seconds_of(now) - seconds_of(item.ended_at) <= IDLE_S
        return item if item.outcome is Outcome.OPEN or idle else None
    return None


def _same_process(one: Caller, other: Caller) -> bool:
    return (one.boot_id, one.pid, one.start_ticks) == (other.boot_id, other.pid, other.start_ticks)


def _is_same_step(session: Transaction, changes: tuple[PackageChange, ...]) -> bool:
    return bool(session.steps) and not session.steps[-1].ended_at and session.steps[-1].changes == changes


def _lasting(transaction: Transaction) -> str:
    """The part of the detail that was known when it was opened; a step's own problem is told anew each time."""
    return transaction.outcome_detail if transaction.outcome is Outcome.OPEN else ""


def _copy_planned(
    store: Store, transaction: Transaction, phase: str, changes: tuple[PackageChange, ...], *, root: Path
) -> None:
    copies = planned_config_copies(changes, root, key=make_key(store.root))
    add_copies(store, transaction.id, phase, copies)


def _refresh_menu(root: Path) -> None:
    try:
        write_menu(root)
    except (PreserveError, OSError):
        return  # the entry that was written before the transaction stays


def _override_note(override: Override, transaction: Transaction) -> str:
    return f"bootkeep: the guard was overridden ({override.reason}); recorded as {transaction.id}"


def _one_line(transaction: Transaction, verdict: Verdict | None) -> str:
    count = len(transaction.changes)
    what = f"{count} package{'' if count == 1 else 's'} recorded as {transaction.id}"
    parts = [f"bootkeep: {what}"]
    if transaction.outcome is Outcome.FAILED:
        parts.append(f"FAILED: {transaction.outcome_detail}")
    if verdict is None:
        parts.append("no time left to judge the boot files, run: bootkeep check")
    else:
        parts.append("GO: safe to reboot" if verdict.judgement is Judgement.GO else verdict.sentence)
    parts.append("see: bootkeep report last")
    return "; ".join(part.rstrip(".") for part in parts)
