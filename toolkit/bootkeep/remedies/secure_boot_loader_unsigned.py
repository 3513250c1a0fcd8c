"""B37: the loader carries no signature. The signed packages and grub-install put theirs back."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Remedy
from bootkeep.remedies.common import NO_UNDO
from bootkeep.remedies.esp_steps import reinstall
from bootkeep.remedies.layout import layout_of
from bootkeep.remedies.plain_steps import remedy, write

ID = "secure-boot-loader-unsigned"
TITLE = "Put the signed boot loader back"


def secure_boot_loader_unsigned(state: BootState, subject: str = "") -> Remedy:
    """the loader carries no signature. The signed packages and grub-install put theirs back."""
    layout = layout_of(state)
    target = layout.esp.target if layout.esp is not None else "/boot/efi"
    return remedy(
        ID,
        TITLE,
        state,
        write(
            "Install the signed loaders.",
            "apt-get install --reinstall shim-signed grub-efi-amd64-signed",
            expect="no error",
            undo=(NO_UNDO,),
            minutes=3,
        ),
        *reinstall(target),
    )
