"""An EL host like K.D.'s: its menu is a file that nobody rewrites, as on machines that were upgraded for years.

``GRUB_ENABLE_BLSCFG=false``: ``grub.cfg`` names its kernels itself (made once by ``grub2-mkconfig``), so GRUB needs no ``blscfg``
and Debian's GRUB starts it as EL's own would. ``rpm -U`` writes an entry for the new kernel, as always, that this menu never reads.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from bootkeep.lab.bootable import make_disk
from bootkeep.lab.chroot import checked, in_chroot
from bootkeep.lab.image import DISK_BYTES, Image, install_salt
from bootkeep.lab.proof import PROOF_SCRIPT, PROOF_UNIT
from bootkeep.lab.rpm.flavours import ROOT_UUID
from bootkeep.lab.rpm.root import RpmRoot, unpacked

_SETTINGS = {
    "etc/fstab": f"UUID={ROOT_UUID} / ext4 defaults 0 1\n",
    "etc/default/grub": (
        "GRUB_TIMEOUT=5\nGRUB_DISTRIBUTOR=Rocky\nGRUB_DEFAULT=0\nGRUB_DISABLE_SUBMENU=true\n"
        'GRUB_TERMINAL="console serial"\nGRUB_SERIAL_COMMAND="serial --speed=115200"\n'
        'GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200"\nGRUB_DISABLE_RECOVERY=true\nGRUB_ENABLE_BLSCFG=false\n'
    ),
    "etc/sysconfig/kernel": "UPDATEDEFAULT=no\nDEFAULTKERNEL=kernel-core\n",
    "usr/local/sbin/lab-proof": PROOF_SCRIPT,
    "etc/systemd/system/lab-proof.service": PROOF_UNIT,
    "etc/salt/minion": (
        "id: web01\nfile_client: local\nmaster_type: disable\n"
        "file_roots: {base: [/srv/bootkeep/salt]}\npillar_roots: {base: [/srv/bootkeep/pillar]}\n"
    ),
}
_MENU = (
    "grub2-install --target=i386-pc $LAB_DISK && grub2-editenv /boot/grub2/grubenv create"
    " && grub2-mkconfig -o /boot/grub2/grub.cfg"
)


def static_menu_disk(built: RpmRoot, salt_packages: Path, disk: Path) -> Image:
    """The disk, and what the lab's hosts want to know about it."""
    with tempfile.TemporaryDirectory(dir=disk.parent, prefix="root-") as folder:
        root = unpacked(built, Path(folder) / "root")
        for name, text in _SETTINGS.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        (root / "usr/local/sbin/lab-proof").chmod(0o755)
        install_salt(root, salt_packages)
        checked(in_chroot(root, ["systemctl", "enable", "lab-proof.service"]), "enabling the proof")
        for unneeded in ("named", "careless"):
            shutil.rmtree(root / "srv/rpms" / unneeded, ignore_errors=True)
        make_disk(root, disk, size_bytes=DISK_BYTES, uuid=ROOT_UUID, script=_MENU)
    return Image(str(disk), (built.installed, built.installed), built.update)
