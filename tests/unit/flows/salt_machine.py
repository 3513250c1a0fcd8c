"""A small healthy machine for the flows that converge: two kernels, GRUB, one disk."""

from __future__ import annotations

from typing import Any

from bootkeep.facts.boot_entry import BootEntry, DefaultEntry, GrubConfig
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.kernel import BootFile, Initramfs, Kernel, LastGood, ModulesTree, OwningPackage
from bootkeep.facts.machine import Identity
from bootkeep.facts.package import Package
from bootkeep.facts.storage import BlockDevice, Mount
from bootkeep.facts.unknown import Absent, Unknown

NEW = "6.1.0-55-cloud-amd64"
OLD = "6.1.0-50-cloud-amd64"


def boot_file(path: str, *, inode: int = 1, sha256: str | Unknown = "", size: int = 100) -> BootFile:
    """A file of that path; its digest is its path unless told otherwise."""
    return BootFile(path, size, 0, inode, 1, sha256 or path)


def kernel(release: str, *, version: str = "1", preserved: bool = False, **changes: Any) -> Kernel:
    """A whole kernel of a package named after its release."""
    folder = f"/boot/bootkeep/{release}" if preserved else "/boot"
    image = f"{folder}/vmlinuz" if preserved else f"/boot/vmlinuz-{release}"
    values: dict[str, Any] = {
        "release": release,
        "image": boot_file(image),
        "modules": ModulesTree(f"/usr/lib/modules/{release}", release, True, True, frozenset()),
        "initramfs": Initramfs(
            boot_file(f"/boot/initrd.img-{release}"), release, "zstd", frozenset({"ext4"}), 10, True, ""
        ),
        "package": Absent() if preserved else OwningPackage(f"linux-image-{release}", "amd64", version, "installed"),
        "preserved": preserved,
    }
    return Kernel(**{**values, **changes})


def entry(release: str, *, arguments: str = "root=UUID=1 ro", identity: str = "") -> BootEntry:
    """The menu's entry of a kernel."""
    return BootEntry(
        identity or f"gnulinux-{release}", f"Debian, {release}", ("gnulinux-advanced",), f"/boot/vmlinuz-{release}",
        (f"/boot/initrd.img-{release}",), arguments, "1", "/boot/grub/grub.cfg:1",
    )  # fmt: skip


def device(name: str, kind: str, *parents: str, links: tuple[str, ...] = (), mounted: str = "") -> BlockDevice:
    """A row of lsblk."""
    return BlockDevice(
        name, f"/dev/{name}", kind, "ext4", "", "", "", "", "", "gpt", 1, "", "", "", False,
        (mounted,) if mounted else (), parents, links,
    )  # fmt: skip


def grub(*entries: BootEntry, **changes: Any) -> GrubConfig:
    """A grub.cfg without a fault."""
    values: dict[str, Any] = {
        "path": "/boot/grub/grub.cfg", "size_bytes": 100, "mtime_ns": 0, "entries": entries, "leftovers": (),
        "syntax_error": "", "sources_preserved": True,
    }  # fmt: skip
    return GrubConfig(**{**values, **changes})


def machine(**changes: Any) -> BootState:
    """The machine, with what a test wants different."""
    first = entry(NEW)
    values: dict[str, Any] = {
        "taken_at": "2026-11-23T17:00:00Z",
        "os_release": Absent(),
        "identity": Identity("web01", Absent(), "", "", "", "x86_64"),
        "firmware": Absent(),
        "running_release": NEW,
        "running_version": Absent(),
        "running_arguments": "",
        "kernels": (kernel(NEW), kernel(OLD)),
        "newest_release": NEW,
        "last_good": LastGood(OLD, "1", f"/boot/vmlinuz-{OLD}", "b", "2026-11-01T00:00:00Z"),
        "grub": grub(first, entry(OLD)),
        "default_entry": DefaultEntry("0", "GRUB_DEFAULT", first),
        "grub_install_devices": ("/dev/disk/by-id/ata-DISK",),
        "block_devices": (
            device("sda", "disk", links=("/dev/disk/by-id/wwn-0x1", "/dev/disk/by-id/ata-DISK")),
            device("sda1", "part", "sda", mounted="/"),
        ),
        "mounts": (Mount("/", "/dev/sda1", "ext4", ("rw",)),),
        "fstab": (),
        "fstab_not_understood": (),
        "space": (),
        "packages": (
            Package("grub-pc", "amd64", "2.06", "install", "installed"),
            *(Package(f"linux-image-{each}", "amd64", "1", "install", "installed") for each in (NEW, OLD)),
        ),
        "root_drivers": (),
        "root_locked": False,
        "swap_and_resume": "",
        "running_modules": (),
        "consoles": (),
    }
    return BootState(**{**values, **changes})
