"""Somebody at the serial console with the paper: reads what stands there, and types what the paper says."""

from __future__ import annotations

from bootkeep.edges.serial_console import SerialConsole
from bootkeep.facts.runbook import Runbook
from bootkeep.facts.typed import unwrap
from bootkeep.lab.chroot import LabError

PROMPT = "grub> "


def follow(console: SerialConsole, runbook: Runbook, section: str, *, prompt: str = PROMPT) -> tuple[str, ...]:
    """Type every command of a section in its order, each when the prompt is there again; the lines that were typed.

    Raises LabError when a line brings no prompt back.
    """
    found = runbook.section(section)
    if found is None:
        raise LabError(f"the runbook has no section {section}", where="runbook", next_step="Compose it anew.")
    typed: list[str] = []
    for step in found.steps:
        for line in unwrap(step.step.command):
            console.type(line)
            typed.append(line)
            if line != "boot" and not console.wait_for(prompt, timeout_s=60):
                raise LabError(
                    f"no prompt after {line!r}\n{console.seen[-400:]}",
                    where=f"section {section}, step {step.id}",
                    next_step="Read the console's words above.",
                )
    return tuple(typed)
