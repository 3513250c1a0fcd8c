"""A mirror with two EFI system partitions: both loaders are gone, and the paper brings back each of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from drills.conftest import Drilled, say
from drills.follow import Drill
from drills.machine import Drive, machine, new_variables
from drills.stacks import MIRROR, comes_up, rescue_boot

pytestmark = pytest.mark.drill


def test_both_esps_are_empty(mirror: Drilled, tmp_path: Path) -> None:
    """The firmware finds nothing; the rescue path assembles the array, and the loader is put on each ESP."""
    disks = mirror.made.disks(tmp_path)
    variables = new_variables(tmp_path)
    rescue = [*disks, Drive(mirror.medium.rescue, "rescue", throwaway=True)]
    with machine(rescue, boot=rescue_boot(mirror.medium), variables=variables) as console:
        assert console.wait_for("root@rescue:~# ", timeout_s=3000), console.seen[-2000:]
        for label in ("ESP1", "ESP2"):
            console.type(f"mount LABEL={label} /mnt && rm -r /mnt/EFI && umount /mnt && echo DAMAGED {label}.")
            assert console.wait_for(f"\nDAMAGED {label}.", timeout_s=60), console.seen[-600:]
        console.type("sync; poweroff")
        console.wait_for("Power down", timeout_s=90)
    variables = new_variables(tmp_path)
    with machine(disks, variables=variables) as console:
        assert console.wait_for("BdsDxe: failed to load", "UEFI Interactive Shell", timeout_s=300), console.seen[-2000:]
        console.wait_for("Shell>", timeout_s=20)
        screen = console.seen
    with machine(rescue, boot=rescue_boot(mirror.medium), variables=variables) as console:
        assert console.wait_for("root@rescue:~# ", timeout_s=3000), console.seen[-2000:]
        drill = Drill(console, mirror.runbook)
        first, card = drill.find(screen)
        way = drill.walk(first, card)
        assert console.wait_for("Restarting system", "reboot: ", timeout_s=300), console.seen[-600:]
    say(f"sections {' '.join(way)}; {len(drill.typed)} lines; seconds {drill.seconds}")
    for odd in drill.odd:
        say(odd)
    proof = comes_up(disks, MIRROR, variables)
    say(str(proof))
    assert proof["state"] == "running"
    alone = comes_up(disks[1:], MIRROR, new_variables(tmp_path))
    say(f"the second disk alone: {alone}")
    assert alone["state"] in {"running", "degraded"} and way[-1] == "V"
