"""B16: an initramfs is missing, cut off or unreadable. Build it again for exactly its kernel."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.remedies.common import (
    both,
    build_initramfs,
    check_initramfs,
    commands,
    covered,
    kernels_of,
    not_covered,
    rebuild_menu,
    release_of,
)
from bootkeep.remedies.toolset import EVERY

ID = "initramfs-damaged"
TITLE = "Build the initramfs again"


def initramfs_damaged(state: BootState, subject: str = "") -> Remedy:
    """A whole initramfs for one kernel release, and a menu that loads it."""
    if not covered(state, EVERY):
        return not_covered(ID, TITLE, state, EVERY)
    release = release_of(state, subject)
    if not release:
        say = "The kernel's release could not be read. List the kernels with: ls /lib/modules /boot. Then CALL."
        return both(ID, TITLE, (Step(Place.LIVE, say, on_fail="CALL"),))
    images = [kernel.initramfs for kernel in kernels_of(state) if kernel.release == release and not kernel.preserved]
    exists = any(not isinstance(image, (Absent, Unknown)) for image in images)
    steps = (
        Step(
            Place.LIVE,
            "Is there room, and are the modules of this release here?",
            commands("df -h /boot", f"ls -l /boot/vmlinuz-{release} /lib/modules/{release}/modules.dep"),
            expect="100 MB or more free, and two files, neither of size 0",
            on_fail="No room: card boot-space-low. No modules: card running-modules-missing",
        ),
        build_initramfs(state, Place.LIVE, release, exists=exists),
        check_initramfs(state, Place.LIVE, release),
        *rebuild_menu(state, Place.LIVE, mention=release),
    )
    return both(ID, TITLE, steps)
