"""B13: the command line asks for a volume that is gone. The word goes out of the settings that make the menu."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.typed import assign, is_plain
from bootkeep.remedies.common import ENTRIES, SAVED, put_back, rebuild_menu, save
from bootkeep.remedies.plain_steps import look, remedy, write
from bootkeep.remedies.toolset import EVERY, tools_of

ID = "kernel-argument-unresolved"
TITLE = "Take the argument away that names a missing volume"


def kernel_argument_unresolved(state: BootState, subject: str = "") -> Remedy:
    """the command line asks for a volume that is gone. The word goes out of the settings that make the menu."""
    if tools_of(state).family == "redhat":
        return remedy(ID, TITLE, state, *_by_grubby(state, subject), families=EVERY)
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
        families=EVERY,
    )


def _by_grubby(state: BootState, subject: str) -> tuple[Step, ...]:
    """EL: the words stand in each entry, and in /etc/kernel/cmdline for the next one."""
    ask = assign("W", subject) if subject and is_plain(subject) else ("read -r -p 'Word to take away: ' W",)
    return (
        look(
            "The entries' arguments, and what there is.",
            f"grep -H ^options {ENTRIES}/*.conf",
            "lsblk -o NAME,TYPE,FSTYPE,UUID",
            expect="the word that names a missing volume",
        ),
        write(
            "Keep the entries, then take the word out of all of them.",
            f"install -d -m 0700 {SAVED}",
            f"cp -a {ENTRIES} {SAVED}/",
            *ask,
            'grubby --update-kernel=ALL --remove-args="$W"',
            'sed -i "s|$W||" /etc/kernel/cmdline /etc/default/grub',
            f"grep -H ^options {ENTRIES}/*.conf",
            expect="options lines with root=, and without the word",
            undo=(f"cp -a {SAVED}/entries/. {ENTRIES}/",),
            on_fail="Take it out of each file with an editor",
        ),
    )
