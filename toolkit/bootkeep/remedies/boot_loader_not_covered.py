"""B08: a boot loader that this version does not judge. The loader's own tools show what it starts."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Remedy
from bootkeep.remedies.plain_steps import look, remedy, tell

ID = "boot-loader-not-covered"
TITLE = "Look at what the other boot loader starts"


def boot_loader_not_covered(state: BootState, subject: str = "") -> Remedy:
    """The loader's own list. Nothing is changed."""
    return remedy(
        ID,
        TITLE,
        state,
        look(
            "systemd-boot and unified kernel images: the entries, and which is the default.",
            "bootctl status || echo NOT SYSTEMD-BOOT",
            "bootctl list || echo NO LIST",
            expect="an entry with the kernel that is meant, marked as default",
        ),
        look(
            "extlinux: the labels, and the files that they name.",
            "cat /boot/extlinux/extlinux.conf || echo NOT EXTLINUX",
            "ls -l /boot",
            expect="every file that a label names",
        ),
        tell("This version has no rescue steps for that loader. Keep its own manual beside this paper."),
    )
