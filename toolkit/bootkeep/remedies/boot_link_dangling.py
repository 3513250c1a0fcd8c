"""B21: a link leads nowhere. Debian's own tool sets it to an installed kernel."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Remedy
from bootkeep.remedies.common import release_of
from bootkeep.remedies.plain_steps import remedy, tell, write

ID = "boot-link-dangling"
TITLE = "Let /vmlinuz and /initrd.img lead to a kernel"


def boot_link_dangling(state: BootState, subject: str = "") -> Remedy:
    """a link leads nowhere. Debian's own tool sets it to an installed kernel."""
    release = release_of(state, subject)
    if not release:
        return remedy(ID, TITLE, state, tell("Which kernel is meant could not be read: ls /boot /lib/modules. CALL."))
    return remedy(
        ID,
        TITLE,
        state,
        write(
            "Set the links to this kernel.",
            f"K={release}",
            "linux-update-symlinks install $K /boot/vmlinuz-$K",
            "ls -l /vmlinuz* /initrd.img* /boot/vmlinuz /boot/initrd.img",
            expect="links that lead to files that exist; 'No such file' for those that this host never had",
            undo=("# The links led nowhere before.",),
        ),
    )
