"""B17: no room on the EFI system partition. What no system here owns is moved away, not deleted."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Remedy
from bootkeep.remedies.common import SAVED
from bootkeep.remedies.layout import layout_of
from bootkeep.remedies.plain_steps import look, remedy, write

ID = "esp-space-low"
TITLE = "Make room on the EFI system partition"


def esp_space_low(state: BootState, subject: str = "") -> Remedy:
    """no room on the EFI system partition. What no system here owns is moved away, not deleted."""
    layout = layout_of(state)
    target = layout.esp.target if layout.esp is not None else "/boot/efi"
    return remedy(
        ID,
        TITLE,
        state,
        look(
            "What takes the room.",
            f"df -h {target}",
            f"find {target} -type f -size +200k -exec ls -l {{}} +",
            expect="the largest files",
        ),
        write(
            "Move a folder that no installed system uses (a vendor's tools, an old system) to the root file system.",
            f"install -d -m 0700 {SAVED}/esp-moved",
            f"read -r -p 'Folder below {target}/EFI to move away: ' D",
            f'cp -a {target}/EFI/"$D" {SAVED}/esp-moved/ && rm -r {target}/EFI/"$D"',
            f"df -h {target}",
            expect="more room",
            undo=(f"cp -a {SAVED}/esp-moved/. {target}/EFI/",),
        ),
    )
