"""Which kernel the boot loader starts by itself from now on: for the guard, where nothing else tells which one matters.

Resolved by the same code as the verdict's (:mod:`bootkeep.probes.bootloaders.grub`): grub.cfg with its submenus, Boot Loader
Specification entries in the loader's order, and what grubenv remembers.
"""

from __future__ import annotations

import re
from pathlib import Path

from bootkeep.edges.host import LiveHost
from bootkeep.edges.preserved import preserved_kernels
from bootkeep.facts.boot_entry import BootEntry, DefaultEntry
from bootkeep.facts.reading import Readings, Status
from bootkeep.flows.package_family import uses_rpm
from bootkeep.probes.bootloaders import bls
from bootkeep.probes.bootloaders.grub import default_entry, first_of_menu
from bootkeep.probes.bootloaders.paths import Locator
from bootkeep.probes.bootloaders.places import DEBIAN, GRUB2, GRUB2_ON_ESP, GrubPlace, menu_on_esp
from bootkeep.probes.firmware.efi import EFI
from bootkeep.probes.storage.mounts import FSTAB

_LINUX_LINE = re.compile(r"^\s*linux\S*\s+(\S+)", re.MULTILINE)
_PRESERVED = re.compile(r"/bootkeep/([^/]+)/vmlinuz$")


def default_release(root: Path) -> str:
    """The release that GRUB starts by itself; empty when it cannot be told.

    ``next_entry`` is left out: it counts for one boot, and the kernel of a trial is not the one to come back to.
    """
    host = LiveHost(root)
    for place in _places(root, host):
        readings = Readings(
            {
                read.key: host.answer(read)
                for read in (place.menu, place.environment, place.ours, place.custom, bls.ENTRIES)
            }
        )
        if readings[place.menu.key].status is not Status.ABSENT:
            return _release_of(root, _kernel(readings, place))
    return ""


def _places(root: Path, host: LiveHost) -> tuple[GrubPlace, ...]:
    if not uses_rpm(root):
        return (DEBIAN,)
    on_esp = menu_on_esp(
        Readings({read.key: host.answer(read) for read in (EFI, FSTAB, GRUB2.menu, GRUB2_ON_ESP.menu)})
    )
    return (GRUB2_ON_ESP, GRUB2, DEBIAN) if on_esp else (GRUB2, GRUB2_ON_ESP, DEBIAN)


def _kernel(readings: Readings, place: GrubPlace) -> str:
    """Path of the kernel of the default entry. Better the first of a menu that we do not understand than none."""

    anywhere = Locator()  # only the name of the image counts here, not where it lies
    found = default_entry(readings, anywhere, place=place, one_shot=False)
    entry = found.entry if isinstance(found, DefaultEntry) else None
    if not isinstance(entry, BootEntry):  # GRUB does not stop there either: it starts the first entry
        entry = first_of_menu(readings, anywhere, place)
    if entry is not None:
        return entry.kernel_path
    line = _LINUX_LINE.search(readings[place.menu.key].text)
    return line[1] if line else ""


def _release_of(root: Path, kernel: str) -> str:
    if own := _PRESERVED.search(kernel):
        return next((record.release for record in preserved_kernels(root) if record.key == own[1]), "")
    name = kernel.rsplit("/", 1)[-1]
    if name in {"vmlinuz", "vmlinux"}:  # the links that linux-update-symlinks keeps
        link = root / ("boot" if "/boot/" in kernel or (root / "boot" / name).is_symlink() else "") / name
        name = link.readlink().name if link.is_symlink() else name
    found = re.fullmatch(r"vmlinu[xz]-(.+)", name)
    return found[1] if found else ""
