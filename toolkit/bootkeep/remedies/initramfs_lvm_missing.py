"""B25: the initramfs has no lvm. The package with its hook goes back, then the image is built again."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.remedies.common import NO_UNDO, build_initramfs, check_initramfs, release_of
from bootkeep.remedies.plain_steps import look, remedy, tell, write

ID = "initramfs-lvm-missing"
TITLE = "Put lvm into the initramfs"


def initramfs_lvm_missing(state: BootState, subject: str = "") -> Remedy:
    """the initramfs has no lvm. The package with its hook goes back, then the image is built again."""
    release = release_of(state, subject)
    if not release:
        return remedy(ID, TITLE, state, tell("Which kernel is meant could not be read: ls /boot /lib/modules. CALL."))
    return remedy(
        ID,
        TITLE,
        state,
        look(
            "Is the package there, and with it the hook that fills the initramfs?",
            "dpkg -l lvm2",
            expect="a line that begins with ii",
        ),
        write(
            "Install it. Without a network: dpkg -i its .deb below /var/cache/apt/archives.",
            "apt-get install lvm2",
            expect="no error; with the package already there: 0 newly installed",
            undo=(NO_UNDO,),
            minutes=3,
        ),
        build_initramfs(Place.LIVE, release, exists=True),
        check_initramfs(Place.LIVE, release),
        look(
            "See that it is inside.",
            f"lsinitramfs /boot/initrd.img-{release} | grep -E 'sbin/lvm$'",
            expect="at least one line",
            on_fail="previous kernel (section P)",
        ),
    )
