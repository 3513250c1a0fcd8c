"""B24: mdadm.conf or its copy names other arrays. It is written again from the arrays that run."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.remedies.common import SAVED, build_initramfs, check_initramfs, release_of, save
from bootkeep.remedies.plain_steps import look, remedy, tell, write
from bootkeep.remedies.toolset import EVERY, tools_of

ID = "raid-config-stale"
TITLE = "Name the arrays in mdadm.conf, and in the initramfs"


def raid_config_stale(state: BootState, subject: str = "") -> Remedy:
    """mdadm.conf or its copy names other arrays. It is written again from the arrays that run."""
    release = release_of(state, subject)
    if not release:
        return remedy(ID, TITLE, state, tell("Which kernel is meant could not be read: ls /boot /lib/modules. CALL."))
    path = "/etc/mdadm/mdadm.conf" if tools_of(state).family == "debian" else "/etc/mdadm.conf"
    return remedy(
        ID,
        TITLE,
        state,
        save(Place.LIVE, path, "mdadm.conf"),
        look(
            "The arrays that run.", "cat /proc/mdstat", "mdadm --detail --scan", expect="one ARRAY line for each array"
        ),
        write(
            "Keep the settings, and take the ARRAY lines from what runs.",
            f"C={SAVED}/mdadm.conf",
            f"F={path}",
            "{ grep -v '^ARRAY' $C; mdadm --detail --scan; } >$F",
            "cat $F",
            expect="one ARRAY line for each array, with its UUID",
            undo=(f"cp -a {SAVED}/mdadm.conf {path}",),
        ),
        build_initramfs(state, Place.LIVE, release, exists=True),
        check_initramfs(state, Place.LIVE, release),
        families=EVERY,
    )
