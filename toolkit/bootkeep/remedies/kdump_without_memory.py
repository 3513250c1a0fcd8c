"""B46: kdump has no memory. The package's own value for the command line is used."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.remedies.common import put_back, rebuild_menu, save
from bootkeep.remedies.plain_steps import look, remedy, write

ID = "kdump-without-memory"
TITLE = "Reserve memory for kdump, or switch it off"


def kdump_without_memory(state: BootState, subject: str = "") -> Remedy:
    """kdump has no memory. The package's own value for the command line is used."""
    return remedy(
        ID,
        TITLE,
        state,
        save(Place.LIVE, "/etc/default/grub", "default-grub"),
        write(
            "Reserve memory: the value that kdump-tools recommends for up to 64 GB.",
            "F=/etc/default/grub",
            "W='crashkernel=384M-:192M'",
            'L="GRUB_CMDLINE_LINUX=\\"\\$GRUB_CMDLINE_LINUX $W\\""',
            'grep -q crashkernel= $F || echo "$L" >>$F',
            "tail -n 3 $F",
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
