"""B36: BootNext leads elsewhere. It is taken back; BootOrder decides again."""

from __future__ import annotations

import re

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.remedies.common import covered, in_place, not_covered
from bootkeep.remedies.plain_steps import look, tell, write
from bootkeep.remedies.toolset import EVERY

ID = "firmware-next-elsewhere"
TITLE = "Let the firmware start what it starts always"


def firmware_next_elsewhere(state: BootState, subject: str = "") -> Remedy:
    """BootNext leads elsewhere. It is taken back; BootOrder decides again. The same on every distribution."""
    if not covered(state, EVERY):
        return not_covered(ID, TITLE, state, EVERY)
    known = re.fullmatch(r"[0-9A-F]{4}", subject)
    undo = (
        f"efibootmgr --bootnext {subject}" if known else "# efibootmgr --bootnext NUMBER with the number that was there"
    )
    steps = (
        look(
            "See what the firmware starts next, and what always.",
            "efibootmgr",
            expect="BootNext, BootOrder and the entries",
        ),
        write(
            "Take the one-time entry back. Whoever set it (a provisioning tool, the firmware's own updater) has to know.",
            "efibootmgr --delete-bootnext",
            "efibootmgr | grep BootNext || echo NO BOOTNEXT",
            expect="NO BOOTNEXT",
            undo=(undo,),
        ),
    )
    once = tell(
        "The firmware forgets BootNext when it follows it: first switch the machine off and on again. Only then go on."
    )
    return Remedy(ID, TITLE, steps, in_place(Place.TARGET, (once, *steps)))
