"""A record whose package manager runs no hook at its end is closed by a process that waits for that end.

zypper starts an rpm for each package and hands it ``--noposttrans`` where the package has a %posttrans: kernels do. The two
triggers that run after everything are then left out, and without the commit plugin nothing says that zypper is done. ``rpm -e``
of a package may run no %transfiletriggerpostun at all in rpm 4.18 (``rpm -evv``; rpm#2324 is about the same).

A program that stays, like PackageKit's daemon, erases by librpm with no trigger after it either, and its end may be days away. Its
record is closed by the safety net as soon as no lock is held and the database is at rest.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bootkeep.edges import package_database, session_mark
from bootkeep.edges.clock import seconds_of
from bootkeep.edges.processes import Process, wait_for_end
from bootkeep.edges.run import detach, run
from bootkeep.edges.store import Store
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.policy import Policy
from bootkeep.facts.transaction import Outcome, Transaction
from bootkeep.flows.hooked import manager_name
from bootkeep.flows.transaction import Request, close_transaction
from bootkeep.probes.packages.rpm_command import RpmVerb, parse_rpm_command

#: The longest session that is waited for: a distribution's upgrade over a slow line. Later the safety net closes it.
LONGEST_S = 12 * 3600.0
_WAITING = "close-waits-for"
_RECENT = 25
_LOOK_S = 60.0


def may_end_silently(arguments: tuple[str, ...]) -> bool:
    """Whether this process is an rpm that may run no trigger after its transaction: ``--noposttrans``, or it only erases."""
    if manager_name(arguments) != "rpm":
        return False
    try:
        command = parse_rpm_command(arguments)
    except NotUnderstood:
        return "--noposttrans" in arguments
    return command.verb is RpmVerb.ERASE or "--noposttrans" in arguments


def start_waiting(session: Process) -> None:
    """Have the record closed when this process ends; once for each, and nothing of the package manager is kept open.

    Where systemd runs the one that waits is a unit of its own: whatever ends the package manager's unit does not end it.
    """
    if session_mark.marked(session.pid, session.start_ticks, what=_WAITING):
        return
    session_mark.mark(session, what=_WAITING)
    argv = [sys.executable, "-I", "-m", "bootkeep.hooks", "close", str(session.pid), str(session.start_ticks)]
    if Path("/run/systemd/system").is_dir():
        unit = f"--unit=bootkeep-close-{session.pid}-{session.start_ticks}"
        if run(["systemd-run", "--quiet", "--collect", "--no-block", unit, *argv], timeout_s=2.0).exit_code == 0:
            return
    detach(argv)


def close_at_the_end(store: Store, policy: Policy, pid: int, start_ticks: int, *, root: Path = Path("/")) -> bool:
    """Wait for that very process, then close its record; whether there was one to close. Raises StoreError."""
    if not wait_for_end(pid, start_ticks, timeout_s=LONGEST_S):
        return False
    closed = False
    for item in store.newest(_RECENT):
        caller = item.caller
        if item.outcome is Outcome.OPEN and (caller.pid, caller.start_ticks) == (pid, start_ticks):
            request = Request(caller, (), {}, stoppable=False)
            close_transaction(request, store=store, policy=policy, root=root, deadline_s=_LOOK_S)
            closed = True
    return closed


def close_at_rest(
    store: Store, policy: Policy, *, root: Path = Path("/"), quiet_s: float, now: float | None = None
) -> tuple[Transaction, ...]:
    """Close what is open though its program has let go of every lock, and nothing was written for so long; the closed ones.

    A package manager that waits, at a prompt of a script or for a disc, holds its lock. Raises StoreError.
    """
    now = time.time() if now is None else now
    open_ = [item for item in store.newest(_RECENT) if item.outcome is Outcome.OPEN]
    if not open_ or package_database.at_work(root) or package_database.quiet_for_s(root, now=now) < quiet_s:
        return ()
    closed: list[Transaction] = []
    for item in open_:
        if now - seconds_of(item.steps[-1].started_at if item.steps else item.started_at) < quiet_s:
            continue  # it has only been announced: its lock may still come
        request = Request(item.caller, (), {}, stoppable=False)
        close_transaction(request, store=store, policy=policy, root=root, deadline_s=_LOOK_S)
        closed += [one for one in store.newest(_RECENT) if one.id == item.id and one.outcome is not Outcome.OPEN]
    return tuple(closed)
