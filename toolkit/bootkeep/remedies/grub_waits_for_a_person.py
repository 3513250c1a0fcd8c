"""B14: GRUB waits for ever. The menu gets a time to wait, also after a failed boot; entries start without a password."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.remedies.common import put_back, rebuild_menu, save
from bootkeep.remedies.plain_steps import look, remedy, write

ID = "grub-waits-for-a-person"
TITLE = "Let the menu go on by itself"


def grub_waits_for_a_person(state: BootState, subject: str = "") -> Remedy:
    """GRUB waits for ever. The menu gets a time to wait, also after a failed boot; entries start without a password."""
    if subject == "superusers":
        return _free_for_all(state)
    return remedy(
        ID,
        TITLE,
        state,
        save(Place.LIVE, "/etc/default/grub", "default-grub"),
        write(
            "Five seconds for people, ten after a boot that was not finished.",
            "F=/etc/default/grub",
            "sed -i '/^GRUB_TIMEOUT=/d;/^GRUB_RECORDFAIL_TIMEOUT=/d' $F",
            "echo GRUB_TIMEOUT=5 >>$F",
            "echo GRUB_RECORDFAIL_TIMEOUT=10 >>$F",
            "bash -n $F && echo SETTINGS ARE GOOD",
            expect="SETTINGS ARE GOOD",
            undo=put_back("/etc/default/grub", "default-grub"),
        ),
        look(
            "Files of /etc/default/grub.d come after it and win.",
            "grep -rn . /etc/default/grub.d || echo NONE",
            expect="NONE, or nothing that sets the same",
        ),
        *rebuild_menu(state, Place.LIVE),
    )


def _free_for_all(state: BootState) -> Remedy:
    """Who may edit an entry or use the command line is still asked (GRUB manual, "Using GRUB in a secure environment")."""
    script = "/etc/grub.d/10_linux"
    return remedy(
        ID,
        TITLE,
        state,
        save(Place.LIVE, script, "10_linux"),
        write(
            "Linux's entries start without a password; editing them still asks for one.",
            f"F={script}",
            "sed -i '/^CLASS=/s/ --unrestricted//;s/^CLASS=\"/&--unrestricted /' $F",
            "grep ^CLASS= $F",
            expect='CLASS="--unrestricted --class ...',
            undo=put_back(script, "10_linux"),
        ),
        *rebuild_menu(state, Place.LIVE),
    )
