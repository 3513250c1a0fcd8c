"""Machines with a storage stack: made in an emulated machine, booted once, and read there by bootkeep; cached."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.run import run
from bootkeep.edges.serial_console import SerialConsole
from bootkeep.facts.codec import from_json
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Readings
from bootkeep.facts.runbook import Runbook
from bootkeep.flows.check import check_readings
from bootkeep.flows.runbook import make_runbook
from bootkeep.lab.chroot import checked
from bootkeep.lab.vm import wait_for_proof
from drills.machine import Drive, copy_disk, kit, machine, new_disk, new_variables
from drills.medium import Medium, Say

HERE = Path(__file__).parent
TOOLKIT = HERE.parents[1] / "toolkit"
PASSPHRASE = "correct horse"
#: What the first process of user-mode Linux does: the script on the second disk, then power off.
_FIRST = (
    "export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root; "
    "mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev 2>/dev/null; mount -t tmpfs run /run; "
    "mkdir /run/kit; mount /dev/ubdb /run/kit; sh /run/kit/make.sh; sync; poweroff -f"
)
#: The stack's disks are /dev/loop0 and /dev/loop1: grub-install knows how to take those apart.
_HEAD = """exec 2>&1
set -eu
trap 'echo "MAKE-EXIT $?"' EXIT
mkdir -p /lib/modules/$(uname -r)
mount -t hostfs -o /usr/lib/uml/modules/$(uname -r) hostfs /lib/modules/$(uname -r)
modprobe -a loop dm_crypt dm_mod raid1 vfat nls_cp437 nls_ascii
losetup /dev/loop0 /dev/ubdd
losetup /dev/loop1 /dev/ubde || true
/lib/systemd/systemd-udevd --daemon
udevadm trigger --action=add
udevadm settle
"""


@dataclass(frozen=True, slots=True)
class Stack:
    """What a machine is made of."""

    name: str  # of its script, make_NAME.sh
    disks: tuple[tuple[str, int], ...]  # serial number, MiB
    uefi: bool = False
    encrypted: bool = False


LVM_ON_LUKS = Stack("lvm_on_luks", (("luks0", 2200),), encrypted=True)
MIRROR = Stack("mirror_two_esps", (("md1", 1600), ("md2", 1600)), uefi=True)


@dataclass(frozen=True, slots=True)
class Made:
    """A machine that boots, as files; copies of its disks are what drills break."""

    stack: Stack
    folder: Path

    def disks(self, work: Path) -> tuple[Drive, ...]:
        """Fresh copies of its disks."""
        return tuple(
            Drive(copy_disk(self.folder / f"{serial}.img", work / f"{serial}.img"), serial)
            for serial, _ in self.stack.disks
        )


def rescue_boot(medium: Medium) -> tuple[str, ...]:
    """QEMU's words for starting the rescue medium."""
    words = "root=LABEL=RESCUE rw console=ttyS0,115200 quiet loglevel=1 rescue-medium systemd.show_status=0"
    return ("-kernel", str(medium.kernel), "-initrd", str(medium.initramfs), "-append", words)


def make(stack: Stack, medium: Medium, cache: Path, say: Say) -> Made:
    """The machine's disks, from the cache when this script and medium made them before."""
    script = _HEAD + (HERE / f"make_{stack.name}.sh").read_text(encoding="utf-8") + "echo STACK-MADE\n"
    digest = hashlib.sha256((script + medium.folder.name + repr(stack)).encode()).hexdigest()[:16]
    base = cache / "drills"
    target = base / f"{stack.name}-{digest}"
    with (base / f"{stack.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if target.exists():
            return Made(stack, target)
        for stale in base.glob(f"{stack.name}-*"):
            shutil.rmtree(stale)
        with tempfile.TemporaryDirectory(dir=base, prefix="build-") as name:
            work = Path(name)
            for serial, mib in stack.disks:
                new_disk(work / f"{serial}.img", mib)
            say(f"making the machine {stack.name} in an emulated machine; takes about ten minutes")
            _run_script(stack, medium, work, script)
            done = Path(shutil.move(work, target))
            Path(name).mkdir()  # the context wants to remove it
        for left in ("kit.img", "kit", "qemu.log"):
            path = done / left
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return Made(stack, target)


def _run_script(stack: Stack, medium: Medium, work: Path, script: str) -> None:
    """Under user-mode Linux: device mapper and md as on a machine, and ten times as fast as an emulated processor."""
    (work / "kit").mkdir()
    (work / "kit" / "make.sh").write_text(script, encoding="utf-8")
    box = kit(work / "kit", work / "kit.img")
    disks = [str(box), f"{work}/system.cow,{medium.system}", *(f"{work}/{serial}.img" for serial, _ in stack.disks)]
    words = [f"ubd{letter}={disk}" for letter, disk in zip("bcdef", disks, strict=False)]
    argv = [
        *(
            "setpriv",
            "--pdeathsig",
            "KILL",
        ),  # whatever ends this program ends the machine, and with it all that it traces
        *("linux.uml", "mem=1024M", f"ubda={work}/rescue.cow,{medium.rescue}", *words),
        *("root=/dev/ubda", "rw", "con=null", "con0=null,fd:1", "quiet", "init=/bin/sh", "--", "-c", f'"{_FIRST}"'),
    ]
    done = run(argv, timeout_s=2400, directory=str(work), environment={"HOME": str(work), "TMPDIR": "/dev/shm"})
    assert "STACK-MADE" in done.stdout, done.stdout[-4000:] + done.stderr[-500:]
    for left in (*work.glob("*.cow"), *work.glob("console")):
        left.unlink()


def read(made: Made, work: Path) -> Runbook:
    """Boot the whole machine from its own disk, have bootkeep read it there, and write its runbook."""
    box = work / "kit"
    box.mkdir()
    shutil.copytree(TOOLKIT, box / "toolkit", ignore=shutil.ignore_patterns("__pycache__", "lab", "templates"))
    shutil.copy(HERE / "record.sh", box / "run.sh")
    image = kit(box, work / "kit.img")
    drives = [*made.disks(work), Drive(image, "kit")]
    variables = new_variables(work) if made.stack.uefi else None
    with machine(drives, variables=variables) as console:
        unlock(console, made.stack)
        seen = console.wait_for("RECORDED", "RECORDING-FAILED", timeout_s=1500)
        assert seen == "RECORDED", console.seen[-2000:]
    out = work / "readings.json"
    checked(run(["debugfs", "-R", f"dump out.json {out}", str(image)], timeout_s=60), "taking the readings out")
    readings = from_json(Readings, out.read_bytes(), where=str(out))
    result = check_readings(readings, Policy(), taken_at="2026-11-25T20:00:00Z")
    return make_runbook(result, Policy(), generated_at="2026-11-25T20:00:00Z")


def unlock(console: SerialConsole, stack: Stack) -> None:
    """Answer the question for the passphrase, where there is one."""
    if stack.encrypted:
        assert console.wait_for("Please unlock disk", timeout_s=900), console.seen[-2000:]
        console.type(PASSPHRASE, echoed=False)


def comes_up(drives: tuple[Drive, ...], stack: Stack, variables: Path | None = None) -> dict[str, str]:
    """Boot from the disks alone; the proof. Fails with the console's last words when it does not come up."""
    with machine(drives, variables=variables) as console:
        unlock(console, stack)
        return proof_of(console)


def proof_of(console: SerialConsole) -> dict[str, str]:
    """What the booted system says about itself. Fails with the console's last words when it dies."""
    facts = wait_for_proof(console, timeout_s=1200)
    assert facts, console.seen[-2000:]
    return facts
