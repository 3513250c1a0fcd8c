"""B30: the last script of a kernel's package did not finish. What it should have done is done again, for exactly that kernel."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.remedies.common import (
    NO_UNDO,
    both,
    build_initramfs,
    check_initramfs,
    commands,
    covered,
    not_covered,
    rebuild_menu,
    release_of,
)
from bootkeep.remedies.next_command_line_wrong import right_arguments
from bootkeep.remedies.plain_steps import tell, write
from bootkeep.remedies.toolset import RPM, tools_of

ID = "kernel-not-put-in-place"
TITLE = "Put the installed kernel into /boot"


def kernel_not_put_in_place(state: BootState, subject: str = "") -> Remedy:
    """Image, initramfs and entry."""
    if not covered(state, RPM):
        return not_covered(ID, TITLE, state, RPM)
    packaged = state.kernel_packages if isinstance(state.kernel_packages, tuple) else ()
    release = subject if subject in dict(packaged) else release_of(state, subject)
    if not release:
        return both(ID, TITLE, (tell("Which kernel is meant could not be read: ls /boot /lib/modules. CALL."),))
    room = Step(
        Place.LIVE,
        "Is there room, and is the kernel's own tree whole?",
        commands(f"K={release}", "df -h /boot /", "ls -l /lib/modules/$K/vmlinuz /lib/modules/$K/modules.dep"),
        expect="100 MB or more free, and two files, neither of size 0",
        on_fail="No room: card boot-space-low. No modules.dep: depmod -a with the release, then again",
    )
    if tools_of(state).family == "redhat":
        again = write(
            "Let the distribution's tool do it: image, initramfs, entry. It says which plugin fails.",
            f"K={release}",
            "kernel-install -v add $K /lib/modules/$K/vmlinuz",
            "ls -l /boot/vmlinuz-$K /boot/initramfs-$K.img",
            expect="two files, neither of size 0",
            undo=(NO_UNDO,),
            on_fail="A plugin of /etc/kernel/install.d or a DKMS module fails: move it away (to /root), then again",
            minutes=3,
        )
        return both(ID, TITLE, (room, *right_arguments(state), again, check_initramfs(state, Place.LIVE, release)))
    copy = write(
        "Copy the image to /boot if it is not there.",
        f"K={release}",
        "test -e /boot/vmlinuz-$K || cp /lib/modules/$K/vmlinuz /boot/vmlinuz-$K",
        "ls -l /boot/vmlinuz-$K",
        expect="one file, not of size 0",
        undo=("rm /boot/vmlinuz-$K",),
    )
    return both(
        ID,
        TITLE,
        (
            room,
            copy,
            build_initramfs(state, Place.LIVE, release, exists=False),
            check_initramfs(state, Place.LIVE, release),
            *rebuild_menu(state, Place.LIVE, mention=release),
        ),
    )
