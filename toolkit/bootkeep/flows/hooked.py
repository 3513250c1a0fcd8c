"""From a hook's process to a request: who runs the package manager, and what it is about to do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from bootkeep.edges import processes
from bootkeep.edges.processes import Process
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.redaction import redact_arguments
from bootkeep.facts.transaction import Caller
from bootkeep.flows.package_family import installed_packages
from bootkeep.flows.raw_dpkg import plan_of
from bootkeep.flows.transaction import Request
from bootkeep.probes.packages.apt_plan import LIMIT_BYTES, AptPlan, parse_apt_plan
from bootkeep.probes.packages.dpkg_command import DpkgVerb, parse_dpkg_command

#: Between a hook and its package manager: the shell that runs the command, our shim, timeout, and the watcher of this process.
_BETWEEN = frozenset({"sh", "dash", "bash", "timeout", "apt-hook", "dpkg-hook"})


def apt_request(phase: str, environment: Mapping[str, str]) -> Request | None:
    """The request of an apt hook; None when apt works on another root directory than this machine's."""
    plan, problem = AptPlan((), {}), ""
    if phase == "pre":
        try:
            plan = parse_apt_plan(_information(environment))
        except NotUnderstood as error:
            problem = f"the plan could not be read: {error.what}"
        if plan.other_root:
            return None
    chain = processes.ancestors(os.getppid())
    holder = processes.lock_holder()
    # The lock counts only when it is this apt's: another one may be at work on this host while this one builds an image.
    outermost = next((one for one in chain if one.pid == holder), None)
    locked = outermost is not None
    outermost = outermost or _outermost_of(chain)
    return Request(caller_of(outermost), plan.changes, environment, problem, locked=locked)


def dpkg_request(environment: Mapping[str, str]) -> Request | None:
    """The request of a dpkg hook; None when that dpkg works on another root, or cannot be found."""
    if environment.get("DPKG_ROOT", "").strip("/"):
        return None
    dpkg = next((one for one in processes.ancestors(os.getppid()) if one.name == "dpkg"), None)
    if dpkg is None:
        return None
    caller = caller_of(dpkg)
    try:
        command = parse_dpkg_command(dpkg.arguments)
        if command.other_root or command.dry_run:
            return None
        changes = plan_of(command, installed_packages(Path("/")), processes.working_folder(dpkg.pid))
    except NotUnderstood as error:
        return Request(caller, (), environment, f"the plan could not be read: {error.what}")
    return Request(caller, changes, environment, unpack_only=command.verb is DpkgVerb.UNPACK)


def _information(environment: Mapping[str, str]) -> bytes:
    """Everything that apt writes into its pipe, to the end: an unread pipe would only make apt complain."""
    text = environment.get("APT_HOOK_INFO_FD", "")
    if not text.isdigit():
        raise NotUnderstood("apt passed no information pipe (APT_HOOK_INFO_FD)", where="environment")
    try:
        with open(int(text), "rb", closefd=True) as stream:
            content = stream.read(LIMIT_BYTES + 1)
    except OSError as error:
        raise NotUnderstood(f"apt's information pipe cannot be read: {error.strerror}", where=f"fd {text}") from error
    if len(content) > LIMIT_BYTES:
        raise NotUnderstood("apt's plan is too long", where=f"fd {text}")
    return content


def _outermost_of(chain: tuple[Process, ...]) -> Process | None:
    """Without a lock holder (``Debug::NoLocking``): the first ancestor that is no shell of ours, and its own forks above."""
    outside = [one for one in chain if one.name not in _BETWEEN and "bootkeep.hooks" not in one.arguments]
    if not outside:
        return None
    found = outside[0]
    for one in outside[1:]:
        if one.arguments != found.arguments:
            break
        found = one
    return found


def caller_of(found: Process | None) -> Caller:
    """Who runs a transaction: the outermost process of the package manager, and the person behind it."""
    boot = processes.boot_id()
    if found is None:
        return Caller("unknown", os.getppid(), 0, boot, (), "")
    return Caller(
        manager=manager_name(found.arguments) or found.name,
        pid=found.pid,
        start_ticks=found.start_ticks,
        boot_id=boot,
        command=redact_arguments(found.arguments),
        user=processes.person_behind(found.pid),
    )


def manager_name(arguments: tuple[str, ...]) -> str:
    """``apt-get``, ``dpkg``, ``unattended-upgrade``: the program, or the script that an interpreter runs."""
    if not arguments:
        return ""
    name = arguments[0].rsplit("/", 1)[-1]
    if name.startswith(("python", "perl")):
        script = next((word for word in arguments[1:] if not word.startswith("-")), "")
        name = script.rsplit("/", 1)[-1].removesuffix(".py") or name
    return name
