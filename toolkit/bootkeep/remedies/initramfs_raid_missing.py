"""B24: the initramfs has no mdadm. The package with its hook goes back, then the image is built again."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.remedies.common import NO_UNDO, build_initramfs, check_initramfs, release_of
from bootkeep.remedies.plain_steps import look, remedy, tell, write
from bootkeep.remedies.toolset import EVERY, tools_of

ID = "initramfs-raid-missing"
TITLE = "Put mdadm into the initramfs"


def initramfs_raid_missing(state: BootState, subject: str = "") -> Remedy:
    """the initramfs has no mdadm. The package with its hook goes back, then the image is built again."""
    release = release_of(state, subject)
    if not release:
        return remedy(ID, TITLE, state, tell("Which kernel is meant could not be read: ls /boot /lib/modules. CALL."))
    tools = tools_of(state)
    return remedy(
        ID,
        TITLE,
        state,
        look(
            "Is the package there, and with it the hook that fills the initramfs?",
            f"{tools.shown} mdadm",
            expect=tools.is_shown,
        ),
        write(
            f"Install it. Without a network: {tools.from_file} its .{tools.suffix} below {tools.packages}.",
            f"{tools.install} mdadm",
            expect="no error; with the package already there: 0 newly installed"
            if tools.family == "debian"
            else "no error",
            undo=(NO_UNDO,),
            minutes=3,
        ),
        build_initramfs(state, Place.LIVE, release, exists=True),
        check_initramfs(state, Place.LIVE, release),
        look(
            "See that it is inside.",
            f"{tools.list_image} {tools.initramfs(release)} | grep -E 'sbin/mdadm$'",
            expect="at least one line",
            on_fail="previous kernel (section P)",
        ),
        families=EVERY,
    )
