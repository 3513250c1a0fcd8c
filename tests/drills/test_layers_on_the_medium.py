"""The paper's own steps for LUKS with LVM, and for multipath, typed on the rescue medium: opened, mounted, closed in reverse.

No whole machine is made for it: the disks carry the layers of a recorded machine, with its UUIDs and names, and so much of a
system that one can change into it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from bootkeep.edges.run import run
from bootkeep.facts.codec import from_json
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Readings
from bootkeep.facts.runbook import Runbook, RunbookStep
from bootkeep.flows.check import check_readings
from bootkeep.flows.runbook import make_runbook
from bootkeep.lab.chroot import checked
from drills.conftest import say
from drills.follow import Drill
from drills.machine import Drive, machine, new_disk
from drills.medium import Medium
from drills.stacks import PASSPHRASE, rescue_boot

pytestmark = pytest.mark.drill

PROMPT = "root@rescue:~# "
MACHINES = Path(__file__).parents[1] / "machines"
ROOT, BOOT, LUKS, SHARED = (
    "b49ddefe-c4f8-4c14-b891-8438cb18c954",
    "7a77f90c-5e14-4519-9231-ccaab339a229",
    "d953a1a0-2ae5-4562-9cac-940f14f5bb60",
    "6b69c3aa-c79c-4513-8148-26115e6550fc",
)
WWID = "0x5000c50015ea71ac"
#: Lines for the disk whose sticker says luks0; at the end everything is closed again.
LAYERS = f"""D=$(lsblk -dno PATH,SERIAL | awk '$2=="luks0"{{print $1}}')
printf 'label: dos\\n,60M,L,*\\n,,L\\n' | sfdisk -q $D; udevadm settle
mkfs.ext4 -q -U {BOOT} ${{D}}1
printf '{PASSPHRASE}' >/run/key
cryptsetup luksFormat -q --type luks2 --uuid {LUKS} --pbkdf-memory 32768 --pbkdf-force-iterations 4 --key-file /run/key ${{D}}2
cryptsetup open --key-file /run/key ${{D}}2 x
pvcreate -q /dev/mapper/x && vgcreate -q vg0 /dev/mapper/x && lvcreate -q -l 100%FREE -n root vg0
mkfs.ext4 -q -U {ROOT} /dev/vg0/root && mount /dev/vg0/root /mnt && cd /mnt
mkdir -p boot etc dev proc sys run usr/bin usr/lib usr/lib64; ln -s usr/bin usr/lib usr/lib64 .
echo web1 >etc/hostname; cp /etc/os-release etc/
cp /usr/bin/bash usr/bin/; cp -L /usr/lib64/ld-linux-x86-64.so.2 usr/lib64/
cp -a --parents /usr/lib/x86_64-linux-gnu/libc.so.6 /usr/lib/x86_64-linux-gnu/libtinfo.so.6* .
cd /; umount /mnt; vgchange -an vg0; cryptsetup close x; udevadm settle; cd; echo PREPARED.$?"""


def paper(name: str) -> Runbook:
    """The runbook of a recorded machine."""
    readings = from_json(Readings, (MACHINES / name / "readings.json").read_bytes(), where=name)
    result = check_readings(readings, Policy(), taken_at="2026-11-30T19:00:00Z")
    return make_runbook(result, Policy(), generated_at="2026-11-30T19:00:00Z")


def steps_of(runbook: Runbook, section: str, first: str, last: str) -> Sequence[RunbookStep]:
    """The steps from one that says ``first`` to one that says ``last``."""
    found = runbook.section(section)
    assert found is not None
    said = [step.step.say for step in found.steps]
    begin, end = (next(n for n, words in enumerate(said) if words.startswith(each)) for each in (first, last))
    return found.steps[begin : end + 1]


def follow(drill: Drill, steps: Sequence[RunbookStep]) -> None:
    """Type them; each looks as the paper says."""
    for step in steps:
        problem = drill._step(step)
        say(f"{step.id}: {problem or 'as the paper says'}")
        assert not problem, f"{step.id}: {problem}"


def test_lvm_on_luks_is_opened_and_closed(medium: Medium, tmp_path: Path) -> None:
    """From 'is this the right machine' to the prompt inside, and out again to 'everything closed'."""
    runbook = paper("healthy-lvm-on-luks")
    drives = [Drive(new_disk(tmp_path / "luks0.img", 260), "luks0"), Drive(medium.rescue, "rescue", throwaway=True)]
    with machine(drives, boot=rescue_boot(medium)) as console:
        assert console.wait_for(PROMPT, timeout_s=1200), console.seen[-2000:]
        for line in ("stty cols 200", *LAYERS.split("\n")):
            console.type(line)
        assert console.wait_for("\nPREPARED.0", timeout_s=600), console.seen[-2000:]
        drill = Drill(console, runbook, passphrase=PASSPHRASE)
        follow(drill, steps_of(runbook, "R", "Did it start", "Go in."))
        follow(drill, steps_of(runbook, "V", "Leave the host's system", "Close what was opened"))
        console.type("ls /dev/mapper; echo LEFT.$?")
        assert console.wait_for("\nLEFT.0", timeout_s=60)
        assert "vda2_crypt" not in console.seen.rpartition("ls /dev/mapper;")[2]


def test_a_lun_that_the_medium_does_not_know_is_joined(medium: Medium, tmp_path: Path) -> None:
    """multipath alone makes nothing of two paths to one disk; the paper's lines make the map, and the UUID leads to it."""
    disk = new_disk(tmp_path / "shared.img", 64)
    checked(run(["mkfs.ext4", "-q", "-F", "-U", SHARED, str(disk)], timeout_s=60), "making the file system")
    devices: list[str] = []
    for number in (0, 1):
        devices += ["-device", f"virtio-scsi-pci,id=s{number}"]
        devices += ["-drive", f"file={os.fspath(disk)},format=raw,if=none,id=p{number},file.locking=off"]
        devices += ["-device", f"scsi-hd,bus=s{number}.0,drive=p{number},serial=mpath0,wwn={WWID},share-rw=on"]
    runbook = paper("healthy-multipath")
    medium_drive = Drive(medium.rescue, "rescue", throwaway=True)
    with machine([medium_drive], boot=(*rescue_boot(medium), *devices)) as console:
        assert console.wait_for(PROMPT, timeout_s=1200), console.seen[-2000:]
        for line in ("stty cols 200", "modprobe dm_multipath; multipath -v2; multipath -ll; echo ALONE.$?"):
            console.type(line)
        assert console.wait_for("\nALONE.0", timeout_s=120)
        assert "mpath0" not in console.seen and "service-time" not in console.seen
        drill = Drill(console, runbook)
        follow(drill, steps_of(runbook, "R", "Has this medium what it takes", "Join the paths"))
        assert "active ready running" in console.seen.rpartition("multipath -ll")[2]
        console.type(
            f"mount -o ro UUID={SHARED} /mnt && findmnt -no SOURCE /mnt; umount /mnt; multipath -F; echo OUT.$?"
        )
        assert console.wait_for("\nOUT.0", timeout_s=60)
        assert "/dev/mapper/3" + WWID.removeprefix("0x") in console.seen
