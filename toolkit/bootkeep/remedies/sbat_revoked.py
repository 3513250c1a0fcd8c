"""B39: the loader is revoked. A newer shim and GRUB are installed, also on the copies."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Remedy
from bootkeep.remedies.common import NO_UNDO
from bootkeep.remedies.esp_steps import reinstall
from bootkeep.remedies.layout import layout_of
from bootkeep.remedies.plain_steps import remedy, write

ID = "sbat-revoked"
TITLE = "Replace the revoked boot loader"


def sbat_revoked(state: BootState, subject: str = "") -> Remedy:
    """the loader is revoked. A newer shim and GRUB are installed, also on the copies."""
    layout = layout_of(state)
    target = layout.esp.target if layout.esp is not None else "/boot/efi"
    return remedy(
        ID,
        TITLE,
        state,
        write(
            "Fetch and install the newest signed loaders.",
            "apt-get update",
            "apt-get install shim-signed grub-efi-amd64-signed",
            expect="newer versions than before",
            undo=(NO_UNDO,),
            on_fail="The archive has nothing newer: switch Secure Boot off in the firmware's setup until it has. CALL",
            minutes=5,
        ),
        *reinstall(target),
    )
