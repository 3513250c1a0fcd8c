"""B23: the initramfs cannot open the encrypted root. cryptsetup and its table go back into it."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.remedies.common import NO_UNDO, build_initramfs, check_initramfs, release_of
from bootkeep.remedies.plain_steps import look, remedy, tell, write
from bootkeep.remedies.toolset import EVERY, tools_of

ID = "initramfs-luks-missing"
TITLE = "Put what opens the encrypted disk into the initramfs"


def initramfs_luks_missing(state: BootState, subject: str = "") -> Remedy:
    """the initramfs cannot open the encrypted root. cryptsetup and its table go back into it."""
    release = release_of(state, subject)
    if not release:
        return remedy(ID, TITLE, state, tell("Which kernel is meant could not be read: ls /boot /lib/modules. CALL."))
    tools = tools_of(state)
    package = "cryptsetup" if tools.generator == "dracut" else "cryptsetup-initramfs"
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
            "crypttab must name the volume by the UUID that it has, with the name that the root device has.",
            "cat /etc/crypttab",
            "blkid -t TYPE=crypto_LUKS -s UUID",
            expect="the same UUID on both sides",
            on_fail="Mend /etc/crypttab with an editor: name, UUID=..., none, luks",
        ),
        build_initramfs(state, Place.LIVE, release, exists=True),
        check_initramfs(state, Place.LIVE, release),
        look(
            "See that it is inside.",
            f"{tools.list_image} {tools.initramfs(release)} | grep -E 'cryptroot/crypttab|sbin/cryptsetup'",
            expect="at least one line",
            on_fail="previous kernel (section P)",
        ),
        families=EVERY,
    )
