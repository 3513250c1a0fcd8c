"""B09: /etc/default/grub is no shell code. Carriage returns are taken off; a quotation that is open, a person closes."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.remedies.common import put_back, rebuild_menu, save
from bootkeep.remedies.plain_steps import look, remedy, write
from bootkeep.remedies.toolset import EVERY

ID = "grub-settings-broken"
TITLE = "Make /etc/default/grub readable for a shell again"
_FILE = "/etc/default/grub"


def grub_settings_broken(state: BootState, subject: str = "") -> Remedy:
    """/etc/default/grub is no shell code. Carriage returns are taken off; a quotation that is open, a person closes."""
    damage = state.loaders.settings_damage
    mend = _close() if isinstance(damage, str) and "never closed" in damage else _take_off()
    return remedy(
        ID,
        TITLE,
        state,
        save(Place.LIVE, _FILE, "default-grub"),
        mend,
        look(
            "A shell reads it to its end.",
            f"sh -ec '. {_FILE}' && echo SETTINGS ARE GOOD",
            expect="SETTINGS ARE GOOD",
        ),
        *rebuild_menu(state, Place.LIVE),
        families=EVERY,
    )


def _take_off() -> Step:
    return write(
        "Take the carriage returns of another system's editor off its lines.",
        f"sed -i 's|\\r$||' {_FILE}",
        f"grep -c . {_FILE}",
        expect="the number of its lines",
        undo=put_back(_FILE, "default-grub"),
    )


def _close() -> Step:
    return Step(
        Place.LIVE,
        "Close the quotation that is open: sh names the line.",
        (f"F={_FILE}; sh -n $F", "nano $F || vi $F"),
        expect="every value begins and ends with the same mark",
        on_fail="CALL",
        undo=put_back(_FILE, "default-grub"),
        writes=True,
    )
