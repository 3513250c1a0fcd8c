"""B20: GRUB cannot read /boot's file system. Nothing of that can be done in one command: it is said plainly."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.typed import shell_word, valid_path
from bootkeep.remedies.common import both, commands, covered, not_covered
from bootkeep.remedies.layout import layout_of

ID = "boot-file-system-unreadable"
TITLE = "Give /boot a file system that GRUB can read"

#: How each family of file systems tells its features.
_LOOK = {"ext2": "dumpe2fs -h {}", "ext3": "dumpe2fs -h {}", "ext4": "dumpe2fs -h {}", "xfs": "xfs_info /boot"}


def boot_file_system_unreadable(state: BootState, subject: str = "") -> Remedy:
    """See the features; the rest needs a person with a backup."""
    if not covered(state):
        return not_covered(ID, TITLE, state)
    boot = layout_of(state).boot
    device = subject if valid_path(subject) and subject.startswith("/dev/") else ""
    if not device and boot is not None:  # device names move: on paper only what stays
        named = boot.source.replace("UUID=", "/dev/disk/by-uuid/")
        device = named if valid_path(named) else ""
    look = _LOOK.get(boot.file_system if boot is not None else "", "blkid {}").format(shell_word(device))
    steps = [
        Step(
            Place.LIVE,
            "See which features the file system has, and which GRUB reads it.",
            commands(look, "dpkg-query -W grub-common"),
            expect="a line of features, and GRUB's version",
            on_fail="CALL",
            may_fail=True,
        ),
        Step(
            Place.LIVE,
            "GRUB 2.06 cannot read ext4 with inline_data, bigalloc, casefold or ea_inode, nor XFS and btrfs features newer "
            "than itself. None of these can be switched off in place. If the feature came with an upgrade of GRUB, go back to "
            "the GRUB before. Else: copy /boot away, make its file system anew without the feature, copy back, put the new UUID "
            "into /etc/fstab, grub-install, update-grub. Do not reboot before bootkeep check --before-reboot says GO.",
            on_fail="CALL",
            by_hand=True,
        ),
    ]
    return both(ID, TITLE, steps)
