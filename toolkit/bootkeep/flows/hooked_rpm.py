"""The hooks of the rpm family, from their processes to the two halves of a transaction.

Three sources may speak in one session: a plugin of dnf, dnf5 or zypper, which knows the plan and opens and closes the record;
and the triggers of the package ``bootkeep-hooks``, which see every transaction of rpm, whoever runs it. Under a plugin the
triggers only keep the kernel bootable; without one they open and close the record themselves.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from bootkeep.edges import processes, session_mark
from bootkeep.edges.processes import Process
from bootkeep.edges.session_mark import mark, marked, unmark
from bootkeep.edges.store import Store
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.policy import Policy
from bootkeep.facts.transaction import Action, Caller, PackageChange
from bootkeep.flows.hooked import caller_of, manager_name
from bootkeep.flows.keep_bootable import keep_bootable, preserve_touched
from bootkeep.flows.late_close import may_end_silently, start_waiting
from bootkeep.flows.package_family import installed_packages
from bootkeep.flows.raw_rpm import changes_for, plan_of
from bootkeep.flows.settle_timer import start_settling
from bootkeep.flows.transaction import (
    Answer,
    Request,
    close_transaction,
    has_open_session,
    has_session,
    judge_request,
    open_transaction,
)
from bootkeep.probes.packages.rpm_command import parse_rpm_command

#: What runs transactions of rpm: the outermost of them is the session. A process that is none of them is one by librpm.
MANAGERS = frozenset(
    {"rpm", "dnf", "dnf-3", "dnf4", "dnf5", "yum", "microdnf", "tdnf", "zypper", "packagekitd", "y2base"}
    | {"dnf-automatic", "dnf5daemon-server", "dnfdaemon-system", "rpm-ostree", "transactional-update", "zypp-rpm"}
)
_UNSTOPPABLE = frozenset({"rpm", "zypper", "zypp"})
#: A plan of a plugin that is longer than this is none.
_LIMIT_BYTES = 8 * 1024 * 1024
_KERNEL_PATH = re.compile(
    rb"(?:/usr)?/lib/modules/([^/\n]+)|/boot/(?:vmlinu[xz]|initramfs|initrd|System\.map|config)-([^/\n]+)"
)
_SEEN = "seen-by-trigger"
_BETWEEN = frozenset({"sh", "dash", "bash", "timeout", "rpm-hook"})


@dataclass(frozen=True, slots=True)
class RpmHook:
    """One run of a hook: who speaks, at which moment, and what came on standard input."""

    family: str  # rpm (a trigger), dnf, dnf5, zypp
    phase: str  # judge, pre, arrive, erased, post
    given: bytes


def read_to_end(stream: BinaryIO) -> bytes:
    """Everything that was written, so that the writer never waits; what is too long counts as nothing."""
    content = stream.read(_LIMIT_BYTES + 1)
    while stream.read(65536):
        pass
    return content if len(content) <= _LIMIT_BYTES else b""


def run_rpm_hook(
    hook: RpmHook,
    environment: Mapping[str, str],
    policy: Policy,
    *,
    deadline_s: float,
    store: Store | None = None,
    root: Path = Path("/"),
) -> Answer:
    """Do what this hook is for. Raises BootkeepError when the store refuses; the guard has spoken by then."""
    store = store or Store()
    chain = processes.ancestors(os.getppid())
    session = _outermost(chain)
    if session is None or _other_root(chain):
        return Answer()
    request = _request(hook, session, chain, environment)
    if hook.family == "rpm":
        by_plugin = marked(session.pid, session.start_ticks)
        # zypper starts an rpm for each package: each is a step of the same transaction.
        leader = next((one for one in chain if manager_name(one.arguments) == "rpm"), session)
        if hook.phase in {"pre", "arrive"} and not by_plugin and any(may_end_silently(one.arguments) for one in chain):
            start_waiting(session)
        return _of_trigger(
            hook, request, policy, leader=leader, by_plugin=by_plugin, store=store, root=root, deadline_s=deadline_s
        )
    if hook.phase == "judge":
        return judge_request(request, store=store, policy=policy, root=root)
    if hook.phase == "pre":
        mark(session)
        answer = open_transaction(request, store=store, policy=policy, root=root, deadline_s=deadline_s)
        if answer.refused:
            unmark(session)
        return answer
    unmark(session)
    keep_bootable(request, store=store, root=root)
    return _closed(request, policy, store=store, root=root, deadline_s=deadline_s)


def _of_trigger(
    hook: RpmHook,
    request: Request,
    policy: Policy,
    *,
    leader: Process,
    by_plugin: bool,
    store: Store,
    root: Path,
    deadline_s: float,
) -> Answer:
    if hook.phase == "pre" and by_plugin:
        return preserve_touched(request, store=store, policy=policy, root=root)
    if hook.phase == "arrive" and (by_plugin or (_was_seen(leader) and has_open_session(request, store))):
        return Answer()  # this run of rpm was seen when it began
    if hook.phase in {"pre", "arrive"}:
        session_mark.mark(leader, what=_SEEN)
        return open_transaction(request, store=store, policy=policy, root=root, deadline_s=deadline_s)
    said = keep_bootable(request, store=store, root=root)
    if hook.phase == "erased" or by_plugin:
        return Answer(said)
    if not has_session(request, store):
        # Nothing was removed, so no trigger ran before it (rpm -i): the safety net compares with the last look.
        from bootkeep.flows.catch_up import start_catching_up  # it compares: slow to load

        start_catching_up()
        return Answer(said)
    answer = _closed(request, policy, store=store, root=root, deadline_s=deadline_s)
    return Answer("\n".join(line for line in (said, answer.text) if line))


def _was_seen(leader: Process) -> bool:
    return session_mark.marked(leader.pid, leader.start_ticks, what=_SEEN)


def _closed(request: Request, policy: Policy, *, store: Store, root: Path, deadline_s: float) -> Answer:
    answer = close_transaction(request, store=store, policy=policy, root=root, deadline_s=deadline_s)
    if answer.text:  # something was recorded
        start_settling()
    return answer


def _outermost(chain: tuple[Process, ...]) -> Process | None:
    managers = [one for one in chain if manager_name(one.arguments) in MANAGERS or one.name in MANAGERS]
    if managers:
        return managers[-1]
    outside = [one for one in chain if one.name not in _BETWEEN and "bootkeep.hooks" not in one.arguments]
    return outside[0] if outside else None


def _other_root(chain: tuple[Process, ...]) -> bool:
    """Whether one of them works on another root than this machine's."""
    for one in chain:
        words = one.arguments
        if manager_name(words) not in MANAGERS:
            continue
        for position, word in enumerate(words):
            name, equals, value = word.partition("=")
            if name in {"--root", "--installroot", "-R", "-r"} and (
                equals or name.startswith("--") or one.name == "rpm"
            ):
                value = value if equals else next(iter(words[position + 1 : position + 2]), "")
                if value.strip("/"):
                    return True
    return False


