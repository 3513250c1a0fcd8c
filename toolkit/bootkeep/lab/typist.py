"""Somebody at the serial console with the paper: reads what stands there, and types what the paper says."""

from __future__ import annotations

from bootkeep.edges.serial_console import SerialConsole
from bootkeep.facts.runbook import Runbook
from bootkeep.facts.typed import unwrap
from bootkeep.lab.chroot import LabError

PROMPT = "grub> "
#: GRUB's menu, while it counts and when it waits.
MENU = ("highlighted entry will be executed", "Press enter to boot")
_ESC = "\x1b"
_PROMPT_S = 120.0


def follow(console: SerialConsole, runbook: Runbook, section: str, *, prompt: str = PROMPT) -> tuple[str, ...]:
    """Type every command of a section in its order, each when the prompt is there again; the lines that were typed.

    Where a line brings up GRUB's menu, whose entries were tried already, Esc brings the prompt back, as the paper says. Raises
    LabError when a line brings no prompt back.
    """
    found = runbook.section(section)
    if found is None:
        raise LabError(f"the runbook has no section {section}", where="runbook", next_step="Compose it anew.")
    typed: list[str] = []
    for step in found.steps:
        for line in unwrap(step.step.command):
            console.type(line)
            typed.append(line)
            if line != "boot" and not _prompt_again(console, prompt):
                raise LabError(
                    f"no prompt after {line!r}\n{console.seen[-400:].strip()}",
                    where=f"section {section}, step {step.id}",
                    next_step="Read the console's words above.",
                )
    return tuple(typed)


def _prompt_again(console: SerialConsole, prompt: str) -> bool:
    seen = console.wait_for(prompt, *MENU, timeout_s=_PROMPT_S)
    if seen in MENU:
        console.press(_ESC)
        seen = console.wait_for(prompt, timeout_s=_PROMPT_S)
    return seen == prompt
