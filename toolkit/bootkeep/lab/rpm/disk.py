"""A disposable RPM host's disk: the root of ``lab.rpm.root`` with two kernels, Salt and GRUB, as an installer leaves it."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from bootkeep.lab.bootable import make_disk
from bootkeep.lab.chroot import checked, in_chroot
from bootkeep.lab.image import DISK_BYTES, Image, install_salt
from bootkeep.lab.rpm.flavours import ROOT_UUID
from bootkeep.lab.rpm.root import RpmRoot, unpacked

_GRUB = "grub2-install --target=i386-pc $LAB_DISK"


def rpm_disk(built: RpmRoot, salt_packages: Path, cache: Path, say: Callable[[str], None]) -> Image:
    """The disk of one flavour, from the cache when it was made of the same root and the same Salt before.

    Its first kernel is the one of the root, its second the newer one of the repository "updates"; there is no third.
    """
    folder = cache / "rpm-disks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:  # two runs at a time: the second one waits and finds the disk there
        fcntl.flock(lock, fcntl.LOCK_EX)
        disk = folder / f"{built.flavour}-{_digest(built, salt_packages)}.img"
        if not disk.exists():
            for stale in folder.glob(f"{built.flavour}-*"):
                stale.unlink()
            say(f"making the disk of a {built.flavour} host: two kernels, GRUB, Salt")
            with tempfile.TemporaryDirectory(dir=folder, prefix="build-") as work:
                draft = Path(work) / "disk.img"
                _make(built, salt_packages, Path(work) / "root", draft)
                shutil.move(draft, disk)
    return Image(str(disk), (built.installed, built.update), "")


def _digest(built: RpmRoot, salt_packages: Path) -> str:
    digest = hashlib.sha256(f"{Path(built.tar).name} {salt_packages.name}".encode())
    for path in (Path(__file__), Path(__file__).parents[1] / "bootable.py", Path(__file__).parents[1] / "image.py"):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _make(built: RpmRoot, salt_packages: Path, root: Path, disk: Path) -> None:
    unpacked(built, root)
    (root / "etc/fstab").write_text(f"UUID={ROOT_UUID} / ext4 defaults 0 1\n", encoding="ascii")
    script = "rpm -i /srv/rpms/updates/kernel*.rpm && systemctl enable ssh.service"
    checked(in_chroot(root, ["sh", "-c", script], timeout_s=300), "installing a second kernel")
    install_salt(root, salt_packages)
    for unneeded in ("named", "careless"):
        shutil.rmtree(root / "srv/rpms" / unneeded, ignore_errors=True)
    make_disk(root, disk, size_bytes=DISK_BYTES, uuid=ROOT_UUID, script=_GRUB)
