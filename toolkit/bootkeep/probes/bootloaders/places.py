"""Where GRUB's files are, by family: Debian calls it grub, the rpm families grub2, so that GRUB Legacy could be there too.

EL 8 on UEFI keeps the menu itself on the ESP; /etc/grub2-efi.cfg is a link to wherever it is (grub2.spec), on every version. A
/boot/grub2/grub.cfg beside it (``grub2-mkconfig`` was told the path of BIOS hosts, or the image starts both ways) is read by no
UEFI loader.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bootkeep.facts.reading import Readings, Status
from bootkeep.probes.firmware.efi import EFI
from bootkeep.probes.packages.installed import is_rpm
from bootkeep.probes.read import Command, File, Listing
from bootkeep.probes.storage.mounts import FSTAB

_LONGEST_MENU = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class GrubPlace:
    """One way to install GRUB."""

    folder: str
    menu: File
    environment: File
    ours: File  # entries of preserved kernels, which the menu sources
    custom: File  # the administrator's own entries, which the menu sources where it is there (41_custom)
    files: Listing
    check: Command  # reads the menu and says nothing when it is well formed; writes nothing (grub-script-check(1))

    @property
    def reads(self) -> tuple[File | Listing | Command, ...]:
        """All of them."""
        return (self.menu, self.environment, self.ours, self.custom, self.files, self.check)


def _place(folder: str, menu: str, tool: str) -> GrubPlace:
    return GrubPlace(
        folder,
        File(menu, limit_bytes=_LONGEST_MENU),
        File(f"{folder}/grubenv", limit_bytes=64 * 1024),
        File(f"{folder}/bootkeep.cfg"),
        File(f"{folder}/custom.cfg"),
        Listing(f"{folder}/*"),
        Command((tool, menu)),
    )


DEBIAN = _place("/boot/grub", "/boot/grub/grub.cfg", "grub-script-check")
GRUB2 = _place("/boot/grub2", "/boot/grub2/grub.cfg", "grub2-script-check")
GRUB2_ON_ESP = _place("/boot/grub2", "/etc/grub2-efi.cfg", "grub2-script-check")

PLACES = (DEBIAN, GRUB2, GRUB2_ON_ESP)


#: What a menu has, and the stub that only leads to one has not.
IS_MENU = re.compile(r"^\s*(?:menuentry|blscfg)\b", re.MULTILINE)


_ESP_LINE = re.compile(r"^\s*[^#\s]\S*\s+/boot/efi\s", re.MULTILINE)


def _uefi(readings: Readings) -> bool:
    """As :func:`bootkeep.probes.firmware.efi.firmware` has it: a mounted root has no /sys of its own, but an fstab."""
    reading = readings[EFI.key]
    return reading.ok or (reading.status is not Status.ABSENT and has_esp_line(readings[FSTAB.key].text))


def has_esp_line(fstab: str) -> bool:
    """Whether fstab mounts an EFI partition."""
    return bool(_ESP_LINE.search(fstab))


def menu_on_esp(readings: Readings) -> bool:
    """Whether grub2's menu is the one on the ESP, although /boot/grub2 has one too."""
    stray, ours = readings[GRUB2.menu.key], readings[GRUB2_ON_ESP.menu.key]
    return (
        _uefi(readings) and ours.ok and bool(IS_MENU.search(ours.text)) and not (stray.ok and stray.text == ours.text)
    )


def place_of(readings: Readings) -> GrubPlace:
    """The one that this machine starts from: the first of its family's whose menu is there, else the family's usual one."""
    if not is_rpm(readings):
        return DEBIAN
    mine = (GRUB2_ON_ESP, GRUB2) if menu_on_esp(readings) else (GRUB2, GRUB2_ON_ESP)
    return next((each for each in mine if readings[each.menu.key].status is not Status.ABSENT), GRUB2)