def _request(hook: RpmHook, session: Process, chain: tuple[Process, ...], environment: Mapping[str, str]) -> Request:
    caller = caller_of(session)
    stoppable = hook.family in {"dnf", "dnf5"}
    if hook.phase in {"erased", "post"}:
        return Request(caller, (), environment, stoppable=stoppable)
    if hook.family == "rpm":
        return _of_rpm(hook, caller, chain, environment)
    try:
        plan = plan_of_plugin(hook.family, hook.given)
    except NotUnderstood as error:
        return Request(caller, (), environment, f"the plan could not be read: {error.what}", stoppable=stoppable)
    return Request(caller, plan.changes, environment, stoppable=stoppable, brings=plan.brings, takers=plan.takers)


def _of_rpm(hook: RpmHook, caller: Caller, chain: tuple[Process, ...], environment: Mapping[str, str]) -> Request:
    touches = frozenset(
        os.fsdecode(tree or name.removesuffix(b".img")) for tree, name in _KERNEL_PATH.findall(hook.given)
    )
    rpm = next((one for one in chain if manager_name(one.arguments) == "rpm"), None)
    if rpm is None:  # a program that uses librpm: what it did is told by the database afterwards
        return Request(caller, (), environment, stoppable=False, touches=touches)
    try:
        plan = plan_of(
            parse_rpm_command(rpm.arguments), installed_packages(Path("/")), processes.working_folder(rpm.pid)
        )
    except NotUnderstood as error:
        problem = f"the plan could not be read: {error.what}"
        return Request(caller, (), environment, problem, stoppable=False, touches=touches)
    return Request(caller, plan.changes, environment, stoppable=False, brings=plan.brings, touches=touches)


