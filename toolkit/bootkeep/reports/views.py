"""Side-by-side views: the article's ``ps -ef`` and ``netstat -an`` before and after, and the content of configuration files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from bootkeep.facts.change import Change, ChangeClass, ChangeKind
from bootkeep.facts.redaction import is_denied, redact_text
from bootkeep.facts.system import Listener, Process, SystemState
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.reports.document import FileDiff, Mark, Row, SideBySide
from bootkeep.reports.line_diff import Budget, Group, TooMuch, difference, unified

T = TypeVar("T", Process, Listener)

#: A longer file is named as changed, not shown.
LONGEST_DIFF_LINES = 5_000
_LONGEST_BYTES = 1024 * 1024


def process_view(before: SystemState, after: SystemState) -> SideBySide:
    """``ps -ef`` before and after: the same program stands in one row, whatever its pid."""
    note = _why_not(before.processes, after.processes)
    if not isinstance(before.processes, tuple) or not isinstance(after.processes, tuple):
        return SideBySide("processes", "ps -ef", (), note)
    return SideBySide(
        "processes", "ps -ef", _aligned(_process_lines(before.processes), _process_lines(after.processes))
    )


def socket_view(before: SystemState, after: SystemState) -> SideBySide:
    """``netstat -an`` before and after, listening sockets only: connections come and go by themselves."""
    note = _why_not(before.listeners, after.listeners)
    if not isinstance(before.listeners, tuple) or not isinstance(after.listeners, tuple):
        return SideBySide("sockets", "netstat -anp (listening)", (), note)
    rows = _aligned(_socket_lines(before.listeners), _socket_lines(after.listeners))
    return SideBySide("sockets", "netstat -anp (listening)", rows)


def _why_not(*sides: Maybe[tuple[T, ...]]) -> str:
    reasons = [
        side.why if isinstance(side, Unknown) else side.what for side in sides if isinstance(side, (Absent, Unknown))
    ]
    return "; ".join(reasons)


#: What a line is about -> its lines, in order; several workers of one program are several lines of one key.
_Lines = dict[tuple[str, ...], list[str]]


def _process_lines(processes: tuple[Process, ...]) -> _Lines:
    lines: _Lines = {}
    for process in sorted(processes, key=lambda p: (p.start_ticks, p.pid)):
        command = " ".join(process.arguments) or process.exe
        key = (process.user, command)
        lines.setdefault(key, []).append(f"{process.user:<10} {process.pid:>7} {process.parent:>7} {command}")
    return lines


def _socket_lines(listeners: tuple[Listener, ...]) -> _Lines:
    lines: _Lines = {}
    for one in sorted(listeners, key=lambda one: (one.protocol, one.port, one.address)):
        state = "LISTEN" if one.protocol.startswith("tcp") else ""
        program = f"{one.pid}/{one.exe.rsplit('/', 1)[-1]}" if one.pid else "-"
        address = f"{one.address}:{one.port}"
        lines.setdefault((one.protocol, address), []).append(f"{one.protocol:<5} {address:<28} {state:<7} {program}")
    return lines


def _aligned(before: _Lines, after: _Lines) -> tuple[Row, ...]:
    rows: list[Row] = []
    # By key, not by pid: both sides read alike, and what is new stands beside its neighbours.
    for key in sorted(before.keys() | after.keys()):
        left, right = before.get(key, []), after.get(key, [])
        for number in range(max(len(left), len(right))):
            one = left[number] if number < len(left) else ""
            other = right[number] if number < len(right) else ""
            rows.append(Row(one, _mark(one, other), other))
    return tuple(rows)


def _mark(left: str, right: str) -> Mark:
    if not left or not right:
        return Mark.ADDED if right else Mark.REMOVED
    return Mark.SAME if left == right else Mark.CHANGED


def file_diffs(
    changes: Sequence[Change],
    before: Mapping[str, bytes],
    after: Mapping[str, bytes],
    withheld: Mapping[str, str] | None = None,
) -> tuple[FileDiff, ...]:
    """The content of every configuration file that changed, without secrets; for the others the reason it is not shown."""
    why, budget = withheld or {}, Budget()
    found: list[FileDiff] = []
    for change in changes:
        if change.family != "config" or change.kind is not ChangeKind.CHANGED:
            continue
        if change.before == change.after and not is_denied(change.key):
            continue
        found.append(_file_diff(change, before.get(change.key), after.get(change.key), why.get(change.key, ""), budget))
    return tuple(found)


def _file_diff(change: Change, before: bytes | None, after: bytes | None, why: str, budget: Budget) -> FileDiff:
    path, package = change.key, change.package
    if is_denied(path):
        return FileDiff(
            path, package, (), (), "this kind of file may hold secrets: its content is never copied or shown"
        )
    if why and (before is None or after is None):
        return FileDiff(path, package, (), (), f"no copy was kept: {why}")
    if before is None or after is None:
        which = "before" if before is None else "after"
        if change.change_class is ChangeClass.CONFIG_REPLACED:
            return FileDiff(
                path,
                package,
                (),
                (),
                f"no copy was taken {which} the transaction; look for {path}.dpkg-old or {path}.rpmsave",
            )
        return FileDiff(path, package, (), (), f"no copy was taken {which} the transaction")
    if b"\0" in before or b"\0" in after:
        return FileDiff(path, package, (), (), "not a text file")
    if max(len(before), len(after)) > _LONGEST_BYTES:
        return FileDiff(path, package, (), (), f"longer than {_LONGEST_BYTES // 1024} KiB")
    try:
        budget.read(before, after)
    except TooMuch as error:
        return FileDiff(path, package, (), (), f"not shown: {error}")
    old, new = (_shown_lines(content) for content in (before, after))
    if max(len(old), len(new)) > LONGEST_DIFF_LINES:
        return FileDiff(path, package, (), (), f"longer than {LONGEST_DIFF_LINES} lines")
    try:
        groups = difference(old, new, budget)
        lines = tuple(unified(old, new, groups, (f"{path} (before)", f"{path} (after)")))
        budget.show(lines)
    except TooMuch as error:
        return FileDiff(path, package, (), (), f"not shown: {error}")
    note = ""
    if not lines:
        note = (
            "the lines that differ hold secrets, or only blanks and tabs changed" if before != after else "same content"
        )
    return FileDiff(path, package, lines, side_by_side(old, new, groups), note)


def _shown_lines(content: bytes) -> list[str]:
    """Lines without secrets, tabs as blanks: on a page a tab is no character but a place."""
    text = redact_text(content.decode("utf-8", "surrogateescape"))
    return [line.expandtabs(8) for line in text.splitlines()]


def side_by_side(old: Sequence[str], new: Sequence[str], groups: Sequence[Group]) -> tuple[Row, ...]:
    """Two texts as sdiff(1) shows them, with a few same lines around each difference."""
    rows: list[Row] = []
    for group in groups:
        if rows:
            rows.append(Row("...", Mark.SAME, "..."))
        for tag, i1, i2, j1, j2 in group:
            left, right = old[i1:i2], new[j1:j2]
            for number in range(max(len(left), len(right))):
                one = left[number] if number < len(left) else None
                other = right[number] if number < len(right) else None
                if tag == "equal":
                    mark = Mark.SAME
                elif one is None:
                    mark = Mark.ADDED
                else:
                    mark = Mark.REMOVED if other is None else Mark.CHANGED
                rows.append(Row(one or "", mark, other or ""))
    return tuple(rows)
