"""The boot loader on EFI system partitions: put back on each of them, with an entry of the firmware for each."""

from __future__ import annotations

import re

from bootkeep.facts.machine import FirmwareEntry
from bootkeep.facts.package import Package
from bootkeep.facts.remedy import Place, Step
from bootkeep.facts.runbook import CALL, Section, Text
from bootkeep.facts.typed import shell_word, valid_path
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.remedies.common import SAVED
from bootkeep.remedies.esp_steps import loader_packages, shim_installed
from bootkeep.remedies.layout import Volume
from bootkeep.remedies.toolset import EVERY
from bootkeep.runbook.host import HostFacts
from bootkeep.runbook.steps import LOADER, numbered, section, shell

#: dpkg's architecture -> grub-install's target, and the suffix of loaders (UEFI specification, 3.5.1.1).
_TARGETS = {
    "amd64": ("x86_64-efi", "x64"),
    "x86_64": ("x86_64-efi", "x64"),
    "arm64": ("arm64-efi", "aa64"),
    "aarch64": ("arm64-efi", "aa64"),
    "i386": ("i386-efi", "ia32"),
    "armhf": ("arm-efi", "arm"),
}


def has_loader_section(facts: HostFacts) -> bool:
    """For hosts that start through an EFI system partition, of the family whose tools are known."""
    return facts.firmware != "bios" and bool(facts.layout.esps) and facts.family in EVERY and facts.covered


def loader_folder(facts: HostFacts) -> tuple[str, str]:
    """Folder below EFI and file of the loader that the firmware starts, e.g. ``debian`` and ``shimx64.efi``."""
    suffix = _target(facts)[1]
    for entry in _entries(facts):
        found = re.search(r"\\EFI\\([A-Za-z0-9_-]+)\\((?:shim|grub)[a-z0-9]*\.efi)", entry.loader, re.IGNORECASE)
        if found and found[1].upper() != "BOOT":
            return found[1], found[2]
    shim = any(p.name.startswith("shim-signed") and p.state == "installed" for p in _packages(facts))
    folder = vendor_folder(facts)
    if facts.family == "suse":
        return folder, "shim.efi"
    if facts.family == "redhat":
        return folder, f"shim{suffix}.efi"
    return folder, f"{'shim' if shim or facts.secure_boot == 'on' else 'grub'}{suffix}.efi"


def fallback_file(facts: HostFacts) -> str:
    """The file below EFI/BOOT that firmware starts without an entry, e.g. ``BOOTX64.EFI`` (UEFI specification, 3.5.1.1)."""
    return f"BOOT{_target(facts)[1].upper()}.EFI"


def loader_section(facts: HostFacts, menu_card: str) -> Section:
    """L: what to do inside the target when the firmware finds no loader, or refuses it."""
    folder, file = loader_folder(facts)
    target, suffix = _target(facts)
    rows: list[tuple[Step, str]] = []
    for number, esp in enumerate(facts.layout.esps, start=1):
        if facts.family == "debian":
            rows += _one(esp, number, len(facts.layout.esps), folder, file, target, suffix)
        elif esp.target:
            rows.append((_by_packages(facts, esp.target), CALL))
        else:
            rows.append((_copied(esp, number, facts.layout.esp), CALL))
    rows.append(
        (
            shell(
                Place.TARGET,
                "See the firmware's entries. A line with this system's loader for each ESP? Then leave the next step out.",
                "efibootmgr -v",
                expect=f"BootOrder, and a line with \\EFI\\{folder}\\{file}",
                on_fail="'EFI variables are not supported': the medium was started in BIOS mode, or efivarfs is not mounted. "
                "Go on: the fallback loader starts without an entry",
            ),
            CALL,
        )
    )
    named = [
        (esp.uuid, folder if n == 1 else f"{folder} {n}") for n, esp in enumerate(facts.layout.esps, 1) if esp.uuid
    ]
    lines = [line for uuid, name in named for line in _entry(uuid, name, folder, file)]
    rows.append(
        (
            shell(
                Place.TARGET,
                f"Make the firmware's {'entry' if len(named) == 1 else 'entries, one for each ESP'}.",
                *lines,
                expect=f"a new Boot line with {' and one with '.join(name for _, name in named)}, first in BootOrder",
                on_fail="'No space left': rm /sys/fs/pstore/* and again. Else go on: the fallback loader starts without it",
                undo=("# efibootmgr -b NUMBER -B with the number of each new line",),
                writes=True,
            ),
            CALL,
        )
    )
    refused = "Secure Boot refused the loader (SBAT)? What is installed here may be the one that is refused: first "
    lead = Text(
        "Never format an ESP: other loaders may be on it. Each ESP can start this host alone, so do all of them."
        + (
            f" {refused}apt-get update; apt-get install shim-signed grub-efi-amd64-signed. Nothing newer: CALL."
            if facts.family == "debian" and facts.secure_boot != "off"
            else ""
        )
    )
    return section(
        LOADER,
        "Put the boot loader back, on every ESP",
        (lead, *numbered(LOADER, rows)),
        (menu_card,),
        minutes=20,
        new_page=False,
    )


