"""Somebody who has only the paper: finds the symptom, types what the sections say, and compares what is seen.

Nothing of the way is known here beforehand: which section comes first, which card is done and where a step leads when it
fails are read from the runbook.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field

from bootkeep.edges.serial_console import SerialConsole
from bootkeep.facts.remedy import Place
from bootkeep.facts.runbook import ENDS, Runbook, RunbookStep, Table

#: What a console ends with when it waits for a line.
PROMPT = re.compile(
    r"(?:^|\n)(?:root@[\w-]+:[^\n]*# |\(IN TARGET\) # |bash-[\d.]+# |\(initramfs\) |grub> |grub rescue> |> )\Z"
)
PASSPHRASE = re.compile(r"(?:Enter passphrase for [^\n]*: |Please unlock disk [^\n]*: ?)\Z")
#: In the words of a step's expectation, what can be compared with the screen letter by letter.
_LITERAL = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # UUIDs
    r"|\b[0-9A-F]{4}-[0-9A-F]{4}\b"
    r"|/dev/[\w/.-]*\w"
    r"|\b[A-Z]{2,}(?: [A-Z]{2,})+\b"  # MENU IS GOOD
    r"|Installation finished\. No error reported\."
)


@dataclass
class Drill:
    """One walk over the paper, with what was typed and what did not look as the paper says."""

    console: SerialConsole
    runbook: Runbook
    passphrase: str = ""
    typed: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)  # "step: what", for each step that sent to its 'IF NOT'
    seconds: dict[str, float] = field(default_factory=dict)

    def find(self, console: str) -> tuple[str, str]:
        """Section and card of the last row of section W whose words stand on the console, as that section says."""
        see = self.runbook.section("W")
        assert see is not None
        table = next(item for item in see.items if isinstance(item, Table))
        for row in reversed(table.rows):
            if any(_stands(words, console) for words in row[0].split(" / ")):
                return row[2], row[3]
        raise AssertionError(f"no row of section W fits: {console[-600:]}")

    def walk(self, first: str, card: str) -> list[str]:
        """From a section to the next restart, by what the paper says; the ids of the sections, in their order.

        A step that does not look as it should sends to where 'IF NOT' says; one that says CALL ends the walk. Sent back to a
        section that was worked through: R instead, and from R on a call (section S).
        """
        way: list[str] = []
        after_rescue = card
        here = first
        while len(way) < 14:
            way.append(here)
            wrong = len(self.odd)
            there = self._section(here)
            if len(self.odd) > wrong and there in way:
                assert "R" not in way, f"{self.odd[-1]}: and section S says CALL"
                there = "R"
            if not there:
                return way
            if here == "R" and there == "V" and after_rescue:  # its last step: "Now do ONE card"
                there, after_rescue = after_rescue, ""
            here = there
        raise AssertionError(f"no end: {way}")

    def _section(self, name: str) -> str:
        """Type the steps of a section; where it leads, empty after a restart."""
        found = self.runbook.section(name)
        assert found is not None, f"the paper has no section {name}"
        started = time.monotonic()
        try:
            for step in found.steps:
                problem = self._step(step)
                if problem:
                    self.odd.append(f"{step.id}: {problem}")
                    assert step.otherwise not in ENDS, f"{step.id} says {step.otherwise}: {problem}"
                    return step.otherwise
                if _leaves(step):
                    return ""
        finally:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + time.monotonic() - started, 1)
        return found.then[0]

    def _step(self, step: RunbookStep) -> str:
        """Type one step and compare; what is not as the paper says."""
        if step.step.place in {Place.FIRMWARE, Place.GRUB_EDIT}:
            return "" if step.id != "B1" else "the firmware finds nothing to start"
        start = len(self.console.seen)
        deadline = 180.0 + 300.0 * step.step.minutes
        for line in step.step.command:
            self.console.type(line)
            self.typed.append(line)
            if line == step.step.command[-1] and _leaves(step):
                return ""
            self._settle(f"{step.id} {line}", deadline)
        seen = self.console.seen[start:]
        for line in step.step.command:  # what was typed is on the screen too, and proves nothing
            seen = seen.replace(line, "", 1)
        for wanted in _LITERAL.findall(step.step.expect):
            if wanted not in seen:
                return f"'{wanted}' is not on the screen:\n{seen[-1500:]}"
        for unwanted in [*re.findall(r"\bno '([^']+)'", step.step.expect), "command not found"]:
            if unwanted in seen:
                return f"'{unwanted}' is on the screen:\n{seen[-1500:]}"
        if "no error" in step.step.expect and (wrong := re.search(r"(?i)\b(error|can't|cannot|in use|busy)\b", seen)):
            return f"'{wrong[0]}' is on the screen:\n{seen[-1500:]}"
        return ""

    def _settle(self, what: str, timeout_s: float) -> None:
        """Wait for a prompt; answer the question for the passphrase."""
        until = time.monotonic() + timeout_s
        length, since, answered = -1, time.monotonic(), -1
        while time.monotonic() < until:
            self.console.wait_for("\0never", timeout_s=0.1)
            seen = self.console.seen.rstrip("\x1b")
            if len(seen) != length:
                length, since = len(seen), time.monotonic()
                continue
            if time.monotonic() - since < 0.4:
                continue
            if PASSPHRASE.search(seen) and self.passphrase:
                if answered != len(seen):  # what is typed does not show: once for each question
                    answered = len(seen)
                    self.console.type(self.passphrase, echoed=False)
            elif PROMPT.search(seen[-200:]):
                return
        raise AssertionError(f"no prompt after {what}: {self.console.seen[-1200:]}")


def _stands(words: str, console: str) -> bool:
    """Whether the words of a row stand on the console; '...' is anything in one line, what is in brackets is a remark."""
    wanted = re.sub(r"\s*\([^)]*line editing\)|,? then #$|, then grub rescue>$", "", words).strip()
    if not wanted or not re.search(r"[A-Za-z]{3}", wanted):
        return False
    pattern = r"[^\n]*".join(re.escape(part) for part in wanted.split("..."))
    return re.search(pattern, console) is not None


def _leaves(step: RunbookStep) -> bool:
    """Whether a step's last line starts something else, so that no prompt comes back."""
    last = step.step.command[-1] if step.step.command else ""
    return last in {"boot", "reboot"} or (last == "exit" and step.step.place is Place.INITRAMFS)
