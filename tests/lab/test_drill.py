"""A drill: the menu is gone, somebody sits at the serial console with the paper, and types what section H says."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootkeep.edges.host import LiveHost
from bootkeep.facts.policy import Policy
from bootkeep.facts.runbook import Runbook
from bootkeep.facts.typed import unwrap
from bootkeep.flows.runbook import make_runbook
from bootkeep.lab.host import disposable_host
from bootkeep.lab.image import Image
from bootkeep.lab.proof import END
from bootkeep.lab.typist import Typist, at_console
from conftest import CACHE


def follow(typist: Typist, runbook: Runbook, section: str) -> None:
    """Type every command of a section in its order, each when the prompt is there again."""
    found = runbook.section(section)
    assert found is not None
    for step in found.steps:
        for line in unwrap(step.step.command):
            typist.type(line)
            if line != "boot":
                assert typist.wait_for("grub> ", timeout_s=60), f"{step.id} {line}: {typist.seen[-400:]}"


@pytest.mark.lab
def test_a_machine_without_a_menu_boots_by_hand(tmp_path: Path, lab_image: Image) -> None:
    """grub.cfg is deleted; the lines of section H bring up the kernel that they name."""
    disk = tmp_path / "disk.img"
    with disposable_host(lab_image, work=CACHE / "work", binds={}, keep=disk) as host:
        runbook = make_runbook(LiveHost(host.path("/")), Policy())
        host.path("/boot/grub/grub.cfg").unlink()
    with at_console(disk) as typist:
        assert typist.wait_for("grub> ", timeout_s=60), typist.seen[-400:]
        follow(typist, runbook, "H")
        assert typist.wait_for(END, "Kernel panic", "(initramfs)", timeout_s=240) == END, typist.seen[-600:]
        proof = typist.proof()
    hand = runbook.section("H")
    assert hand is not None
    typed = {line for step in hand.steps for line in step.step.command}
    assert f"set k={proof['release']}" in typed
    assert proof["state"] == "running"
