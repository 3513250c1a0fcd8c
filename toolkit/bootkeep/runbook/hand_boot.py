"""GRUB's prompts, without a rescue medium: ``grub rescue>`` and ``grub>``."""

from __future__ import annotations

import re

from bootkeep.facts.remedy import Place, Step
from bootkeep.facts.runbook import Item, Section, Text
from bootkeep.facts.typed import valid_path
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.remedies.toolset import REDHAT_8_UEFI, RPM
from bootkeep.runbook.host import Choice, HostFacts, minimal_arguments, root_argument
from bootkeep.runbook.loader import loader_folder
from bootkeep.runbook.opening import grub_modules, grub_name, passphrase_place, unlock_in_grub
from bootkeep.runbook.steps import (
    AFTER,
    GRUB_RESCUE,
    HAND,
    INITRAMFS,
    PREVIOUS,
    RESCUE,
    numbered,
    section,
)


def menu_on_esp(facts: HostFacts) -> bool:
    """EL 8 with UEFI: the menu is EFI/<vendor>/grub.cfg on the ESP, and there is none below /boot/grub2 (grub2.spec)."""
    return facts.tools.menu == REDHAT_8_UEFI.menu and facts.layout.esp is not None


def grub_partition(facts: HostFacts) -> str:
    """What ``grub rescue>`` calls the device of GRUB's files; of a partition, if the firmware lists its disk first.

    Empty: not known.
    """
    boot = facts.layout.esp if menu_on_esp(facts) else facts.layout.boot
    device = boot.device if boot is not None else None
    if boot is not None and boot.stack:
        return grub_name(boot, facts)
    if device is None or device.kind != "part":
        return ""
    number = re.search(r"(?:[a-z]|\dp)(\d+)$", device.name)
    table = {"gpt": "gpt", "dos": "msdos"}.get(device.partition_table, "")
    return f"hd0,{table}{number[1]}" if number and table else ""


def grub_folder(facts: HostFacts) -> str:
    """Where GRUB keeps its menu on this host: Debian's /boot/grub, the rpm families' grub2, or what grub.cfg's own path says."""
    grub = facts.state.grub
    if isinstance(grub, (Absent, Unknown)) or not valid_path(grub.path) or "/" not in grub.path[1:]:
        return facts.tools.menu.rpartition("/")[0] if facts.family in RPM else "/boot/grub"
    return grub.folder if facts.family in RPM else grub.path.rpartition("/")[0]


def grub_rescue(facts: HostFacts) -> Section:
    """The core image found, its modules not."""
    separate = facts.layout.at("/boot") is not None
    folder = facts.layout.in_loader(grub_folder(facts))
    guess = grub_partition(facts)
    stacked = "/" in guess or guess == "crypto0"
    seen = f"{folder.rpartition('/')[2]}/ among the names" if separate else "boot/ among the names"
    holds = "/boot"
    if menu_on_esp(facts):  # the signed GRUB has its modules inside and looks for no more than its menu
        folder, seen, holds = f"/EFI/{loader_folder(facts)[0]}", "EFI/ (or efi/) among the names", "the menu"
    steps: list[tuple[Step, str, tuple[str, ...]]] = [
        *_unlocking(facts, Place.GRUB_RESCUE),
        (
            Step(
                Place.GRUB_RESCUE,
                "See which partitions GRUB knows.",
                ("ls",),
                expect=f"a list that holds ({guess or 'hd0,...'})"
                if not guess.startswith("mduuid/")
                else "(md/...) in the list",
            ),
            RESCUE,
            ("partitions",),
        ),
    ]
    if guess:
        steps += [
            (
                Step(
                    Place.GRUB_RESCUE,
                    f"Look into the one that held {holds} when this was written."
                    + ("" if stacked else " Another one has it? Then type that one here and below."),
                    (f"ls ({guess})/",),
                    expect=seen,
                ),
                RESCUE,
                () if stacked else (f"partition of {holds}",),
            ),
            (
                Step(
                    Place.GRUB_RESCUE,
                    "Point GRUB to it.",
                    (f"set root={guess}", f"set prefix=({guess}){folder}"),
                    expect="nothing",
                ),
                RESCUE,
                (),
            ),
        ]
    else:
        steps += [
            (
                Step(
                    Place.GRUB_RESCUE,
                    "Look into each partition of the list: ls, a space, the partition in its brackets, and /.",
                    expect=seen,
                ),
                RESCUE,
                (f"partition of {holds}",),
            ),
            (
                Step(
                    Place.GRUB_RESCUE,
                    "Type set root= and the partition without brackets. Then type set prefix= and the partition "
                    f"in its brackets and, without a space, {folder}",
                    expect="nothing",
                ),
                RESCUE,
                (),
            ),
        ]
    steps += [
        (
            Step(
                Place.GRUB_RESCUE,
                "Load the rest of GRUB.",
                ("insmod normal",),
                expect="nothing. 'prohibited by secure boot policy', 'symbol not found' or 'unknown filesystem': IF NOT",
            ),
            RESCUE,
            (),
        ),
        (
            Step(
                Place.GRUB_RESCUE,
                "Start it. A prompt grub> instead of the menu: go on in section H.",
                ("normal",),
                expect="the menu, or grub>",
            ),
            HAND,
            (),
        ),
    ]
    return section(
        GRUB_RESCUE, "The prompt is grub rescue>", numbered(GRUB_RESCUE, steps), (PREVIOUS,), minutes=10, new_page=False
    )


