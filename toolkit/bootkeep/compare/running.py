"""Differences in what runs: processes, listening sockets, systemd units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bootkeep.compare.attribution import Attribution
from bootkeep.compare.keyed import Gaps, by, differences
from bootkeep.compare.weakening import GUARD_UNITS, OFF_AT_BOOT, ON_AT_BOOT
from bootkeep.facts.change import Change, ChangeClass, ChangeKind, ChangeSeverity
from bootkeep.facts.system import Listener, Process, SystemState, Unit

High, Medium, Low, Info = ChangeSeverity.HIGH, ChangeSeverity.MEDIUM, ChangeSeverity.LOW, ChangeSeverity.INFO


def process_changes(before: SystemState, after: SystemState, who: Attribution, gaps: Gaps) -> Iterator[Change]:
    """Programs that started, ended, or run again under another process; numbers of workers are not compared."""
    sides = gaps.both("process", before.processes, after.processes)
    if sides is None:
        return
    callers = {process.identity for side in sides for process in side if process.caller}
    old, new = (_groups(_without(side, callers)) for side in sides)
    # The family of stale processes says more: libraries too.
    told_as_stale = all(isinstance(state.settings.get("stale process"), Mapping) for state in (before, after))
    for key in sorted(old.keys() | new.keys()):
        if who.noise.rule_for("process", key):
            continue
        first = (new.get(key) or old[key])[0]
        package = who.owner_of_unit(first.unit) or who.owner_of_path(first.exe)
        name, words = _process_name(first), " ".join(first.arguments)
        if key not in old or key not in new:
            kind = ChangeKind.ADDED if key in new else ChangeKind.REMOVED
            started = kind is ChangeKind.ADDED
            yield who.change(
                "process",
                key,
                kind,
                before="" if started else words,
                after=words if started else "",
                change_class=ChangeClass.SERVICE,
                severity=Low if package or started else Medium,
                package=package,
                sentence=f"{name} {'started' if started else 'stopped'} (user {first.user}){_reason(package)}",
            )
        elif after.booted_since(before):
            continue  # all of them were started anew
        elif {p.identity for p in old[key]}.isdisjoint({p.identity for p in new[key]}):
            yield who.change(
                "process",
                key,
                ChangeKind.RESTARTED,
                before=f"pid {old[key][0].pid}",
                after=f"pid {first.pid}",
                change_class=ChangeClass.SERVICE,
                severity=Info,
                package=package,
                sentence=f"{name} was restarted{_reason(package)}",
            )
        elif any(p.stale for p in new[key]) and not any(p.stale for p in old[key]) and not told_as_stale:
            yield who.change(
                "process",
                key,
                ChangeKind.CHANGED,
                before=f"pid {first.pid} runs {first.exe}",
                after=f"pid {first.pid} runs the replaced {first.exe} (deleted)",
                change_class=ChangeClass.SERVICE,
                severity=Medium,
                package=package,
                sentence=f"{name} still runs the old program, which was replaced on disk: restart it{_reason(package)}",
            )


def _without(processes: tuple[Process, ...], callers: set[tuple[int, int]]) -> tuple[Process, ...]:
    """Without those that called the package manager, at either look, and what they started and still wait for."""
    hidden = {process.pid for process in processes if process.identity in callers}
    children: dict[int, list[int]] = {}
    for process in processes:
        children.setdefault(process.parent, []).append(process.pid)
    pending = list(hidden)
    while pending:
        for pid in children.get(pending.pop(), ()):
            if pid not in hidden:
                hidden.add(pid)
                pending.append(pid)
    return tuple(process for process in processes if process.pid not in hidden)


def _groups(processes: tuple[Process, ...]) -> dict[str, list[Process]]:
    groups: dict[str, list[Process]] = {}
    for process in sorted(processes, key=lambda process: (process.start_ticks, process.pid)):
        if not process.terminal:  # somebody's interactive session
            key = " ".join((process.unit or "-", process.exe or "-", process.user, *process.arguments))
            groups.setdefault(key, []).append(process)
    return groups


def _process_name(process: Process) -> str:
    program = process.exe.rsplit("/", 1)[-1] or (process.arguments[0] if process.arguments else f"pid {process.pid}")
    return f"{program} of {process.unit}" if process.unit else program


def _reason(package: str) -> str:
    return f"; belongs to {package}" if package else ""


def listener_changes(before: SystemState, after: SystemState, who: Attribution, gaps: Gaps) -> Iterator[Change]:
    """Ports that opened, closed, or changed hands."""
    sides = gaps.both("listener", before.listeners, after.listeners)
    if sides is None:
        return
    clients = after.udp_client_ports if isinstance(after.udp_client_ports, tuple) else (32768, 60999)
    old, new = ({key: one for key, one in by(side, _socket).items() if not _client(one, clients)} for side in sides)
    for difference in differences(old, new):
        was, now = difference.before, difference.after
        here = now or was
        assert here is not None
        package = who.owner_of_unit(here.unit) or who.owner_of_path(here.exe)
        program = _program(here)
        before_words, after_words = (_owner(was) if was else ""), (_owner(now) if now else "")
        change_class, severity, rule = ChangeClass.PORT, Low, ""
        kind = difference.kind
        if kind is ChangeKind.ADDED and not here.local_only:
            change_class, severity, rule = ChangeClass.SECURITY_WEAKENED, High, "listener-opened"
            sentence = f"{difference.key} opened to the network by {program}{_reason(package)}"
        elif kind is ChangeKind.ADDED:
            sentence = f"{difference.key} opened for this host only by {program}{_reason(package)}"
        elif kind is ChangeKind.REMOVED:
            severity = Medium
            sentence = f"{difference.key} closed: {program} no longer listens{_reason(package)}"
        elif was and now and _same_owner(was, now):
            if after.booted_since(before):
                continue
            kind, severity = ChangeKind.RESTARTED, Info
            sentence = f"{difference.key} is served by a restarted {program}{_reason(package)}"
        else:
            severity = Medium
            sentence = f"{difference.key} changed hands: {before_words} before, {after_words} now{_reason(package)}"
        yield who.change(
            "listener",
            difference.key,
            kind,
            before=before_words,
            after=after_words,
            change_class=change_class,
            severity=severity,
            package=package,
            sentence=sentence,
            rule=rule,
        )


def _socket(listener: Listener) -> str:
    address = f"[{listener.address}]" if ":" in listener.address else listener.address
    return f"{listener.protocol} {address}:{listener.port}"


def _client(listener: Listener, ports: tuple[int, int]) -> bool:
    """A UDP socket on a port the kernel picked: somebody's question on its way, not a service."""
    return listener.protocol.startswith("udp") and ports[0] <= listener.port <= ports[1]


