"""One hook run, from its arguments to its exit code. Whatever goes wrong costs the record, never the transaction."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from bootkeep.hooks.watch import PERSON, OutOfTime, watched

#: A deliberate refusal. The package managers' configuration tells it from every other failure: those are let pass.
REFUSED = 91
#: What is left of the shim's deadline for starting, writing and ending.
_RESERVE_S = 0.7
#: The families of hooks, and their moments. ``arrive``: a kernel is about to be unpacked, after ``pre`` or without one;
#: ``erased``: rpm has removed a package's files and is still at work.
_PHASES = {
    "apt": ("pre", "post"),
    "dpkg": ("pre", "post"),
    "rpm": ("pre", "arrive", "erased", "post"),
    "dnf": ("judge", "pre", "post"),
    "dnf5": ("pre", "post"),
}
#: The moments at which a refusal can still stop a transaction.
_BEFORE = frozenset({"judge", "pre"})
_TOO_LATE = "bootkeep: the hook ran out of time, this transaction may lack a snapshot; see: bootkeep transactions"


def main(arguments: Sequence[str]) -> int:
    """Exit code of one hook run: 0, or REFUSED."""
    if arguments and arguments[0] == "settle":
        return _settle(arguments[1:])
    if arguments and arguments[0] == "catch-up":
        return _catch_up()
    if len(arguments) == 3 and arguments[0] == "close" and all(word.isdigit() for word in arguments[1:]):
        return _close(int(arguments[1]), int(arguments[2]))
    if tuple(arguments) == ("zypp",):
        from bootkeep.hooks.zypp import serve

        return serve(_work)
    if len(arguments) != 2 or arguments[1] not in _PHASES.get(arguments[0], ()):
        tell(f"bootkeep: a hook was called with {' '.join(arguments)!r}; see docs/reference/hooks.md")
        return 0
    family, phase = arguments
    try:
        code = watched(lambda: _work(family, phase))
    except OutOfTime:
        tell(_TOO_LATE)
        return 0
    except OSError as error:
        tell(f"bootkeep: this transaction is not fully recorded: {_sentence(error)}")
        return 0
    if code is None:
        return 1  # it died: the shim logs it
    return code if code != REFUSED or phase in _BEFORE else 0


def _settle(arguments: Sequence[str]) -> int:
    """The detached worker after a transaction; nobody waits for it."""
    from bootkeep.flows.hook_run import run_settling

    done = run_settling(float(arguments[0]) if arguments else 0.0)
    for alarm in done.alarms if done else ():
        print(f"bootkeep: {alarm}", file=sys.stderr)  # noqa: T201 - standard error is the journal
    return 0


def _catch_up() -> int:
    """The safety net, for a timer: what it found goes to the journal."""
    from bootkeep.flows.hook_run import run_catch_up

    for line in run_catch_up():
        print(f"bootkeep: {line}", file=sys.stderr)  # noqa: T201 - standard error is the journal
    return 0


def _close(pid: int, start_ticks: int) -> int:
    """The one that waits for the end of a package manager whose hooks are silent then."""
    from bootkeep.flows.hook_run import run_late_close

    run_late_close(pid, start_ticks)
    return 0


def tell(text: str) -> None:
    """Say something to the person. A closed terminal is not an error."""
    try:
        os.write(PERSON, (text + "\n").encode("utf-8", "backslashreplace"))
    except OSError:
        print(text, file=sys.stderr)  # noqa: T201 - standard error is the hook's log


def _work(family: str, phase: str, given: bytes | None = None) -> int:
    try:
        return _run(family, phase, given)
    except OutOfTime:
        tell(_TOO_LATE)
        return 0
    except Exception as error:  # noqa: BLE001 - fail open: patching goes on whatever we did wrong
        import traceback

        traceback.print_exc()
        tell(f"bootkeep: this transaction is not fully recorded: {_sentence(error)}")
        return 0


def _run(family: str, phase: str, given: bytes | None) -> int:
    from bootkeep.flows.hook_run import policy_or_default

    environment = dict(os.environ)
    policy, complaint = policy_or_default()
    if complaint:
        print(complaint, file=sys.stderr)  # noqa: T201 - standard error is the hook's log
    deadline_s = max(0.5, policy.hook_deadline_s - _RESERVE_S)
    if family in {"apt", "dpkg"}:
        from bootkeep.flows import hooked
        from bootkeep.flows.hook_run import run_hook

        request = hooked.apt_request(phase, environment) if family == "apt" else hooked.dpkg_request(environment)
        if request is None:
            return 0
        answer = run_hook(phase, request, policy, deadline_s=deadline_s)
    else:
        from bootkeep.flows.hooked_rpm import RpmHook, read_to_end, run_rpm_hook

        given = read_to_end(sys.stdin.buffer) if given is None else given
        answer = run_rpm_hook(RpmHook(family, phase, given), environment, policy, deadline_s=deadline_s)
    if answer.text:
        tell(answer.text)
    return REFUSED if answer.refused and phase in _BEFORE else 0


def _sentence(error: Exception) -> str:
    text = str(error) or type(error).__name__
    return text.replace("\n", " ")[:400]