def _unlocking(facts: HostFacts, place: Place) -> list[tuple[Step, str, tuple[str, ...]]]:
    """For an encrypted /boot: GRUB asks for the passphrase itself."""
    lines = unlock_in_grub(facts.layout.boot, facts)
    if not lines:
        return []
    step = Step(
        place,
        f"/boot is encrypted. {passphrase_place(facts)} GRUB's keyboard is US-English; it shows nothing while you type.",
        lines,
        expect="Enter passphrase ..., then 'Slot ... opened' after up to a minute",
        on_fail="'Invalid passphrase' or 'access denied': again, slowly. 'no such cryptodisk' or an unknown command: IF NOT",
    )
    return [(step, RESCUE, ())]


def hand_boot(facts: HostFacts) -> Section:
    """Load a kernel by hand. The UUID and the release are typed once each: variables keep the lines short."""
    choice = facts.good or next(iter(facts.choices), None)
    boot = facts.layout.boot
    items: list[Item] = [
        Text(
            "A menu brings this prompt when c is pressed. Tab completes names. These lines are kept short on purpose; they "
            "boot once and change nothing on the disk."
        )
    ]
    steps: list[tuple[Step, str, tuple[str, ...]]] = []
    modules = grub_modules(boot, facts)
    if modules:
        see = Step(
            Place.GRUB,
            "Let GRUB see through the layers below /boot. 'already loaded' is all right.",
            tuple(f"insmod {name}" for name in modules),
            expect="nothing. 'prohibited by secure boot policy': go on, the signed GRUB has them inside",
        )
        steps += [(see, RESCUE, ()), *_unlocking(facts, Place.GRUB)]
    if boot is not None and boot.uuid:
        find = Step(
            Place.GRUB,
            "Find the file system that holds /boot.",
            ("set pager=1", f"set b={boot.uuid}", "search --fs-uuid --set=root $b", "echo $root"),
            expect="a partition, e.g. hd0,gpt2",
        )
        steps.append((find, RESCUE, ()))
    elif choice is not None:
        find = Step(
            Place.GRUB,
            "Find the file system that holds the kernel: its UUID was not known when this was written.",
            (
                "set pager=1",
                f"search --file --set=root {choice.kernel_path}",
                "echo $root",
                f"search --file --set=root {choice.kernel_path.removeprefix('/boot')}",
                "echo $root",
            ),
            expect="a partition, e.g. hd0,gpt2, at least once",
        )
        steps.append((find, RESCUE, ()))
    else:
        look = Step(
            Place.GRUB,
            "See what there is. Write down the partition of the system (not FAT, not swap).",
            ("set pager=1", "ls -l"),
            expect="partitions with their file systems and UUIDs",
        )
        point = Step(
            Place.GRUB,
            "After 'read r' type the partition without brackets, e.g. hd0,gpt2.",
            ("read r", "set root=$r", "ls /"),
            expect="boot/, or vmlinuz-... itself",
            on_fail="Another partition of the list, then again",
        )
        steps += [(look, RESCUE, ("partition",)), (point, RESCUE, ())]
    menu = Step(
        Place.GRUB,
        "First try the menu. It comes up? Go to section P; all of P in vain, Esc brings the prompt back. An error? Go on here.",
        _menu_lines(facts),
        expect="the menu, or an error and the prompt again",
        on_fail="Go on with the next step",
    )
    steps.append((menu, RESCUE, ()))
    steps += _load(facts, choice)
    steps.append(
        (
            Step(Place.GRUB, "Boot.", ("boot",), expect="messages of the kernel, then a login prompt", minutes=3),
            INITRAMFS,
            (),
        )
    )
    items += numbered(HAND, steps)
    return section(HAND, "The prompt is grub>", items, (AFTER,), minutes=15, new_page=False)