def vendor_folder(facts: HostFacts) -> str:
    """The folder below EFI that the distribution's own packages use."""
    identity = getattr(facts.state.os_release, "id", "")
    known = {"ubuntu": "ubuntu", "rhel": "redhat", "ol": "redhat", "sles": "sles", "opensuse-leap": "opensuse"}
    usual = {"redhat": identity or "redhat", "suse": "opensuse"}.get(facts.family, "debian")
    return known.get(identity, usual) if re.fullmatch(r"[a-z0-9_-]*", identity) else usual


def _by_packages(facts: HostFacts, target: str) -> Step:
    """EL and SUSE sign their loaders: what puts them back are the packages, never grub2-install."""
    return loader_packages(Place.TARGET, target) if facts.family == "redhat" else shim_installed(Place.TARGET, target)


def _copied(esp: Volume, number: int, first: Volume | None) -> Step:
    """A second ESP of a mirror: nothing installs to it by itself, so it gets what the first one has."""
    place = f"/run/esp{number}"
    source = first.target if first is not None and first.target else "/boot/efi"
    return shell(
        Place.TARGET,
        f"ESP {number}, {esp.uuid}: bring the same loaders onto it.",
        f"mkdir -p {place}",
        f"mount {esp.source} {place}",
        f"install -d -m 0700 {SAVED}",
        f"test -e {SAVED}/EFI-{number} || cp -a {place}/EFI {SAVED}/EFI-{number}",
        f"cp -r {source}/EFI/. {place}/EFI/",
        f"ls {place}/EFI",
        expect="the same names as on the first one",
        on_fail="Its disk is dead: the first ESP alone starts this host",
        undo=(f"cp -r {SAVED}/EFI-{number}/. {place}/EFI/", f"umount {place}"),
        writes=True,
    )


def _entry(uuid: str, name: str, folder: str, file: str) -> tuple[str, ...]:
    """efibootmgr's command for one ESP, its disk and number looked up by UUID: kernel names of disks move."""
    return (
        f"E=$(readlink -f /dev/disk/by-uuid/{uuid})",
        "P=$(cat /sys/class/block/${E##*/}/partition)",
        f"efibootmgr -c -d /dev/$(lsblk -no PKNAME $E) -p $P -L {shell_word(name)} -l '\\EFI\\{folder}\\{file}'",
    )


def _one(esp: Volume, number: int, of: int, folder: str, file: str, target: str, suffix: str) -> list[tuple[Step, str]]:
    place = esp.target if esp.target and valid_path(esp.target) else f"/run/esp{number}"
    mount = [] if esp.target else [f"mkdir -p {place}", f"mount {esp.source} {place}"]
    kept = f"{SAVED}/EFI-{number}"
    which = f"ESP {number} of {of}, {esp.uuid}" if of > 1 else f"The ESP, {esp.uuid}"
    step = shell(
        Place.TARGET,
        f"{which}: look at its file system, keep a copy of what is on it, put the loader on it, and once more under the name "
        "that firmware tries without an entry.",
        *mount,
        *([f"fsck.vfat -n /dev/disk/by-uuid/{esp.uuid}"] if esp.uuid else []),
        f"install -d -m 0700 {SAVED}",
        f"test -e {kept} || cp -a {place}/EFI {kept}",
        f"grub-install --target={target} --efi-directory={place} --bootloader-id={folder} --recheck --no-nvram",
        f"grub-install --target={target} --efi-directory={place} --removable --no-nvram",
        f"ls -l {place}/EFI/{folder}/{file} {place}/EFI/BOOT/BOOT{suffix.upper()}.EFI",
        expect="twice: Installation finished. No error reported. Then two files. 'Dirty bit is set' is all right",
        on_fail=("Its disk is dead: do the other ESP only. " if of > 1 else "")
        + "No such file below /usr/lib/shim or /usr/lib/grub: install shim-signed and grub-efi-amd64-signed again, from the "
        "packages in hand (section X)",
        undo=(f"cp -r {kept}/. {place}/EFI/", *([] if esp.target else [f"umount {place}"])),
        writes=True,
        minutes=3,
    )
    return [(step, CALL)]


def _target(facts: HostFacts) -> tuple[str, str]:
    return _TARGETS.get(facts.state.identity.architecture, ("x86_64-efi", "x64"))


def _entries(facts: HostFacts) -> tuple[FirmwareEntry, ...]:
    firmware = facts.state.firmware
    if isinstance(firmware, (Absent, Unknown)) or not isinstance(firmware.entries, tuple):
        return ()
    order = {number: place for place, number in enumerate(firmware.boot_order)}
    return tuple(sorted(firmware.entries, key=lambda entry: order.get(entry.number, len(order))))


def _packages(facts: HostFacts) -> tuple[Package, ...]:
    return facts.state.packages if isinstance(facts.state.packages, tuple) else ()
