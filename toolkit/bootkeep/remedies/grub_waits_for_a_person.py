"""B14: the menu waits for ever. It gets a time to wait, also after a failed boot."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.remedies.common import put_back, rebuild_menu, save
from bootkeep.remedies.plain_steps import look, remedy, write

ID = "grub-waits-for-a-person"
TITLE = "Let the menu go on by itself"


def grub_waits_for_a_person(state: BootState, subject: str = "") -> Remedy:
    """the menu waits for ever. It gets a time to wait, also after a failed boot."""
    return remedy(
        ID,
        TITLE,
        state,
        save(Place.LIVE, "/etc/default/grub", "default-grub"),
        write(
            "Five seconds for people, ten after a boot that was not finished.",
            "F=/etc/default/grub",
            "sed -i '/^GRUB_TIMEOUT=/d;/^GRUB_RECORDFAIL_TIMEOUT=/d' $F",
            "echo GRUB_TIMEOUT=5 >>$F",
            "echo GRUB_RECORDFAIL_TIMEOUT=10 >>$F",
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
