"""B34: GRUB's package would write its core to the wrong disk. Name the right ones, then install it there."""

from __future__ import annotations

from collections.abc import Sequence

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.storage import BlockDevice
from bootkeep.facts.typed import assign, plain, shell_word, valid_path
from bootkeep.remedies.common import SAVED, both, commands, covered, not_covered, rebuild_menu
from bootkeep.remedies.layout import devices_of, layout_of
from bootkeep.remedies.toolset import EVERY, tools_of

ID = "grub-install-device-wrong"
TITLE = "Install GRUB's core on the disks that hold /boot"

_NO_BOOT_CODE_UNDO = "# The old core is not kept: it does not fit the modules."


def stable_name(disk: BlockDevice) -> str:
    """A name below /dev/disk/by-id that stays the same when disks are found in another order; empty when it has none."""
    links = [link for link in disk.persistent_links if link.startswith("/dev/disk/by-id/") and valid_path(link)]
    # wwn-* and nvme-eui.* say nothing to a person with a sticker before him; the serial number in ata-*, nvme-*, virtio-* does.
    return min(
        links, key=lambda link: (link.split("/")[-1].startswith(("wwn-", "nvme-eui.")), len(link), link), default=""
    )


def _joined_name(disk: BlockDevice, devices: Sequence[BlockDevice]) -> str:
    """Of a path to a multipath disk: the whole map's name, which is the same on every machine; else empty."""
    links = [link for d in devices if d.kind == "mpath" and disk.name in d.parents for link in d.persistent_links]
    return next((link for link in links if link.startswith("/dev/disk/by-id/dm-uuid-mpath-") and valid_path(link)), "")


def grub_install_device_wrong(state: BootState, subject: str = "") -> Remedy:
    """debconf's answer and the disks' boot code, for every disk below /boot."""
    if not covered(state, EVERY):
        return not_covered(ID, TITLE, state, EVERY)
    disks = layout_of(state).boot_disks
    names = list(dict.fromkeys(_joined_name(disk, devices_of(state)) or stable_name(disk) for disk in disks))
    if not names or not all(names):
        return both(ID, TITLE, (*_read_the_disks(tools_of(state).grub), *rebuild_menu(state, Place.LIVE)))
    previous = state.grub_install_devices if isinstance(state.grub_install_devices, tuple) else ()
    return both(
        ID,
        TITLE,
        (
            *_answer(state, names, previous),
            *install_core(names, tools_of(state).grub),
            *rebuild_menu(state, Place.LIVE),
        ),
    )


def install_core(names: list[str], grub: str = "grub") -> tuple[Step, ...]:
    """grub-install for each disk."""
    return tuple(
        Step(
            Place.LIVE,
            "Write GRUB's core to this disk. To the whole disk, never to a partition.",
            commands(
                f"D={shell_word(name)}", "lsblk -dno NAME,SIZE,TYPE,SERIAL $D", f"{grub}-install --target=i386-pc $D"
            ),
            expect=("type mpath" if "-mpath-" in name else "type disk and the serial number of the facts page")
            + ", then: Installation finished. No error reported.",
            on_fail="'will not proceed with blocklists': the BIOS boot partition is missing. CALL",
            undo=(_NO_BOOT_CODE_UNDO,),
            writes=True,
            minutes=2,
        )
        for name in names
    )


def _answer(state: BootState, names: list[str], previous: tuple[str, ...]) -> tuple[Step, ...]:
    family = tools_of(state).family
    if family == "redhat":
        return ()  # an update of EL's grub2-pc writes to no disk by itself: there is nothing to tell it
    if family == "suse":
        return (_suse_answer(names),)
    question = "grub-pc/install_devices multiselect"
    before = plain(", ".join(previous))
    typed_before = _one_a_line(previous) if previous and all(map(valid_path, previous)) else assign("D", before)
    return (
        Step(
            Place.LIVE,
            "Tell the package which disks are to carry GRUB, so that its next update writes to them too. "
            f"It had: {before or 'none'}",
            (
                *_one_a_line(names),
                f'echo "grub-pc {question} $D" | \\',
                "    debconf-set-selections",
                "debconf-show grub-pc | grep install_devices:",
            ),
            expect="the names that you typed",
            on_fail="debconf is missing or locked: go on, and do this after the boot",
            undo=(
                *typed_before,
                f'echo "grub-pc {question} $D" | \\',
                "    debconf-set-selections",
            ),
            writes=True,
        ),
    )


def _one_a_line(names: Sequence[str]) -> tuple[str, ...]:
    """debconf's list gathered in $D, a name a line: a path that is cut in two is mistyped."""
    return (f"D={shell_word(names[0])}", *(f'D="$D, {name}"' for name in names[1:]))


def _read_the_disks(grub: str) -> tuple[Step, ...]:
    return (
        Step(
            Place.LIVE,
            "The disks of /boot have no lasting name in the facts. Read them from the screen; take no wwn- and no -part names.",
            (
                "lsblk -o NAME,SIZE,TYPE,SERIAL,MOUNTPOINTS",
                "ls -l /dev/disk/by-id/",
                "read -r -p 'Disk of /boot, /dev/disk/by-id/...: ' D",
                'lsblk -dno NAME,SIZE,TYPE "$D"',
                f'{grub}-install --target=i386-pc "$D"',
            ),
            expect="type disk, then: Installation finished. No error reported.",
            on_fail="CALL",
            undo=(_NO_BOOT_CODE_UNDO,),
            writes=True,
            minutes=3,
        ),
    )


def _suse_answer(names: list[str]) -> Step:
    path = "/etc/default/grub_installdevice"
    return Step(
        Place.LIVE,
        "Tell update-bootloader which disks are to carry GRUB, so that the next update writes to them too.",
        commands(
            f"install -d -m 0700 {SAVED}",
            f"F={path}",
            f"test ! -e $F || cp -a $F {SAVED}/grub_installdevice",
            *(f"D{number}={shell_word(name)}" for number, name in enumerate(names, start=1)),
            f"printf '%s\\n' {' '.join(f'$D{number}' for number in range(1, len(names) + 1))} activate generic_mbr >$F",
            "cat $F",
        ),
        expect="the names that you typed, one a line, then activate and generic_mbr",
        on_fail="CALL",
        undo=commands(f"cp -a {SAVED}/grub_installdevice {path}"),
        writes=True,
    )
