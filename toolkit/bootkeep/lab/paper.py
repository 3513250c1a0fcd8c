"""A person with the paper: finds what the screen shows in section W, and types what ``bootkeep check`` printed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bootkeep.facts.runbook import Runbook, Table
from bootkeep.lab.host import DisposableHost

SYMPTOMS = "W"
_STEP = re.compile(r"   (?! )(?!seen in )\S.*")
_TYPED = "     "
_TITLE = re.compile(r"\d+\. |More about a finding")
_FINDING = re.compile(r"   \S+ \(B\d+\)")
#: More rounds than this of "do as it says" are no way out.
_ROUNDS = 3


def row_for(runbook: Runbook, screen: str) -> tuple[str, ...]:
    """The row of section W that a person would take: the last one of which the screen shows words; empty when there is none."""
    found = runbook.section(SYMPTOMS)
    rows = [row for item in (found.items if found else ()) if isinstance(item, Table) for row in item.rows]
    shown = " ".join(screen.split())
    return next((row for row in reversed(rows) if any(piece.search(shown) for piece in _pieces(row[0]))), ())


def _pieces(seen: str) -> list[re.Pattern[str]]:
    """What a row says the screen shows: pieces between slashes, each with ``...`` for what differs from host to host."""
    patterns = []
    for piece in seen.split(" / "):
        words = [re.escape(part.strip()) for part in piece.strip().rstrip(".").split("...")]
        # GRUB prints the path as its entry has it: /boot/vmlinuz-... where /boot is a folder of the root file system.
        pattern = r"\S{0,80}".join(words).replace("`/", r"`\S*/")
        if len(piece.strip(" .")) >= 8:
            patterns.append(re.compile(pattern))
    return patterns


def leads_to(runbook: Runbook, start: str, wanted: str) -> bool:
    """Whether the paper itself leads from one section to another, by at most one section between them."""
    reached = {start}
    for _turn in range(2):
        reached |= {target for section in reached for target in _targets(runbook, section)}
    return wanted in reached


def _targets(runbook: Runbook, section: str) -> set[str]:
    found = runbook.section(section)
    return set() if found is None else {*found.then, *(step.otherwise for step in found.steps)}


def printed_commands(check: str) -> tuple[str, ...]:
    """The lines to type that ``bootkeep check`` printed, in their order; what it only shows as evidence is none of them."""
    commands: list[str] = []
    typing = False
    for line in check.splitlines():
        if line.startswith(_TYPED):
            if typing and commands and commands[-1].endswith("\\"):
                commands[-1] = f"{commands[-1][:-1]}{line.strip()}"  # one command on two lines
            elif typing:
                commands.append(line.strip())
        elif line.startswith(" ") or _TITLE.match(line):  # else: the rest of a sentence that was wrapped
            typing = bool(_STEP.match(line)) and not _FINDING.fullmatch(line)
    return tuple(commands)


@dataclass(frozen=True, slots=True)
class WayOut:
    """What came of doing what the verdict says."""

    go: bool
    typed: tuple[str, ...]
    failed: tuple[str, ...]  # commands that did not end well
    words: tuple[str, ...]  # the first line of each verdict


def do_as_it_says(host: DisposableHost) -> WayOut:
    """Ask for the verdict, type what it prints, ask again, until it is GO or prints nothing to type."""
    typed: list[str] = []
    failed: list[str] = []
    words: list[str] = []
    for _turn in range(_ROUNDS + 1):
        done = host.run(["bootkeep", "check"], timeout_s=300)
        words.append(next(iter(done.stdout.splitlines()), done.stderr))
        commands = printed_commands(done.stdout)
        if done.exit_code == 0 or not commands or len(words) > _ROUNDS:
            return WayOut(done.exit_code == 0, tuple(typed), tuple(failed), tuple(words))
        for command in commands:
            typed.append(command)
            if host.run(["bash", "-c", command], timeout_s=600).exit_code != 0:
                failed.append(command)
    return WayOut(False, tuple(typed), tuple(failed), tuple(words))


def texts(lines: Iterable[str]) -> str:
    """For a claim's evidence."""
    return "\n".join(line for line in lines if line)
