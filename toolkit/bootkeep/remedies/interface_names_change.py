"""B42: the naming of interfaces changes. The arguments of the running kernel go into the settings."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.remedies.common import put_back, rebuild_menu, save
from bootkeep.remedies.plain_steps import look, remedy, write

ID = "interface-names-change"
TITLE = "Keep the names of the network interfaces"


def interface_names_change(state: BootState, subject: str = "") -> Remedy:
    """the naming of interfaces changes. The arguments of the running kernel go into the settings."""
    return remedy(
        ID,
        TITLE,
        state,
        save(Place.LIVE, "/etc/default/grub", "default-grub"),
        write(
            "Add the words that /proc/cmdline has (net.ifnames=, biosdevname=, net.naming-scheme=) to GRUB_CMDLINE_LINUX.",
            "F=/etc/default/grub",
            "cat /proc/cmdline",
            "grep -n CMDLINE $F",
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
