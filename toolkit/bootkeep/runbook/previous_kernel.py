"""The fast ways: another kernel from the menu, and a boot loader started by the firmware's own menu."""

from __future__ import annotations

from bootkeep.facts.remedy import Place, Step
from bootkeep.facts.runbook import CALL, Box, Item, Section, Table, Text
from bootkeep.facts.typed import plain
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.runbook.host import Choice, HostFacts
from bootkeep.runbook.loader import fallback_file, loader_folder
from bootkeep.runbook.steps import AFTER, FIRMWARE, HAND, PREVIOUS, RESCUE, numbered, section


def previous_kernel(facts: HostFacts) -> Section:
    """Choose another entry by its title, as it stands on the screen."""
    key = {"uefi": "press Esc once", "bios": "hold Shift"}.get(
        facts.firmware, "hold Shift (BIOS) or press Esc once (UEFI)"
    )
    # The default entry is most likely the one that has just failed: it comes last, whatever it is otherwise.
    failed = _default_kernel(facts)
    listed = [choice for choice in facts.choices if choice.title]
    listed.sort(key=lambda choice: (not choice.whole, choice.kernel_path == failed))
    items: list[Item] = []
    if listed:
        rows = [
            (
                choice.title,
                choice.submenu or "first page",
                _what(choice, failed),
            )
            for choice in listed
        ]
        items.append(Table(("Title on the screen, best first", "Where", "What it is"), tuple(rows), (0, 3, 3)))
    else:
        items.append(
            Box(
                "The entries of the menu could not be read when this was written",
                ("Take any entry that names an older kernel release than the one that failed, not a recovery one.",),
            )
        )
    pick = f"Choose '{listed[0].title}' and press Enter." if listed else "Choose an older kernel and press Enter."
    where = "Go to the line 'Advanced options for ...' and press Enter."
    first_page = bool(listed) and not listed[0].submenu
    rows_of_steps = [
        (
            Step(
                Place.FIRMWARE,
                "Is the menu there, or 'Press any key to continue'? Press a key, and go on with the next step. Else switch "
                f"off and on; when the firmware's logo goes away, {key}, until the menu is there.",
                expect="GNU GRUB at the top, and a list of entries",
            ),
            HAND,
        ),
        *([] if first_page else [(Step(Place.GRUB, where, expect="one line for each kernel"), HAND)]),
        (
            Step(
                Place.GRUB,
                pick + " Entries move: go by the title, never by the position.",
                expect="Loading Linux ..., then Loading initial ramdisk ...",
            ),
            HAND,
        ),
        (
            Step(
                Place.GRUB,
                "Does it hang or panic? Switch off and on, take the next title of the table. When all have failed: "
                "IF NOT.",
                expect="a login prompt",
                minutes=3,
            ),
            HAND,
        ),
        (
            Step(
                Place.GRUB,
                "Still blank after 'Loading initial ramdisk'? In the menu press e on the entry. In the line that begins "
                "with linux remove quiet and splash, and add nomodeset at its end. Ctrl-x boots; nothing is saved.",
                expect="messages of the kernel; photograph the last ones",
                minutes=3,
            ),
            RESCUE,
        ),
    ]
    if _has_snapshots(facts):
        rows_of_steps.append((_snapshot(), RESCUE))
    items += numbered(PREVIOUS, rows_of_steps)
    return section(PREVIOUS, "Another kernel, from the menu", items, (AFTER,), minutes=10, new_page=False)


def _has_snapshots(facts: HostFacts) -> bool:
    """SUSE's layout: the root is a btrfs snapshot of snapper's."""
    root = facts.layout.root
    return facts.family == "suse" and root is not None and root.file_system == "btrfs"


def _snapshot() -> Step:
    return Step(
        Place.GRUB,
        "All kernels fail? On the menu's first page choose 'Start bootloader from a read-only snapshot', then the newest "
        "snapshot from before the update. It is read-only. Once up: snapper rollback, then reboot. /var, /home and the ESP "
        "are not rolled back.",
        expect="a login prompt; snapper rollback names the new default subvolume",
        minutes=5,
        by_hand=True,
    )


def _what(choice: Choice, failed: str) -> str:
    default = "; the default" if choice.kernel_path == failed else ""
    return choice.why + default + ("" if choice.whole else "; NOT WHOLE: do not use")


def _default_kernel(facts: HostFacts) -> str:
    chosen = facts.state.default_entry
    if isinstance(chosen, (Absent, Unknown)) or isinstance(chosen.entry, (Absent, Unknown)):
        return ""
    return chosen.entry.kernel_path


def _own_entries(facts: HostFacts) -> str:
    """The firmware's lines for this system, quoted; empty for BIOS, and where they could not be read."""
    firmware = facts.state.firmware
    if isinstance(firmware, (Absent, Unknown)) or not isinstance(firmware.entries, tuple):
        return ""
    folder = f"\\EFI\\{loader_folder(facts)[0]}\\".lower()
    labels = [plain(entry.label) for entry in firmware.entries if folder in entry.loader.lower() and plain(entry.label)]
    return " or ".join(f"'{label}'" for label in dict.fromkeys(labels[:3]))


def firmware_menu(facts: HostFacts) -> Section:
    """Start the loader from the firmware's own boot menu."""
    disks = [disk.serial or disk.model for disk in (facts.layout.boot_disks or facts.layout.esp_disks)]
    serials = ", ".join(plain(disk) for disk in disks if plain(disk))
    which = f"the disk with serial number {serials}" if serials else "the disk that holds this system"
    entries = _own_entries(facts)
    line = f"Choose the line {entries}; else {which}" if entries else f"Choose {which}"
    opened = Step(
        Place.FIRMWARE,
        f"Switch off and on. Open the boot menu (mostly F8, F10, F11, F12 or Esc). {line}.",
        expect="the GRUB menu, or grub>",
        on_fail="" if facts.firmware == "bios" else "No such line, or nothing starts: the next step",
    )
    steps = [(opened, RESCUE)]
    if facts.firmware != "bios":
        vendor, first = loader_folder(facts)
        only = "" if facts.firmware == "uefi" else " (UEFI systems only.)"
        steps += [
            (
                Step(
                    Place.FIRMWARE,
                    "In the same menu, or in the set-up: Boot from file. On the disk's FAT partition choose "
                    f"EFI, {vendor}, {first}. If that is not there: EFI, BOOT, {fallback_file(facts)}.{only}",
                    expect="the GRUB menu, or grub>",
                    on_fail="Security Violation: the next step",
                ),
                RESCUE,
            ),
            (
                Step(
                    Place.FIRMWARE,
                    "Secure Boot refuses every one of them? Only the approver may switch it off, in the set-up; disks that a "
                    "TPM unlocks will then ask for their recovery key. On again after section L.",
                    expect="the GRUB menu",
                ),
                CALL,
            ),
        ]
    return section(
        FIRMWARE,
        "No GRUB at all: start it from the firmware",
        (
            *([Text("The first step that brings GRUB ends this section.")] if len(steps) > 1 else []),
            *numbered(FIRMWARE, steps),
        ),
        (PREVIOUS,),
        minutes=10,
        new_page=False,
    )
