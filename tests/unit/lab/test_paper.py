"""What the lab's person with the paper reads: rows by the screen's words, and only commands are typed."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bootkeep.cli.check import show
from bootkeep.facts.codec import from_json
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Readings
from bootkeep.flows.check import CheckResult, check_readings
from bootkeep.flows.runbook import make_runbook
from bootkeep.lab.paper import leads_to, printed_commands, row_for
from bootkeep.remedies import remedy_for

MACHINES = Path(__file__).parents[2] / "machines"


def looked_at(machine: str) -> CheckResult:
    text = (MACHINES / machine / "readings.json").read_text()
    assert json.loads(text)
    return check_readings(from_json(Readings, text, where=machine), Policy(), taken_at="2026-11-30T18:00:00Z")


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("machine", ["el9-the-story", "el9-only-kernel", "default-entry-dangling", "grub-cfg-stale"])
def test_the_commands_are_those_of_the_remedies_and_nothing_else(machine: str, width: int) -> None:
    """Wrapped sentences, evidence that looks like a command, and commands on two lines."""
    result = looked_at(machine)
    to = StringIO()
    show(result, Console(file=to, width=width), rooted=False)
    remedies = [remedy_for(finding, result.state) for finding in result.verdict.findings]
    wanted: list[str] = []
    for remedy in remedies:
        for step in remedy.live if remedy else ():
            text = "\n".join(line.strip() for line in step.command)
            wanted += text.replace("\\\n", "").split("\n") if text else []
    assert wanted
    assert list(printed_commands(to.getvalue())) == wanted


def test_the_row_is_the_last_one_of_which_the_screen_shows_words() -> None:
    result = looked_at("healthy-el9-bios")
    runbook = make_runbook(result, Policy())
    gone = (
        "error: file `/boot/vmlinuz-5.14.0-427.el9.x86_64' not found.\r\nerror: you need to load the kernel first.\r\n"
    )
    row = row_for(runbook, f"Booting ...\r\n{gone}\r\nPress any key to continue...")
    assert row[1] == "the kernel of this entry is gone"
    assert leads_to(runbook, "P", "H")
    assert row_for(runbook, "grub rescue> ")[1] == "GRUB does not find its own files"
    assert row_for(runbook, "[    1.0] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)")
    assert row_for(runbook, "web01 login: ") == ()
    assert not leads_to(runbook, "no such section", "H")
