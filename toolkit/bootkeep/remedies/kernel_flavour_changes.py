"""B05: the next boot starts another flavour. Install the right metapackage, or say in writing that the change is meant."""

from __future__ import annotations

import re

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.remedies.common import NO_UNDO, flavour_of, rebuild_menu
from bootkeep.remedies.plain_steps import look, remedy, tell, write

ID = "kernel-flavour-changes"
TITLE = "Start a kernel of the flavour that runs"


def kernel_flavour_changes(state: BootState, subject: str = "") -> Remedy:
    """the next boot starts another flavour. Install the right metapackage, or say in writing that the change is meant."""
    running = state.running_release if isinstance(state.running_release, str) else ""
    flavour = flavour_of(running) if re.fullmatch(r"[a-z0-9.-]+", flavour_of(running)) else ""
    name = (f"F={flavour}",) if flavour else ("read -r -p 'Flavour (amd64, cloud-amd64, generic): ' F",)
    return remedy(
        ID,
        TITLE,
        state,
        look(
            "Which kernels and metapackages there are.",
            "dpkg -l 'linux-image*' | grep ^ii",
            expect="the flavour that runs among them",
        ),
        write(
            f"Install the metapackage of the flavour that runs{', ' + flavour if flavour else ''}.",
            *name,
            'apt-get install "linux-image-$F"',
            expect="no error",
            undo=(NO_UNDO,),
            minutes=5,
        ),
        tell("The change is meant: accept kernel-flavour-changes in the pillar (policy: accepted), with the reason."),
        *rebuild_menu(state, Place.LIVE),
    )
