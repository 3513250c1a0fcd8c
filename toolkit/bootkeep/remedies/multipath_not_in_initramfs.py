"""B27: the initramfs knows nothing of multipath. Debian has a package of its own for that."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.remedies.common import NO_UNDO, build_initramfs, check_initramfs, release_of
from bootkeep.remedies.plain_steps import look, remedy, tell, write

ID = "multipath-not-in-initramfs"
TITLE = "Put multipath into the initramfs"


def multipath_not_in_initramfs(state: BootState, subject: str = "") -> Remedy:
    """the initramfs knows nothing of multipath. Debian has a package of its own for that."""
    release = release_of(state, subject)
    if not release:
        return remedy(ID, TITLE, state, tell("Which kernel is meant could not be read: ls /boot /lib/modules. CALL."))
    return remedy(
        ID,
        TITLE,
        state,
        look(
            "Is the package there, and with it the hook that fills the initramfs?",
            "dpkg -l multipath-tools-boot",
            expect="a line that begins with ii",
        ),
        write(
            "Install it. Without a network: dpkg -i its .deb below /var/cache/apt/archives.",
            "apt-get install multipath-tools-boot",
            expect="no error; with the package already there: 0 newly installed",
            undo=(NO_UNDO,),
            minutes=3,
        ),
        look(
            "The paths of the root disk, and its wwid in the list of known ones.",
            "multipath -ll",
            "cat /etc/multipath/wwids",
            expect="the same wwid twice",
        ),
        build_initramfs(Place.LIVE, release, exists=True),
        check_initramfs(Place.LIVE, release),
        look(
            "See that it is inside.",
            f"lsinitramfs /boot/initrd.img-{release} | grep -E 'sbin/multipath'",
            expect="at least one line",
            on_fail="previous kernel (section P)",
        ),
    )
