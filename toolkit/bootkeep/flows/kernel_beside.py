"""What belongs to a kernel in /boot beside its image and its initramfs: System.map and the like, and its boot entry."""

from __future__ import annotations

import os
from pathlib import Path

_ENTRIES = Path("boot/loader/entries")
#: What kernel packages put into /boot beside the image: Debian's and Ubuntu's, EL's and Fedora's, SUSE's.
_BESIDE = (
    *("System.map-{}", "config-{}", ".vmlinuz-{}.hmac", "vmlinux-{}.gz", "vmlinux-{}.xz", "sysctl.conf-{}"),
    *(f"{stem}-{{}}.{kind}" for stem in ("symvers", "symtypes", "symsets") for kind in ("gz", "xz", "zst", "tar.gz")),
)


def beside_of(root: Path, release: str) -> tuple[str, ...]:
    """The other files of a kernel in /boot; a link is none: it would lead to another kernel's one day."""
    names = [name.format(release) for name in _BESIDE]
    return tuple(
        f"/boot/{name}"
        for name in names
        if (root / "boot" / name).is_file() and not (root / "boot" / name).is_symlink()
    )


def bls_entry_of(root: Path, release: str) -> str:
    """The Boot Loader Specification entry of a release; empty when it has none. Its name ends with the release."""
    folder = root / _ENTRIES
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if entry.name.endswith(f"-{release}.conf"))
    except OSError:
        return ""
    return f"/boot/loader/entries/{names[0]}" if names else ""
