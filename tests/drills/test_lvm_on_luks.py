"""LVM on LUKS 2: whoever has only the paper gets the machine up again, by typing what stands there."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootkeep.edges.run import run
from bootkeep.lab.chroot import checked
from drills.conftest import Drilled, say
from drills.follow import Drill
from drills.machine import Drive, machine
from drills.stacks import LVM_ON_LUKS, PASSPHRASE, comes_up, proof_of, rescue_boot

pytestmark = pytest.mark.drill

BOOT_OFFSET = 1024 * 1024  # of the partition that /boot is on, in bytes


def damage(disk: Path, *commands: str) -> None:
    """Change /boot behind the machine's back, with nothing mounted."""
    for command in commands:
        checked(run(["debugfs", "-w", "-R", command, f"{disk}?offset={BOOT_OFFSET}"], timeout_s=60), command)


def test_the_passphrase_was_mistyped_three_times(lvm_on_luks: Drilled, tmp_path: Path) -> None:
    """The initramfs gives up and opens its shell: section D brings the boot to its end."""
    disks = lvm_on_luks.made.disks(tmp_path)
    with machine(disks) as console:
        for _ in range(3):
            assert console.wait_for("Please unlock disk", timeout_s=1200), console.seen[-2000:]
            console.type("wrong horse", echoed=False)
        assert console.wait_for("(initramfs) ", timeout_s=1200), console.seen[-2000:]
        drill = Drill(console, lvm_on_luks.runbook, passphrase=PASSPHRASE)
        first, card = drill.find(console.seen)
        way = drill.walk(first, card)
        proof = proof_of(console)
    say(f"sections {' '.join(way)}; {len(drill.typed)} lines; seconds {drill.seconds}; {proof}")
    assert way == ["D"] and proof["state"] == "running" and not drill.odd


def test_boot_code_menu_and_an_initramfs_are_gone(lvm_on_luks: Drilled, tmp_path: Path) -> None:
    """Nothing starts: the rescue path opens the disks, a card installs GRUB, and 'verify' finds the rest."""
    disks = lvm_on_luks.made.disks(tmp_path)
    disk = disks[0].image
    newest = lvm_on_luks.medium.newest
    damage(disk, "rm /grub/grub.cfg", f"rm /initrd.img-{newest}")
    with disk.open("r+b") as stream:
        stream.write(bytes(440))
        stream.seek(512)
        stream.write(bytes(BOOT_OFFSET - 512))
    with machine(disks) as console:
        console.wait_for("GRUB", timeout_s=40)
        screen = console.seen.rstrip() + " and silence"
    medium = Drive(lvm_on_luks.medium.rescue, "rescue", throwaway=True)
    with machine([*disks, medium], boot=rescue_boot(lvm_on_luks.medium)) as console:
        assert console.wait_for("root@rescue:~# ", timeout_s=1200), console.seen[-2000:]
        drill = Drill(console, lvm_on_luks.runbook, passphrase=PASSPHRASE)
        first, card = drill.find(screen)
        way = drill.walk(first, card)
        assert console.wait_for("Restarting system", "reboot: ", timeout_s=300), console.seen[-600:]
    say(f"sections {' '.join(way)}; {len(drill.typed)} lines; seconds {drill.seconds}")
    for odd in drill.odd:
        say(odd)
    proof = comes_up(disks, LVM_ON_LUKS)
    say(str(proof))
    assert proof["release"] == newest and proof["state"] == "running"
    assert way[:2] == ["B", "R"] and way[-1] == "V"