def _same_owner(was: Listener, now: Listener) -> bool:
    return (was.unit, was.exe, was.user) == (now.unit, now.exe, now.user)


def _program(listener: Listener) -> str:
    return listener.exe.rsplit("/", 1)[-1] or listener.unit or "an unknown program"


def _owner(listener: Listener) -> str:
    unit = f", {listener.unit}" if listener.unit else ""
    return f"{listener.exe or 'unknown program'} (pid {listener.pid}, user {listener.user or 'unknown'}{unit})"


def unit_changes(before: SystemState, after: SystemState, who: Attribution, gaps: Gaps) -> Iterator[Change]:
    """Units that came, went, or changed whether they start at boot."""
    sides = gaps.both("unit", before.units, after.units)
    if sides is None:
        return
    old, new = (by(side, lambda unit: unit.name) for side in sides)
    for difference in differences(old, new):
        was, now = difference.before, difference.after
        here = now or was
        assert here is not None
        if who.noise.rule_for("unit", here.name) or (
            was and now and was.enabled == now.enabled
        ):  # only a preset changed
            continue
        package = who.owner_of_unit(here.name)
        change_class, severity, rule = ChangeClass.SERVICE, Low, ""
        if was is None:
            severity = Low if here.enabled in ON_AT_BOOT else Info
            sentence = f"new unit {here.name}, {here.enabled}{_against_preset(here)}{_reason(package)}"
        elif now is None:
            sentence = f"unit {here.name} is gone (was {was.enabled}){_reason(package)}"
            if was.enabled in ON_AT_BOOT:
                severity = Medium
            if here.name in GUARD_UNITS and was.enabled in ON_AT_BOOT:
                change_class, severity, rule = ChangeClass.SECURITY_WEAKENED, High, "guard-off"
        else:
            sentence = (
                f"unit {here.name} was {was.enabled}, is now {now.enabled}{_against_preset(now)}{_reason(package)}"
            )
            if was.enabled in OFF_AT_BOOT and now.enabled in ON_AT_BOOT:
                change_class, severity, rule = ChangeClass.SECURITY_WEAKENED, High, "unit-enabled"
            elif was.enabled.startswith("masked"):
                change_class, severity, rule = ChangeClass.SECURITY_WEAKENED, High, "unit-unmasked"
            elif here.name in GUARD_UNITS and now.enabled in OFF_AT_BOOT:
                change_class, severity, rule = ChangeClass.SECURITY_WEAKENED, High, "guard-off"
            elif was.enabled in ON_AT_BOOT and now.enabled not in ON_AT_BOOT:
                severity = Medium
        yield who.change(
            "unit",
            here.name,
            difference.kind,
            before=was.enabled if was else "",
            after=now.enabled if now else "",
            change_class=change_class,
            severity=severity,
            package=package,
            sentence=sentence,
            rule=rule,
        )


