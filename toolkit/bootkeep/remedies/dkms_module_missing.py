"""B31: DKMS has not built a module for the next kernel. Its headers are installed, then it is built."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.remedies.common import NO_UNDO, build_initramfs, check_initramfs, release_of
from bootkeep.remedies.plain_steps import look, remedy, tell, write

ID = "dkms-module-missing"
TITLE = "Build the DKMS modules for the kernel of the next boot"


def dkms_module_missing(state: BootState, subject: str = "") -> Remedy:
    """DKMS has not built a module for the next kernel. Its headers are installed, then it is built."""
    release = release_of(state, subject)
    if not release:
        return remedy(ID, TITLE, state, tell("Which kernel is meant could not be read: ls /boot /lib/modules. CALL."))
    return remedy(
        ID,
        TITLE,
        state,
        look("What is built for which kernel.", "dkms status", expect="one line a module and kernel"),
        write(
            "Install the headers of that kernel, and build.",
            f"K={release}",
            "apt-get install linux-headers-$K",
            "dkms autoinstall -k $K",
            "dkms status -k $K",
            expect="installed at the end of every line",
            undo=(NO_UNDO,),
            on_fail="Read the make.log that it names; the module does not fit this kernel: previous kernel (section P)",
            minutes=10,
        ),
        build_initramfs(state, Place.LIVE, release, exists=True),
        check_initramfs(state, Place.LIVE, release),
    )
