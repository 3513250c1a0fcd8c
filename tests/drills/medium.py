"""What a drill of a storage stack needs: a Debian 12 tree, a rescue medium made of it, and the plain system that stacks get.

All of it is built once and cached by the digest of this recipe. The rescue medium is a live Debian with a root shell on its
serial line, as a live system on a stick would be: systemd, udev, lvm2, cryptsetup, mdadm, and nothing of bootkeep.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.run import run
from bootkeep.lab.chroot import checked, in_chroot
from bootkeep.lab.image import SUITE
from bootkeep.lab.proof import PROOF_SCRIPT

PACKAGES = (
    *(
        "apt",
        "systemd-sysv",
        "udev",
        "dbus",
        "kmod",
        "initramfs-tools",
        "zstd",
        "efibootmgr",
        "e2fsprogs",
        "util-linux",
    ),
    *(
        "fdisk",
        "dosfstools",
        "iproute2",
        "nano",
        "python3-minimal",
        "libpython3-stdlib",
        "lvm2",
        "cryptsetup",
        "multipath-tools",
    ),
    *("cryptsetup-initramfs", "mdadm", "ucf", "grub-pc-bin", "grub-efi-amd64-bin", "grub2-common", "debconf", "psmisc"),
)
#: The loaders' own packages: they exclude each other, so a stack installs its own.
LOADERS = (
    *("grub-pc", "grub-efi-amd64", "grub-efi-amd64-signed", "shim-signed", "shim-signed-common", "shim-unsigned"),
    *("shim-helpers-amd64-signed", "mokutil", "libefivar1", "libkeyutils1"),
)
#: Starts what the disk called KIT brings, once the system is up and has given its proof.
_KIT_UNIT = """[Unit]
Description=Run what the disk called KIT says, then print a proof of this boot
After=local-fs.target systemd-modules-load.service
ConditionKernelCommandLine=!rescue-medium

[Service]
ExecStart=/usr/local/sbin/drill-proof
[Install]
WantedBy=multi-user.target
"""
_KIT_SCRIPT = """#!/bin/sh
# A drill's own: with a disk called KIT, run its script; without, say how this boot went.
if [ -e /dev/disk/by-label/KIT ]; then
    # From a copy: a shell keeps its script open, and the script takes the disk off.
    mkdir -p /run/kit && mount /dev/disk/by-label/KIT /run/kit && cp /run/kit/run.sh /run/run.sh && exec sh /run/run.sh
fi
exec /usr/local/sbin/lab-proof
"""
#: A root shell on the serial line, as live systems give it.
_SHELL = """[Service]
ExecStart=
ExecStart=-/sbin/agetty --autologin root --noclear --keep-baud 115200 %I dumb
"""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Medium:
    """What was built, as files of one folder."""

    folder: Path

    @property
    def rescue(self) -> Path:
        """The rescue medium's own file system; never written to."""
        return self.folder / "rescue.img"

    @property
    def system(self) -> Path:
        """The plain system: one ext4 file system that a stack copies on its root device."""
        return self.folder / "system.img"

    @property
    def newest(self) -> str:
        """The newer kernel release of the two that the medium and the systems have."""
        return (self.folder / "release").read_text(encoding="utf-8").strip()

    @property
    def kernel(self) -> Path:
        """The medium's kernel."""
        return self.folder / "vmlinuz"

    @property
    def initramfs(self) -> Path:
        """The medium's initramfs."""
        return self.folder / "initrd.img"


