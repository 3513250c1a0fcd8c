"""B27: the initramfs knows nothing of multipath. Debian has a package of its own for that."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.remedies.common import NO_UNDO, build_initramfs, check_initramfs, release_of
from bootkeep.remedies.plain_steps import look, remedy, tell, write
from bootkeep.remedies.toolset import EVERY, tools_of

ID = "multipath-not-in-initramfs"
TITLE = "Put multipath into the initramfs"


def multipath_not_in_initramfs(state: BootState, subject: str = "") -> Remedy:
    """the initramfs knows nothing of multipath. Debian has a package of its own for that."""
    release = release_of(state, subject)
    if not release:
        return remedy(ID, TITLE, state, tell("Which kernel is meant could not be read: ls /boot /lib/modules. CALL."))
    tools = tools_of(state)
    usual = "multipath-tools" if tools.generator == "dracut" else "multipath-tools-boot"
    package = {"redhat": "device-mapper-multipath"}.get(tools.family, usual)
    return remedy(
        ID,
        TITLE,
        state,
        look(
            "Is the package there, and with it the hook that fills the initramfs?",
            f"{tools.shown} {package}",
            expect=tools.is_shown,
        ),
        write(
            f"Install it. Without a network: {tools.from_file} its .{tools.suffix} below {tools.packages}.",
            f"{tools.install} {package}",
            expect="no error; with the package already there: 0 newly installed"
            if tools.family == "debian"
            else "no error",
            undo=(NO_UNDO,),
            minutes=3,
        ),
        look(
            "The paths of the root disk, and its wwid in the list of known ones.",
            "multipath -ll",
            "cat /etc/multipath/wwids",
            expect="the same wwid twice",
        ),
        build_initramfs(state, Place.LIVE, release, exists=True),
        check_initramfs(state, Place.LIVE, release),
        look(
            "See that it is inside.",
            f"{tools.list_image} {tools.initramfs(release)} | grep -E 'sbin/multipath'",
            expect="at least one line",
            on_fail="previous kernel (section P)",
        ),
        families=EVERY,
    )
