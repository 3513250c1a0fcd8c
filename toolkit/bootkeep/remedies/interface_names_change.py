"""B42: the naming of interfaces changes. The arguments of the running kernel go into the settings."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.facts.typed import is_plain, shell_word
from bootkeep.remedies.common import (
    put_back_grub_settings,
    rebuild_menu,
    save_grub_settings,
    without_words,
)
from bootkeep.remedies.plain_steps import look, remedy, tell, write
from bootkeep.rules.common import default_boot_entry
from bootkeep.rules.interface_names_change import naming_arguments

ID = "interface-names-change"
TITLE = "Keep the names of the network interfaces"
#: Sorts behind other files of settings: what it adds stays added.
OWN_FILE = "/etc/default/grub.d/zz-bootkeep-names.cfg"


def interface_names_change(state: BootState, subject: str = "") -> Remedy:
    """the naming of interfaces changes. The arguments of the running kernel go into the settings."""
    entry = default_boot_entry(state)
    running = state.running_arguments
    if entry is None or not isinstance(running, str) or not is_plain(running + entry.arguments):
        return remedy(ID, TITLE, state, tell("What the running kernel was started with could not be read. CALL."))
    now, then = naming_arguments(running), naming_arguments(entry.arguments)
    unwanted, missing = sorted(set(then) - set(now)), sorted(set(now) - set(then))
    added: tuple[str, ...] = ()
    if missing:
        line = f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {" ".join(missing)}"'
        added = ("install -d /etc/default/grub.d", f"F={OWN_FILE}", f"echo {shell_word(line)} >$F", "cat $F")
    steps = []
    if unwanted or missing:
        steps.append(
            write(
                "Give the next boot the naming words that the running kernel has: "
                f"{' '.join(now) or 'none'}, not {' '.join(then) or 'none'}.",
                *without_words(unwanted),
                *added,
                "bash -n /etc/default/grub && echo SETTINGS ARE GOOD",
                expect="SETTINGS ARE GOOD",
                undo=put_back_grub_settings(*([OWN_FILE] if missing else [])),
            )
        )
    return remedy(
        ID,
        TITLE,
        state,
        look(
            "What the running kernel was started with.",
            "cat /proc/cmdline",
            expect="the words that this step's second line names",
        ),
        save_grub_settings(Place.LIVE),
        *steps,
        *rebuild_menu(state, Place.LIVE),
    )
