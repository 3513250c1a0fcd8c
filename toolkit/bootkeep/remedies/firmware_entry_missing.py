"""B36: the firmware has no entry that leads to a loader. grub-install makes one, and the fallback loader beside it."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Remedy
from bootkeep.remedies.esp_steps import reinstall
from bootkeep.remedies.layout import layout_of
from bootkeep.remedies.plain_steps import look, remedy

ID = "firmware-entry-missing"
TITLE = "Give the firmware a boot entry again"


def firmware_entry_missing(state: BootState, subject: str = "") -> Remedy:
    """the firmware has no entry that leads to a loader. grub-install makes one, and the fallback loader beside it."""
    layout = layout_of(state)
    target = layout.esp.target if layout.esp is not None else "/boot/efi"
    return remedy(
        ID,
        TITLE,
        state,
        *reinstall(target),
        look(
            "The entry is there and first.",
            "efibootmgr -v",
            expect="a line with the loader's file, its number first in BootOrder",
        ),
    )
