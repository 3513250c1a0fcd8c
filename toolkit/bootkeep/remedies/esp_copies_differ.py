"""B35: the copies of the loader differ. The mounted one is made new, then copied to the others."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Remedy
from bootkeep.remedies.esp_steps import reinstall
from bootkeep.remedies.layout import layout_of
from bootkeep.remedies.plain_steps import remedy, write

ID = "esp-copies-differ"
TITLE = "Bring every EFI system partition to the same state"


def esp_copies_differ(state: BootState, subject: str = "") -> Remedy:
    """the copies of the loader differ. The mounted one is made new, then copied to the others."""
    layout = layout_of(state)
    target = layout.esp.target if layout.esp is not None else "/boot/efi"
    return remedy(
        ID,
        TITLE,
        state,
        *reinstall(target),
        write(
            "Copy the folders to the other partition. Repeat it for each further one.",
            "lsblk -o NAME,SIZE,PARTTYPENAME,MOUNTPOINTS",
            "read -r -p 'Other EFI system partition, /dev/...: ' P",
            'mkdir -p /run/esp2 && mount -t vfat "$P" /run/esp2',
            f"cp -r {target}/EFI /run/esp2/",
            f"diff -r {target}/EFI /run/esp2/EFI && umount /run/esp2 && echo SAME",
            expect="SAME",
            undo=("# What it had was older.",),
            minutes=2,
        ),
    )
