"""B06: the next kernel has no driver for a network card. Its modules come in a package of their own."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Remedy
from bootkeep.remedies.common import NO_UNDO, release_of
from bootkeep.remedies.plain_steps import look, remedy, tell, write

ID = "network-driver-missing"
TITLE = "Install the modules that the network card needs"


def network_driver_missing(state: BootState, subject: str = "") -> Remedy:
    """the next kernel has no driver for a network card. Its modules come in a package of their own."""
    release = release_of(state, subject)
    if not release:
        return remedy(ID, TITLE, state, tell("Which kernel is meant could not be read: ls /boot /lib/modules. CALL."))
    return remedy(
        ID,
        TITLE,
        state,
        look("The cards and their drivers.", "ls -l /sys/class/net/*/device/driver", expect="one line a card"),
        write(
            "Ubuntu keeps rarer drivers in linux-modules-extra; Debian has all in the image's package.",
            f"K={release}",
            "apt-cache show linux-modules-extra-$K >/dev/null && \\",
            "    apt-get install linux-modules-extra-$K || \\",
            "    apt-get install --reinstall linux-image-$K",
            "depmod -a $K",
            expect="no error",
            undo=(NO_UNDO,),
            minutes=5,
        ),
        tell(
            "The driver is not there either: make the kernel that runs the default entry (card default-entry-broken), and CALL."
        ),
    )
