"""B15: the kernel is silent on the serial line. Both consoles are named, the serial one last: it gets the prompts."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.remedies.common import put_back, rebuild_menu, save
from bootkeep.remedies.plain_steps import look, remedy, write

ID = "console-silent"
TITLE = "Let the kernel speak where GRUB speaks"


def console_silent(state: BootState, subject: str = "") -> Remedy:
    """the kernel is silent on the serial line. Both consoles are named, the serial one last: it gets the prompts."""
    return remedy(
        ID,
        TITLE,
        state,
        save(Place.LIVE, "/etc/default/grub", "default-grub"),
        write(
            "The last console= gets the prompts. Take the speed that GRUB_SERIAL_COMMAND has.",
            "F=/etc/default/grub",
            "W='console=tty0 console=ttyS0,115200'",
            'L="GRUB_CMDLINE_LINUX=\\"\\$GRUB_CMDLINE_LINUX $W\\""',
            'grep -q console=ttyS $F || echo "$L" >>$F',
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