def _menu_lines(facts: HostFacts) -> tuple[str, ...]:
    """What shows the menu, from wherever this host has it. ``configfile`` brings $root back when it ends."""
    esp = facts.layout.esp
    if not menu_on_esp(facts) or esp is None:
        return (f"configfile {facts.layout.in_loader(grub_folder(facts) + '/grub.cfg')}",)
    menu = f"/EFI/{loader_folder(facts)[0]}/grub.cfg"
    find = f"search --fs-uuid --set=e {esp.uuid}" if esp.uuid else f"search --file --set=e {menu}"
    return (find, f"configfile ($e){menu}")


def _load(facts: HostFacts, choice: Choice | None) -> list[tuple[Step, str, tuple[str, ...]]]:
    if choice is None or not choice.initramfs_path or not valid_path(choice.kernel_path):
        kernel = facts.layout.in_loader("/boot")
        image = facts.tools.initramfs("...").removeprefix("/boot/")
        return [
            (
                Step(
                    Place.GRUB,
                    "No whole kernel was known when this was written. Read from the screen what is there.",
                    (f"ls {kernel}/", "ls -l"),
                    expect=f"vmlinuz-... and {image} of the same release; UUIDs of partitions",
                ),
                RESCUE,
                ("release, what follows vmlinuz-", "UUID of the root file system"),
            ),
            (
                Step(
                    Place.GRUB,
                    "Type the release, then the UUID, each after its command; then load them.",
                    (
                        "read k",
                        "read u",
                        f"linux {kernel}/vmlinuz-$k root=UUID=$u ro",
                        f"initrd {kernel}/{facts.tools.initramfs('$k').removeprefix('/boot/')}",
                    ),
                    expect="nothing",
                ),
                RESCUE,
                (),
            ),
        ]
    kernel_path, image_path = (facts.layout.in_loader(p) for p in (choice.kernel_path, choice.initramfs_path))
    root = root_argument(facts, choice)
    settings: list[str] = []
    shared = choice.release if choice.release in kernel_path and choice.release in image_path else ""
    if shared:
        settings.append(f"set k={shared}")
        kernel_path, image_path = kernel_path.replace(shared, "$k"), image_path.replace(shared, "$k")
        if choice.preserved and "bootkeep/$k" in kernel_path:
            kernel_path, image_path = kernel_path.replace("$k_", "${k}_"), image_path.replace("$k_", "${k}_")
    blanks: tuple[str, ...] = ()
    reading: list[tuple[Step, str, tuple[str, ...]]] = []
    boot = facts.layout.boot
    if root.startswith("UUID=") and boot is not None and root[5:] == boot.uuid:
        root = "UUID=$b"
    elif root.startswith("UUID="):
        settings.append(f"set u={root[5:]}")
        root = "UUID=$u"
    elif not root:
        look = Step(
            Place.GRUB,
            "The root file system was not known when this was written. Read its UUID from the screen.",
            ("ls -l",),
            expect="partitions with their file systems and UUIDs",
        )
        reading.append((look, RESCUE, ("UUID of the root file system",)))
        settings.append("read u")
        root = "UUID=$u"
    lines = _linux_lines(kernel_path, root, minimal_arguments(choice))
    say = f"Load {choice.release} ({choice.why})."
    if "read u" in settings:
        say += " After 'read u' type the UUID."
    step = Step(
        Place.GRUB,
        say,
        (*settings, *lines, f"initrd {image_path}"),
        expect="nothing. An error: check the line above it",
    )
    return [*reading, (step, PREVIOUS, blanks)]


def _linux_lines(kernel: str, root: str, arguments: tuple[str, ...]) -> tuple[str, ...]:
    """The linux command, its further arguments gathered in $a when they do not fit into one line."""
    line = " ".join((f"linux {kernel} root={root} ro", *arguments))
    if len(line) <= 70:
        return (line,)
    lines = ["set a="]
    for word in arguments:
        if lines[-1] == "set a=":
            lines[-1] = f'set a="{word}"'
        elif len(lines[-1]) + len(word) < 69:
            lines[-1] = f'{lines[-1][:-1]} {word}"'
        else:
            lines.append(f'set a="$a {word}"')
    last = f"linux {kernel} root={root} ro"
    if len(last) > 66:  # a long path: give it a name of its own
        folder, _, name = kernel.rpartition("/")
        lines.append(f"set d={folder}")
        last = f"linux $d/{name} root={root} ro"
    return (*(line for line in lines if line != "set a="), f"{last} $a" if arguments else last)
