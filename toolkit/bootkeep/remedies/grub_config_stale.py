"""B09: grub.cfg does not describe the kernels that are installed. Write it again, and check it before trusting it."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.typed import shell_word, valid_path
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.remedies.common import SAVED, both, commands, covered, not_covered, rebuild_menu, release_of
from bootkeep.remedies.toolset import EVERY

ID = "grub-config-stale"
TITLE = "Write the boot menu again"


def grub_config_stale(state: BootState, subject: str = "") -> Remedy:
    """A menu that lists what is installed, checked by GRUB's own parser."""
    if not covered(state, EVERY):
        return not_covered(ID, TITLE, state, EVERY)
    steps = [
        Step(
            Place.LIVE,
            "Check the settings that the menu is made from.",
            commands("bash -n /etc/default/grub && echo SETTINGS ARE GOOD", "df -h / /boot"),
            expect="SETTINGS ARE GOOD, and room left on / and /boot",
            on_fail="Syntax error: mend the line that it names. No room: card boot-space-low",
        )
    ]
    leftovers = () if isinstance(state.grub, (Absent, Unknown)) else state.grub.leftovers
    for path in (leftover for leftover in leftovers if valid_path(leftover)):
        name = path.rpartition("/")[2]
        steps.append(
            Step(
                Place.LIVE,
                "Move the draft away that an interrupted update-grub left behind.",
                commands(f"install -d -m 0700 {SAVED}", f"mv {shell_word(path)} {SAVED}/{name}"),
                expect="nothing: it worked",
                on_fail="CALL",
                undo=commands(f"mv {SAVED}/{name} {shell_word(path)}"),
                writes=True,
            )
        )
    return both(ID, TITLE, [*steps, *rebuild_menu(state, Place.LIVE, mention=release_of(state, subject))])
