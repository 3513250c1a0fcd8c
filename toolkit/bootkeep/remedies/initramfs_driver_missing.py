"""B22: the initramfs lacks a driver of the way to the root file system. Name the driver, then build again."""

from __future__ import annotations

import re

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.typed import COMMAND_WIDTH, assign
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.remedies.common import (
    both,
    build_initramfs,
    check_initramfs,
    commands,
    covered,
    kernels_of,
    not_covered,
    put_back,
    release_of,
    save,
)
from bootkeep.remedies.toolset import EVERY, tools_of

ID = "initramfs-driver-missing"
TITLE = "Put the driver of the root disk into the initramfs"
LIST = "/etc/initramfs-tools/modules"
DRACUT_FILE = "/etc/dracut.conf.d/90-bootkeep.conf"


def searched(listing: str, pattern: str, how: str = "grep -E") -> tuple[str, ...]:
    """Look for a pattern of any length: a way through many layers names many drivers."""
    if len(pattern) <= COMMAND_WIDTH - 8:
        return commands(f"{listing} | {how} '{pattern}'")
    return (*assign("P", pattern), *commands(f'{listing} | {how} "$P"'))


def initramfs_driver_missing(state: BootState, subject: str = "") -> Remedy:
    """The drivers named one by one, so that they stay in whatever else guesses wrong."""
    if not covered(state, EVERY):
        return not_covered(ID, TITLE, state, EVERY)
    release = release_of(state, subject)
    # The paper is for a day when another kernel fails: with nothing missing now, it names all that the root disk needs.
    drivers = missing_drivers(state, release) or root_drivers(state)
    if not release or not drivers:
        say = "Which driver is missing could not be read. See what the root disk needs: lspci -k; cat /proc/modules. CALL."
        return both(ID, TITLE, (Step(Place.LIVE, say, on_fail="CALL"),))
    pattern = "|".join(driver.replace("_", "[_-]") for driver in drivers)
    tools = tools_of(state)
    add = (
        _for_dracut(drivers)
        if tools.generator == "dracut"
        else Step(
            Place.LIVE,
            "Name the drivers that the way to the root file system needs: " + ", ".join(drivers),
            commands(
                f"F={LIST}",
                f"for m in {' '.join(drivers)}; do grep -qx $m $F || echo $m >>$F; done",
                "cat $F",
            ),
            expect="the list, with the names at its end",
            on_fail="CALL",
            undo=put_back(LIST, "initramfs-modules"),
            writes=True,
        )
    )
    look = Step(
        Place.LIVE,
        "See that they are inside.",
        searched(f"{tools.list_image} {tools.initramfs(release)}", f"/({pattern})[.]ko"),
        expect="a line that ends in .ko, .ko.xz or .ko.zst for each driver",
        on_fail=f"Look for it: find /lib/modules/{release} -name '*.ko*'; not there: previous kernel (section P)",
    )
    keep = (save(Place.LIVE, LIST, "initramfs-modules"),) if tools.generator != "dracut" else ()
    steps = (
        *keep,
        add,
        build_initramfs(state, Place.LIVE, release, exists=True),
        check_initramfs(state, Place.LIVE, release),
        look,
    )
    return both(ID, TITLE, steps)


def _for_dracut(drivers: tuple[str, ...]) -> Step:
    return Step(
        Place.LIVE,
        "Name the drivers that the way to the root file system needs: " + ", ".join(drivers),
        commands(f"F={DRACUT_FILE}", f"echo 'add_drivers+=\" {' '.join(drivers)} \"' >$F", "cat $F"),
        expect="one line with the names, blanks inside the quotes",
        on_fail="CALL",
        undo=(f"rm {DRACUT_FILE}",),
        writes=True,
    )


def missing_drivers(state: BootState, release: str) -> tuple[str, ...]:
    """Drivers that the root needs and this kernel's initramfs has not; all of them when the image cannot be listed."""
    wanted = root_drivers(state)
    for kernel in kernels_of(state):
        if kernel.release != release or kernel.preserved:
            continue
        there: frozenset[str] = frozenset()
        if not isinstance(kernel.initramfs, (Absent, Unknown)) and isinstance(kernel.initramfs.modules, frozenset):
            there |= kernel.initramfs.modules
        if not isinstance(kernel.modules, (Absent, Unknown)) and isinstance(kernel.modules.builtin, frozenset):
            there |= kernel.modules.builtin
        return tuple(name for name in wanted if name.replace("-", "_") not in there)
    return wanted


def modules_of_the_way(state: BootState, release: str) -> tuple[str, ...]:
    """Drivers that the root needs and that are modules of this kernel, not built into it."""
    for kernel in kernels_of(state):
        tree = kernel.modules
        if kernel.release == release and not kernel.preserved and not isinstance(tree, (Absent, Unknown)):
            if not isinstance(tree.builtin, frozenset):
                return ()
            built_in = tree.builtin
            return tuple(name for name in root_drivers(state) if name.replace("-", "_") not in built_in)
    return ()


def root_drivers(state: BootState) -> tuple[str, ...]:
    """Drivers of the way from the root file system to the bus, those that can be typed; none when they could not be read."""
    if isinstance(state.root_drivers, (Absent, Unknown)):
        return ()
    return tuple(name for name in state.root_drivers if re.fullmatch(r"[A-Za-z0-9_-]+", name))
