"""B04: apt may remove the last-good kernel. Its package is marked as wanted."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Remedy
from bootkeep.remedies.common import release_of
from bootkeep.remedies.plain_steps import remedy, tell, write

ID = "last-good-removable"
TITLE = "Keep the last-good kernel from autoremove"


def last_good_removable(state: BootState, subject: str = "") -> Remedy:
    """apt may remove the last-good kernel. Its package is marked as wanted."""
    release = release_of(state, subject)
    if not release:
        return remedy(ID, TITLE, state, tell("Which kernel is meant could not be read: ls /boot /lib/modules. CALL."))
    return remedy(
        ID,
        TITLE,
        state,
        write(
            "Mark it as wanted.",
            f"K={release}",
            "apt-mark manual linux-image-$K",
            expect="set to manually installed",
            undo=(f"apt-mark auto linux-image-{release}",),
        ),
    )