def build_medium(cache: Path, say: Say) -> Medium:
    """The medium, from the cache when this recipe was built before."""
    digest = hashlib.sha256(Path(__file__).read_bytes() + PROOF_SCRIPT.encode()).hexdigest()[:16]
    base = cache / "drills"
    base.mkdir(parents=True, exist_ok=True)
    target = base / f"medium-{digest}"
    with (base / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            for stale in base.glob("medium-*"):
                shutil.rmtree(stale)
            with tempfile.TemporaryDirectory(dir=base, prefix="build-") as work:
                _build(Path(work), say)
                shutil.rmtree(Path(work) / "root")
                shutil.move(work, target)
                Path(work).mkdir()  # the context wants to remove it
    return Medium(target)


def _build(work: Path, say: Say) -> None:
    root = work / "root"
    say("building the rescue medium: packages (mmdebstrap)")
    cut = ["/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/man/*", "/usr/share/info/*"]
    argv = [
        *(
            "mmdebstrap",
            "--quiet",
            "--mode=root",
            "--variant=minbase",
            "--skip=cleanup/apt",
            f"--include={','.join(PACKAGES)}",
        ),
        *(f"--dpkgopt=path-exclude={path}" for path in cut),
        *(SUITE, str(root)),
    ]
    checked(run(argv, timeout_s=1200), "mmdebstrap")
    (root / "etc/fstab").write_text("", encoding="utf-8")
    releases = _two_kernels(root)
    settings = root / "etc/initramfs-tools/conf.d/fast"
    settings.write_text("COMPRESSLEVEL=1\n", encoding="utf-8")  # emulated processors compress slowly
    argv = ["apt-get", "-q", "-y", "--no-install-recommends", "install", *(f"linux-image-{name}" for name in releases)]
    checked(in_chroot(root, argv, timeout_s=900), "installing kernels")
    debs = root / "debs"
    debs.mkdir()
    checked(in_chroot(root, ["sh", "-c", f"cd /debs && apt-get -q download {' '.join(LOADERS)}"]), "fetching loaders")
    checked(in_chroot(root, ["apt-get", "clean"]), "cleaning")
    shutil.copy(root / f"boot/vmlinuz-{releases[1]}", work / "vmlinuz")
    shutil.copy(root / f"boot/initrd.img-{releases[1]}", work / "initrd.img")
    (work / "release").write_text(releases[1], encoding="utf-8")
    for name, text in {
        "etc/hostname": "web1\n",
        "usr/local/sbin/lab-proof": PROOF_SCRIPT,
        "usr/local/sbin/drill-proof": _KIT_SCRIPT,
        "etc/systemd/system/drill-proof.service": _KIT_UNIT,
    }.items():
        (root / name).write_text(text, encoding="utf-8")
        (root / name).chmod(0o755 if "sbin" in name else 0o644)
    units = ("drill-proof.service",)
    checked(in_chroot(root, ["systemctl", "enable", *units]), "enabling the proof")
    slow = ("apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_reap.service", "systemd-timesyncd.service")
    checked(
        in_chroot(root, ["systemctl", "mask", *slow, "lvm2-monitor.service", "blk-availability.service"]), "masking"
    )
    say("building the rescue medium: file systems")
    _file_system(root, work / "system.img", "SYSTEM", 1200)
    shell = root / "etc/systemd/system/serial-getty@ttyS0.service.d/shell.conf"
    shell.parent.mkdir(parents=True)
    shell.write_text(_SHELL, encoding="utf-8")
    (root / "etc/hostname").write_text("rescue\n", encoding="utf-8")
    _file_system(root, work / "rescue.img", "RESCUE", 1400)


def _two_kernels(root: Path) -> tuple[str, str]:
    """The two newest kernel ABIs of the archive, older first."""
    pattern = r"^linux-image-[0-9.]+-[0-9]+-cloud-amd64$"
    listed = checked(in_chroot(root, ["apt-cache", "search", "--names-only", pattern]), "looking for kernels").stdout
    releases = sorted(
        (line.split()[0].removeprefix("linux-image-") for line in listed.splitlines()),
        key=lambda release: [int(part) for part in release.replace("-cloud-amd64", "").replace("-", ".").split(".")],
    )
    return releases[-2], releases[-1]


def _file_system(root: Path, image: Path, label: str, mib: int) -> None:
    argv = [
        "mkfs.ext4",
        "-q",
        "-F",
        "-L",
        label,
        "-m",
        "0",
        "-E",
        "lazy_itable_init=0,nodiscard",
        "-d",
        str(root),
        str(image),
        f"{mib}m",
    ]
    checked(run(argv, timeout_s=600), f"making {image.name}")
