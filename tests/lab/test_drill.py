"""A drill: the menu is gone, somebody sits at the serial console with the paper, and types what section H says."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootkeep.edges.host import LiveHost
from bootkeep.edges.qemu import powered_on
from bootkeep.facts.policy import Policy
from bootkeep.flows.runbook import make_runbook
from bootkeep.lab.host import disposable_host
from bootkeep.lab.image import Image
from bootkeep.lab.typist import PROMPT, follow
from bootkeep.lab.vm import wait_for_proof
from conftest import CACHE


@pytest.mark.lab
def test_a_machine_without_a_menu_boots_by_hand(tmp_path: Path, lab_image: Image) -> None:
    """grub.cfg is deleted; the lines of section H bring up the kernel that they name."""
    disk = tmp_path / "disk.img"
    with disposable_host(lab_image, work=CACHE / "work", binds={}, keep=disk) as host:
        runbook = make_runbook(LiveHost(host.path("/")), Policy())
        host.path("/boot/grub/grub.cfg").unlink()
    with powered_on(disk, firmware_console=True) as console:
        assert console.wait_for(PROMPT, timeout_s=60), console.seen[-400:]
        typed = follow(console, runbook, "H")
        proof = wait_for_proof(console, timeout_s=240)
        assert proof, console.seen[-600:]
    assert f"set k={proof['release']}" in typed
    assert proof["state"] == "running"
