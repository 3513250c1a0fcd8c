"""B12: grubenv is damaged. A new, empty one takes its place; what was saved is chosen again."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.remedies.common import put_back, save
from bootkeep.remedies.plain_steps import remedy, tell, write

ID = "grub-environment-damaged"
TITLE = "Make GRUB's environment block anew"


def grub_environment_damaged(state: BootState, subject: str = "") -> Remedy:
    """grubenv is damaged. A new, empty one takes its place; what was saved is chosen again."""
    return remedy(
        ID,
        TITLE,
        state,
        save(Place.LIVE, "/boot/grub/grubenv", "grubenv"),
        write(
            "Make it anew. It is empty then: the first menu entry is the default where GRUB_DEFAULT=saved.",
            "E=/boot/grub/grubenv",
            "grub-editenv $E create && grub-editenv $E list && echo BLOCK IS GOOD",
            expect="BLOCK IS GOOD",
            undo=put_back("/boot/grub/grubenv", "grubenv"),
        ),
        tell("Where another entry than the first is to be the default: card default-entry-broken."),
    )