@dataclass(frozen=True, slots=True)
class PluginPlan:
    """What a plugin wrote about the transaction. Only dnf's tells more than the packages."""

    changes: tuple[PackageChange, ...]
    brings: frozenset[str] = frozenset()  # kernel releases whose files the new packages carry
    takers: frozenset[str] = frozenset()  # new packages that obsolete, or conflict with, what is to go


def plan_of_plugin(family: str, given: bytes) -> PluginPlan:
    """The plan that a plugin wrote. Raises NotUnderstood."""
    try:
        if family == "dnf5":
            return PluginPlan(_of_dnf5(given))
        plain = json.loads(given)
        if family == "zypp":
            return PluginPlan(_of_zypp(plain))
        changes = tuple(_change(row) for row in plain["changes"])
        brings, takers = (frozenset(str(word) for word in plain.get(name, ())) for name in ("brings", "takers"))
        return PluginPlan(changes, brings, takers)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotUnderstood(f"the {family} plugin's plan: {error!r}", where="standard input") from error


def _change(row: Mapping[str, Any]) -> PackageChange:
    return PackageChange(
        name=str(row["name"]),
        architecture=str(row["arch"]),
        old_version=str(row.get("old", "")),
        new_version=str(row.get("new", "")),
        action=Action(row["action"]),
        archive=str(row.get("archive", "")),
    )


def _of_dnf5(given: bytes) -> tuple[PackageChange, ...]:
    """Rows of ${pkg.action}, name, architecture and version: Install, Upgrade, Downgrade, rEmove, Replaced, Obsoleted."""
    packages = installed_packages(Path("/"))
    installed = {(one.name, one.architecture, one.version) for one in packages}
    rows = [line.split("\t") for line in given.decode("utf-8", "replace").splitlines()]
    if any(len(fields) != 4 for fields in rows):
        raise ValueError("a row that has not four fields")
    arriving = {fields[1] for fields in rows if fields[0] in {"I", "U", "D"}}
    changes: list[PackageChange] = []
    for fields in rows:
        letter, name, architecture, version = fields
        version = version.removeprefix("0:")
        if letter == "I":
            changes.append(PackageChange(name, architecture, "", version, Action.INSTALL))
        elif letter in {"U", "D"}:
            changes += changes_for(name, architecture, version, packages)
        elif letter == "E" or (
            letter in {"R", "O"} and (name, architecture, version) in installed and name not in arriving
        ):
            changes.append(PackageChange(name, architecture, version, "", Action.REMOVE))
    return tuple(changes)


def _of_zypp(plain: Mapping[str, Any]) -> tuple[PackageChange, ...]:
    """libzypp's TransactionStepList. It names what comes and what goes, not which old version an update replaces."""
    packages = installed_packages(Path("/"))
    changes: list[PackageChange] = []
    for step in plain["TransactionStepList"]:
        kind, solvable = step.get("type", ""), step["solvable"]
        epoch = f"{solvable['e']}:" if str(solvable.get("e", "0")) not in {"", "0"} else ""
        name, architecture = str(solvable["n"]), str(solvable["a"])
        version = f"{epoch}{solvable['v']}-{solvable['r']}"
        if kind == "-":
            changes.append(PackageChange(name, architecture, version, "", Action.REMOVE))
        elif kind == "M":
            there = any((one.name, one.architecture, one.version) == (name, architecture, version) for one in packages)
            action = Action.REINSTALL if there else Action.INSTALL
            changes.append(PackageChange(name, architecture, version if there else "", version, action))
        elif kind == "+":
            changes += changes_for(name, architecture, version, packages)
    return tuple(changes)
