"""B11: the stub leads to a file system that is gone. grub-install writes it again for the /boot of today."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.typed import shell_word
from bootkeep.remedies.common import SAVED, rebuild_menu
from bootkeep.remedies.esp_steps import reinstall, shim_installed
from bootkeep.remedies.layout import layout_of
from bootkeep.remedies.plain_steps import remedy, write
from bootkeep.remedies.toolset import EVERY, tools_of

ID = "esp-stub-wrong"
TITLE = "Let the stub on the EFI system partition find /boot"


def esp_stub_wrong(state: BootState, subject: str = "") -> Remedy:
    """the stub leads to a file system that is gone. grub-install writes it again for the /boot of today."""
    layout = layout_of(state)
    target = layout.esp.target if layout.esp is not None else "/boot/efi"
    if tools_of(state).family != "debian":
        return remedy(ID, TITLE, state, *_by_packages(state, target), families=EVERY)
    return remedy(
        ID,
        TITLE,
        state,
        *reinstall(target),
        *rebuild_menu(state, Place.LIVE),
    )


def _by_packages(state: BootState, target: str) -> tuple[Step, ...]:
    """EL: grub2-common's script writes the stub where none is. Never grub2-mkconfig to the ESP: that is what had broken it."""
    tools = tools_of(state)
    if tools.family == "suse":
        return (shim_installed(Place.LIVE, target), *rebuild_menu(state, Place.LIVE))
    stub = f"{shell_word(target)}/EFI/*/grub.cfg"
    return (
        write(
            "Move the wrong stub away, and let the package write it anew for the /boot of today.",
            f"install -d -m 0700 {SAVED}/esp",
            f"mv -v {stub} {SAVED}/esp/",
            tools.reinstall + " grub2-common",
            f"wc -l {stub}",
            expect="a number of 3 to 5 lines",
            undo=(f"ls {SAVED}/esp", "# copy it back to the folder that mv has named"),
            on_fail="No stub: write it by hand, the three lines are on the facts page; else CALL",
            minutes=3,
        ),
        *rebuild_menu(state, Place.LIVE),
    )
