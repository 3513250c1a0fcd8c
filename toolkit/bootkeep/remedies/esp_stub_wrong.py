"""B11: the stub leads to a file system that is gone. grub-install writes it again for the /boot of today."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.remedies.common import rebuild_menu
from bootkeep.remedies.esp_steps import reinstall
from bootkeep.remedies.layout import layout_of
from bootkeep.remedies.plain_steps import remedy

ID = "esp-stub-wrong"
TITLE = "Let the stub on the EFI system partition find /boot"


def esp_stub_wrong(state: BootState, subject: str = "") -> Remedy:
    """the stub leads to a file system that is gone. grub-install writes it again for the /boot of today."""
    layout = layout_of(state)
    target = layout.esp.target if layout.esp is not None else "/boot/efi"
    return remedy(
        ID,
        TITLE,
        state,
        *reinstall(target),
        *rebuild_menu(state, Place.LIVE),
    )
