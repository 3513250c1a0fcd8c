"""A disposable RPM host on a disk of its own, booted with systemd as PID 1: so there is a verdict on it, which a chroot has not.

The disk has GRUB in it and boots in an emulated machine as well (``lab.vm``). EL's menu is made of entries that are files, which
Debian's GRUB cannot read: ``lab-bls.cfg`` holds what its blscfg would make of them when the disk was written.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from bootkeep.lab.bootable import make_disk
from bootkeep.lab.chroot import checked, in_chroot
from bootkeep.lab.image import DISK_BYTES, Image
from bootkeep.lab.proof import PROOF_SCRIPT, PROOF_UNIT
from bootkeep.lab.rpm.bootkeep_in import install_bootkeep, mark_good
from bootkeep.lab.rpm.flavours import FLAVOURS, ROOT_UUID
from bootkeep.lab.rpm.root import RpmRoot, unpacked

_FILES = {
    "etc/fstab": f"UUID={ROOT_UUID} / ext4 defaults 0 1\n",
    "usr/local/sbin/lab-proof": PROOF_SCRIPT,
    "etc/systemd/system/lab-proof.service": PROOF_UNIT,
}
_INSTALL = "grub2-install --target=i386-pc $LAB_DISK"
#: SUSE's menu names its kernels itself; EL's was made by the installer and calls blscfg.
_MENU = {True: " && update-bootloader --refresh", False: ""}


def rpm_host_disk(built: RpmRoot, salt_packages: Path, disk: Path, *, deadline_s: float = 60) -> Image:
    """The disk of an el9, fedora or suse15 host with bootkeep and its hooks, and its one kernel marked as good."""
    with tempfile.TemporaryDirectory(dir=disk.parent, prefix="root-") as folder:
        root = unpacked(built, Path(folder) / "root")
        for name, text in _FILES.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (root / "usr/local/sbin/lab-proof").chmod(0o755)
        install_bootkeep(root, salt_packages, deadline_s=deadline_s)
        policy = root / "etc/bootkeep/config.json"
        policy.write_text(json.dumps({"hook_deadline_s": deadline_s}), encoding="ascii")
        mark_good(root, built.installed)
        checked(in_chroot(root, ["systemctl", "enable", "lab-proof.service"]), "enabling the proof")
        shutil.rmtree(root / "srv/rpms/named", ignore_errors=True)
        script = _INSTALL + _MENU[FLAVOURS[built.flavour].suse]
        make_disk(root, disk, size_bytes=DISK_BYTES, uuid=ROOT_UUID, script=script)
    return Image(str(disk), (built.installed, built.installed), built.update)
