"""B41: fstab gives a file system another type than it has. The line gets the type that blkid prints."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.storage import BlockDevice, FstabLine
from bootkeep.facts.typed import plain
from bootkeep.remedies.common import commands, covered, not_covered
from bootkeep.remedies.fstab_lines import by_hand, can_be_named, changed_line, fstab_remedy
from bootkeep.remedies.layout import find_device
from bootkeep.remedies.toolset import EVERY

ID = "fstab-type-wrong"
TITLE = "Mend the line of /etc/fstab that has the wrong type"

#: Types that may be written into the line; what else lies there (LUKS, LVM, RAID) is no file system to mount.
_WRITTEN = frozenset({"ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "f2fs", "jfs", "reiserfs", "exfat", "swap"})


def fstab_type_wrong(state: BootState, subject: str = "") -> Remedy:
    """The line by its content, not by its number: numbers move."""
    if not covered(state, EVERY):
        return not_covered(ID, TITLE, state, EVERY)
    look = Step(
        Place.LIVE,
        "See what is where, and what fstab says of it.",
        ("blkid", "findmnt --verify --verbose"),
        expect="blkid's TYPE is another than the line's",
        on_fail="They are the same: this card is not the one you need",
        may_fail=True,  # findmnt ends with 1 when it finds what is looked for
    )
    lines = state.fstab if isinstance(state.fstab, tuple) else ()
    devices = state.block_devices if isinstance(state.block_devices, tuple) else ()
    named = [line for line in lines if subject and subject in {line.spec, line.target}]
    mended = tuple(_mend(line, find_device(line.spec, devices)) for line in named) or (_by_hand(),)
    return fstab_remedy(ID, TITLE, look, mended)


def _mend(line: FstabLine, device: BlockDevice | None) -> Step:
    if "\r" in line.file_system + "".join(line.options) and can_be_named(line):
        return changed_line(
            line,
            r"s|\r$||",
            say=f"Take the carriage return off the end of the line of {plain(line.target)}.",
            show=commands("cat -A /etc/fstab"),
            expect="its line without ^M at the end",
        )
    if device is None or device.file_system not in _WRITTEN or not can_be_named(line):
        return _by_hand()
    return changed_line(
        line,
        rf"s|^\(\S*\s*\S*\s*\)\S*|\1{device.file_system}|",
        say=f"Give the line of {plain(line.target)} the type that is there. "
        "If the disk was formatted anew by mistake: stop, and CALL.",
        show=commands("cat /etc/fstab"),
        expect=f"its line with {device.file_system}",
    )


def _by_hand() -> Step:
    return by_hand(
        "The third word of a line is its type: give it the one that blkid prints. What is crypto_LUKS, LVM2_member or "
        "linux_raid_member is not mounted itself: name the device that is made of it.",
        "the line with the right type or device",
    )
