"""B34: a disk's core does not belong to the modules. grub-install renews both, on each disk."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.remedies.common import rebuild_menu
from bootkeep.remedies.grub_install_device_wrong import install_core, stable_name
from bootkeep.remedies.layout import layout_of
from bootkeep.remedies.plain_steps import remedy, write
from bootkeep.remedies.toolset import EVERY, tools_of

ID = "grub-core-differs"
TITLE = "Install GRUB's core on every disk that holds /boot"


def grub_core_differs(state: BootState, subject: str = "") -> Remedy:
    """a disk's core does not belong to the modules. grub-install renews both, on each disk."""
    names = [stable_name(disk) for disk in layout_of(state).boot_disks]
    return remedy(
        ID,
        TITLE,
        state,
        *(
            install_core(names, tools_of(state).grub)
            if names and all(names)
            else (read_the_disks(tools_of(state).grub),)
        ),
        *rebuild_menu(state, Place.LIVE),
        families=EVERY,
    )


def read_the_disks(grub: str = "grub") -> Step:
    """For disks without a lasting name in the facts."""
    return write(
        "The disks of /boot have no lasting name in the facts. Read them from the screen; repeat it for each disk.",
        "lsblk -o NAME,SIZE,TYPE,SERIAL,MOUNTPOINTS",
        "read -r -p 'Whole disk below /boot, /dev/...: ' D",
        f'lsblk -dno NAME,SIZE,TYPE "$D" && {grub}-install --target=i386-pc "$D"',
        expect="type disk, then: Installation finished. No error reported.",
        undo=("# The old core is not kept: it does not fit the modules.",),
        minutes=3,
    )
