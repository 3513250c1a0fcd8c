"""B33: the kernel carries no signature. The signed package takes its place."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Remedy
from bootkeep.remedies.common import NO_UNDO, kernels_of, release_of
from bootkeep.remedies.plain_steps import look, remedy, tell, write

ID = "secure-boot-kernel-unsigned"
TITLE = "Start a kernel that is signed"


def secure_boot_kernel_unsigned(state: BootState, subject: str = "") -> Remedy:
    """the kernel carries no signature. The signed package takes its place."""
    release = release_of(state, subject)
    if not release:
        return remedy(ID, TITLE, state, tell("Which kernel is meant could not be read: ls /boot /lib/modules. CALL."))
    return remedy(
        ID,
        TITLE,
        state,
        look(
            "Which kernels are signed, and by whom.",
            *(f"sbverify --list /boot/vmlinuz-{k.release}" for k in kernels_of(state)[:3]),
            "mokutil --sb-state",
            expect="a subject with 'Secure Boot', for at least one",
            on_fail="sbverify is not installed: apt-get install sbsigntool",
        ),
        write(
            "Install the signed kernel of this release; linux-image-unsigned goes.",
            f"K={release}",
            "apt-get install linux-image-$K linux-image-unsigned-$K-",
            expect="no error",
            undo=(NO_UNDO,),
            on_fail="A kernel of your own: sign it with your MOK (sbsign), or make a signed one the default entry",
            minutes=5,
        ),
    )
