"""B13: the command line asks for a volume that is gone. The word goes out of the settings that make the menu."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.typed import assign, is_plain, shell_word
from bootkeep.remedies.common import (
    ENTRIES,
    SAVED,
    commands,
    put_back_grub_settings,
    rebuild_menu,
    save_grub_settings,
    without_words,
)
from bootkeep.remedies.plain_steps import look, remedy, write
from bootkeep.remedies.toolset import EVERY, tools_of

ID = "kernel-argument-unresolved"
TITLE = "Take the argument away that names a missing volume"


def kernel_argument_unresolved(state: BootState, subject: str = "") -> Remedy:
    """the command line asks for a volume that is gone. The word goes out of the settings that make the menu."""
    if tools_of(state).family == "redhat":
        return remedy(ID, TITLE, state, *_by_grubby(state, subject), families=EVERY)
    name, _, value = subject.partition("=")
    # root= is not in the settings: grub-mkconfig asks the machine for it, so that a new menu is enough.
    take = (_take_away(subject),) if value and name != "root" and is_plain(subject) else ()
    if not take and name != "root":
        take = (_by_hand(),)
    return remedy(
        ID,
        TITLE,
        state,
        look("What there is.", "lsblk -o NAME,TYPE,FSTYPE,UUID", expect="the volumes of this host"),
        save_grub_settings(Place.LIVE),
        *take,
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


def _take_away(word: str) -> Step:
    return write(
        "Take the word away that names a missing volume, and keep the rest.",
        *without_words([word]),
        f"grep -rnF {shell_word(word)} /etc/default/grub* || echo WORD IS GONE",
        "bash -n /etc/default/grub && echo SETTINGS ARE GOOD",
        expect="WORD IS GONE, SETTINGS ARE GOOD",
        undo=put_back_grub_settings(),
    )


def _by_hand() -> Step:
    return Step(
        Place.LIVE,
        "Take the words away that name a missing volume, and keep the rest.",
        commands(
            "F=/etc/default/grub",
            "grep -n CMDLINE $F",
            "nano $F || vi $F",
            "bash -n $F && echo SETTINGS ARE GOOD",
        ),
        expect="SETTINGS ARE GOOD",
        on_fail="CALL",
        undo=put_back_grub_settings(),
        writes=True,
    )
