"""B26: every boot waits for a device that is gone. Servers do not hibernate: resume is switched off."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.remedies.common import SAVED, build_initramfs, check_initramfs, rebuild_menu, release_of
from bootkeep.remedies.plain_steps import look, remedy, tell, write

ID = "resume-device-missing"
TITLE = "Stop waiting for a device to resume from"


def resume_device_missing(state: BootState, subject: str = "") -> Remedy:
    """every boot waits for a device that is gone. Servers do not hibernate: resume is switched off."""
    release = release_of(state, subject)
    if not release:
        return remedy(ID, TITLE, state, tell("Which kernel is meant could not be read: ls /boot /lib/modules. CALL."))
    return remedy(
        ID,
        TITLE,
        state,
        write(
            "Tell the initramfs not to resume. A server does not hibernate.",
            f"install -d -m 0700 {SAVED}",
            "F=/etc/initramfs-tools/conf.d/resume",
            f"test ! -e $F || cp -a $F {SAVED}/resume",
            "echo RESUME=none >$F",
            "cat $F",
            expect="RESUME=none",
            undo=(
                "F=/etc/initramfs-tools/conf.d/resume",
                f"rm $F; test ! -e {SAVED}/resume || cp -a {SAVED}/resume $F",
            ),
        ),
        look(
            "resume= may stand in GRUB's settings too.",
            "grep -rn resume= /etc/default/grub /etc/default/grub.d || echo NONE",
            expect="NONE",
            on_fail="Take the word resume=... out of that line with an editor",
        ),
        build_initramfs(state, Place.LIVE, release, exists=True),
        check_initramfs(state, Place.LIVE, release),
        *rebuild_menu(state, Place.LIVE),
    )