def _against_preset(unit: Unit) -> str:
    """Whether the unit's state is not what systemd.preset(5) would have; a mask is somebody's own will."""
    # The other way round says nothing on Debian: packages leave units disabled and presets are not applied there.
    return ", although its preset says disabled" if (unit.enabled, unit.preset) == ("enabled", "disabled") else ""


#: Active states in which a unit does its work, or is about to.
_RUNNING = frozenset({"active", "activating", "reloading", "refreshing"})


def active_changes(before: SystemState, after: SystemState, who: Attribution, gaps: Gaps) -> Iterator[Change]:
    """Units that failed, stopped, or run although they were stopped before."""
    sides = gaps.both("active unit", before.active_units, after.active_units)
    if sides is None:
        return
    files = by(before.units, lambda unit: unit.name) if isinstance(before.units, tuple) else {}
    old, new = (by(side, lambda unit: unit.name) for side in sides)
    for difference in differences(old, new):
        name, was, now = difference.key, difference.before, difference.after
        if who.noise.rule_for("unit", name):
            continue
        found = _judge_active(name, was, now, files.get(name))
        if found is not None:
            change_class, severity, rule, words = found
            package = who.owner_of_unit(name)
            yield who.change(
                "active unit",
                name,
                difference.kind,
                before=was.active if was else "",
                after=now.active if now else "",
                change_class=change_class,
                severity=severity,
                package=package,
                sentence=f"{words}{_reason(package)}",
                rule=rule,
            )


def _judge_active(
    name: str, was: Unit | None, now: Unit | None, file: Unit | None
) -> tuple[ChangeClass, ChangeSeverity, str, str] | None:
    ran, runs = (unit is not None and unit.active in _RUNNING for unit in (was, now))
    if now is not None and now.active == "failed":
        return ChangeClass.SERVICE, High, "unit-failed", f"{name} failed"
    if ran and not runs:
        if name in GUARD_UNITS:
            return ChangeClass.SECURITY_WEAKENED, High, "guard-off", f"{name}, which protects this host, stopped"
        # A oneshot or on-demand unit ends by itself; one that starts at boot was meant to run.
        weight = Medium if file is not None and file.enabled in ON_AT_BOOT else Info
        return ChangeClass.SERVICE, weight, "", f"{name} stopped"
    if runs and not ran:
        if file is not None and file.enabled in OFF_AT_BOOT:
            return (
                ChangeClass.SECURITY_WEAKENED,
                High,
                "unit-started",
                f"{name} runs, although it was {file.enabled} before",
            )
        return ChangeClass.SERVICE, Info, "", f"{name} started"
    return None
