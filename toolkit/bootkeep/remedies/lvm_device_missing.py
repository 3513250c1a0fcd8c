"""B25: LVM does not see a volume of the root group. It is either not listed or gone."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Remedy
from bootkeep.remedies.common import SAVED
from bootkeep.remedies.plain_steps import look, remedy, write
from bootkeep.remedies.toolset import EVERY

ID = "lvm-device-missing"
TITLE = "Let LVM see all its volumes again"


def lvm_device_missing(state: BootState, subject: str = "") -> Remedy:
    """LVM does not see a volume of the root group. It is either not listed or gone."""
    return remedy(
        ID,
        TITLE,
        state,
        look(
            "What LVM sees, and what the disks carry. The second looks past the devices file.",
            "pvs -o +pv_uuid,pv_missing",
            "lsblk -o NAME,SIZE,TYPE,FSTYPE,UUID,SERIAL",
            expect="which volume is missing, and whether a disk carries its UUID",
        ),
        write(
            "A devices file hides what it does not list. Move it away: LVM then looks at every disk.",
            f"install -d -m 0700 {SAVED}",
            "F=/etc/lvm/devices/system.devices",
            f"test ! -e $F || mv $F {SAVED}/system.devices",
            "pvs",
            expect="every volume, and none called [unknown]",
            undo=(f"cp -a {SAVED}/system.devices /etc/lvm/devices/system.devices",),
            on_fail="A volume is still [unknown]: its disk is gone. CALL; never reduce a group that the machine stands on",
        ),
        families=EVERY,
    )
