"""B24: mdadm.conf or its copy names other arrays. It is written again from the arrays that run."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.remedies.common import SAVED, build_initramfs, check_initramfs, release_of, save
from bootkeep.remedies.plain_steps import look, remedy, tell, write

ID = "raid-config-stale"
TITLE = "Name the arrays in mdadm.conf, and in the initramfs"


def raid_config_stale(state: BootState, subject: str = "") -> Remedy:
    """mdadm.conf or its copy names other arrays. It is written again from the arrays that run."""
    release = release_of(state, subject)
    if not release:
        return remedy(ID, TITLE, state, tell("Which kernel is meant could not be read: ls /boot /lib/modules. CALL."))
    return remedy(
        ID,
        TITLE,
        state,
        save(Place.LIVE, "/etc/mdadm/mdadm.conf", "mdadm.conf"),
        look(
            "The arrays that run.", "cat /proc/mdstat", "mdadm --detail --scan", expect="one ARRAY line for each array"
        ),
        write(
            "Keep the settings, and take the ARRAY lines from what runs.",
            f"C={SAVED}/mdadm.conf",
            "{ grep -v '^ARRAY' $C; mdadm --detail --scan; } >/etc/mdadm/mdadm.conf",
            "cat /etc/mdadm/mdadm.conf",
            expect="one ARRAY line for each array, with its UUID",
            undo=(f"cp -a {SAVED}/mdadm.conf /etc/mdadm/mdadm.conf",),
        ),
        build_initramfs(Place.LIVE, release, exists=True),
        check_initramfs(Place.LIVE, release),
    )
