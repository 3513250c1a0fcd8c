"""B13: the command line asks for a volume that is gone. The word goes out of the settings that make the menu."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.remedies.common import put_back, rebuild_menu, save
from bootkeep.remedies.plain_steps import look, remedy, write

ID = "kernel-argument-unresolved"
TITLE = "Take the argument away that names a missing volume"


def kernel_argument_unresolved(state: BootState, subject: str = "") -> Remedy:
    """the command line asks for a volume that is gone. The word goes out of the settings that make the menu."""
    return remedy(
        ID,
        TITLE,
        state,
        save(Place.LIVE, "/etc/default/grub", "default-grub"),
        write(
            "Take the words away that name a missing volume (nano, vi or sed), and keep the rest.",
            "F=/etc/default/grub",
            "grep -n CMDLINE $F",
            "lsblk -o NAME,TYPE,FSTYPE,UUID",
            "${EDITOR:-vi} $F",
            "bash -n $F && echo SETTINGS ARE GOOD",
            expect="SETTINGS ARE GOOD",
            undo=put_back("/etc/default/grub", "default-grub"),
        ),
        look(
            "Files of /etc/default/grub.d come after it and win.",
            "grep -rn . /etc/default/grub.d || echo NONE",
            expect="NONE, or nothing that sets the same",
        ),
        *rebuild_menu(state, Place.LIVE),
    )
