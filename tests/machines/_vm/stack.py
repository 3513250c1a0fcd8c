"""Words to tell of a stack: what it is, and what is done to it while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
OLD, NEW = "6.1.0-47-cloud-amd64", "6.1.0-56-cloud-amd64"
_COMMON = (
    *(
        "systemd-sysv",
        "udev",
        "dbus",
        "kmod",
        "initramfs-tools",
        "zstd",
        "e2fsprogs",
        "util-linux",
        "fdisk",
        "dosfstools",
    ),
    *("iproute2", "python3-minimal", "libpython3-stdlib", "ucf"),
)
BASE = {
    "bookworm": (*_COMMON, f"linux-image-{OLD}", f"linux-image-{NEW}"),
}
MAKER = ("lvm2", "cryptsetup", "mdadm", "btrfs-progs", "xfsprogs")


@dataclass(frozen=True)
class Break:
    """One way in which the running machine is broken, and how that is taken back. Shell, run as root."""

    name: str
    story: str
    do: str
    undo: str = ""
    outside: bool = False  # done while nothing of the machine runs; ends with its file systems mounted on /target


@dataclass(frozen=True)
class Stack:
    """One machine. ``layouts/<layout>.sh`` makes its disks."""

    story: str
    layout: str
    packages: tuple[str, ...]
    disks: dict[str, int]  # serial number: size in MiB
    suite: str = "bookworm"
    firmware: str = "bios"  # bios, uefi, secure (UEFI with Microsoft's keys, Secure Boot on)
    arguments: str = ""  # for the kernel
    native: str = ""  # shell for the system before it is copied
    devices: tuple[str, ...] = ()  # QEMU's words for the disks, where they are not plain virtio
    healthy: bool = True  # as it is made
    rescued: bool = False  # also recorded from a rescue shell, before anything is done to it
    booted: bool = False  # recorded in QEMU, started by its own boot loader; otherwise where it was made
    brings: tuple[str, ...] = ()  # files of the working directory that the session needs
    prepare: str = ""  # shell in the running machine before it is read
    breaks: tuple[Break, ...] = ()
    rest: str = ""  # for the README

    def script(self) -> str:
        """What makes the disks."""
        return (HERE / "layouts" / f"{self.layout}.sh").read_text()


INITRD = f"/boot/initrd.img-{NEW}"
IMAGE = f"/boot/vmlinuz-{NEW}"

AGAIN = "update-initramfs -u -k all"


def mdadm(*arrays: str) -> str:
    """mdadm.conf as mkconf writes it, before the arrays are made with these UUIDs; then images that hold it."""
    lines = "\n".join(
        f"ARRAY /dev/md/{number} metadata=1.2 UUID={uuid} name=web1:{number}" for number, uuid in enumerate(arrays)
    )
    return f"printf 'HOMEHOST <system>\\nMAILADDR root\\n{lines}\\n' >/etc/mdadm/mdadm.conf\n{AGAIN}"


def without(*hooks: str) -> str:
    """The newest kernel's image as it comes out without these hooks, kept aside."""
    place = "/usr/share/initramfs-tools/hooks"
    away = "; ".join(f"[ ! -e {place}/{hook} ] || mv {place}/{hook} /h" for hook in hooks)
    return f"mkdir /h; {away}; mkinitramfs -o /var/cache/other.img {NEW}; mv /h/* {place}/; rmdir /h"


def menu(edit: str) -> str:
    """A change of GRUB's settings, and the menu made again."""
    before = "cp -a /etc/default/grub /run/dg; cp -a /boot/grub/grub.cfg /run/gc; cp -a /boot/grub/grubenv /run/ge"
    return f"{before}; {edit}; update-grub"


MENU_BACK = "cp -a /run/dg /etc/default/grub; cp -a /run/gc /boot/grub/grub.cfg; cp -a /run/ge /boot/grub/grubenv"


def arguments(words: str) -> str:
    return menu(f"sed -i 's|^GRUB_CMDLINE_LINUX=.*|GRUB_CMDLINE_LINUX=\"{words}\"|' /etc/default/grub")
