"""B46: reboot is a kexec into a kernel of its own choice. It is switched off, so that GRUB decides again."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.remedies.common import put_back, save
from bootkeep.remedies.plain_steps import remedy, write

ID = "kexec-bypasses-loader"
TITLE = "Let reboot go through the boot loader"


def kexec_bypasses_loader(state: BootState, subject: str = "") -> Remedy:
    """reboot is a kexec into a kernel of its own choice. It is switched off, so that GRUB decides again."""
    return remedy(
        ID,
        TITLE,
        state,
        save(Place.LIVE, "/etc/default/kexec", "default-kexec"),
        write(
            "Switch it off. The next reboot goes through the firmware and GRUB.",
            "F=/etc/default/kexec",
            "sed -i 's|^LOAD_KEXEC=.*|LOAD_KEXEC=false|' $F",
            "grep LOAD_KEXEC $F",
            expect="LOAD_KEXEC=false",
            undo=put_back("/etc/default/kexec", "default-kexec"),
        ),
    )
