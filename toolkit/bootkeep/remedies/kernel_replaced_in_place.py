"""B03: a kernel of the same release was overwritten by an upgrade. Have a fallback before booting it."""

from __future__ import annotations

import re

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.typed import plain, shell_word
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.remedies.common import (
    NO_UNDO,
    both,
    build_initramfs,
    check_initramfs,
    commands,
    covered,
    kernels_of,
    not_covered,
    package_of,
    rebuild_menu,
    release_of,
)
from bootkeep.remedies.toolset import EVERY, Toolset, tools_of

ID = "kernel-replaced-in-place"
TITLE = "Keep a way back beside the replaced kernel"


def kernel_replaced_in_place(state: BootState, subject: str = "") -> Remedy:
    """The old build as a fallback: the preserved copy when there is one, else the old package version."""
    if not covered(state, EVERY):
        return not_covered(ID, TITLE, state, EVERY)
    release = release_of(state, subject)
    if not release:
        return both(ID, TITLE, (Step(Place.LIVE, "The kernel's release could not be read. CALL.", on_fail="CALL"),))
    steps: list[Step] = list(_preserved(state, release))
    if not steps:
        steps.extend(_older_package(state, release))
    steps += [
        build_initramfs(state, Place.LIVE, release, exists=True),
        check_initramfs(state, Place.LIVE, release),
        *rebuild_menu(state, Place.LIVE),
    ]
    return both(ID, TITLE, steps)


def _preserved(state: BootState, release: str) -> tuple[Step, ...]:
    kept = [kernel for kernel in kernels_of(state) if kernel.preserved and kernel.release == release]
    if not kept:
        return ()
    return (
        Step(
            Place.LIVE,
            "The build that last booted is preserved here. Check its files; the menu has an entry for it (section P).",
            commands(f"ls -l {shell_word(kept[0].image.path.rpartition('/')[0])}/"),
            expect="vmlinuz, initrd.img and kernel.json, none of size 0",
            on_fail="CALL before you reboot",
        ),
    )


def _older_package(state: BootState, release: str) -> tuple[Step, ...]:
    name, version = package_of(state, release)
    tools = tools_of(state)
    good = state.last_good
    older = "" if isinstance(good, (Absent, Unknown)) or good.release != release else good.package_version
    if (
        tools.family == "debian"
        and not older
        and release == state.running_release
        and isinstance(state.running_version, str)
    ):
        # Debian's /proc/version ends in the package version: "... #1 SMP PREEMPT_DYNAMIC Debian 6.1.148-1 (2025-08-26)".
        # The compiler's own version stands before it: "(gcc-12 (Debian 12.2.0-14) 12.2.0, ...)".
        named = re.findall(r"#\S*.*\bDebian ([0-9][A-Za-z0-9.+~:-]*)", state.running_version)
        older = named[-1] if named else ""
    look = Step(
        Place.LIVE,
        "See which versions of the package can be had. The one that last booted: "
        + (plain(older) or "not recorded")
        + ".",
        commands(*_versions(tools, name)),
        expect="at least one version older than " + (plain(version) or "the installed one"),
        on_fail="None: get a second kernel by the card fallback-kernel-missing",
        may_fail=True,
    )
    if not older or older == version:
        return (look,)
    wanted = tools.package(name, older)
    install = Step(
        Place.LIVE,
        "Go back to the version that last booted. Only when the new one does not boot, or cannot be tried out.",
        commands(_go_back(tools, wanted)),
        expect=f"Setting up {name} ({plain(older)})"
        if tools.family == "debian"
        else f"{name} {plain(older)}, and Complete!",
        on_fail=f"Not in the archive: {tools.kernel_from_file} the .{tools.suffix} that the step before listed, else CALL",
        undo=commands(f"{tools.install} {tools.package(name, version)}") if version else (NO_UNDO,),
        writes=True,
        minutes=5,
        by_hand=True,  # going back, or trusting the new build: somebody has to decide
    )
    return (look, install)


def _versions(tools: Toolset, name: str) -> tuple[str, ...]:
    """What can be had, from the network and from the packages in hand."""
    if tools.family == "debian":
        return (f"apt-cache madison {shell_word(name)}", f"ls /var/cache/apt/archives/{shell_word(name)}_*.deb")
    ask = f"dnf --showduplicates list {name}" if tools.family == "redhat" else f"zypper search -s {name}"
    return (ask, f"find {tools.packages} -name '{name}-*.rpm'")


def _go_back(tools: Toolset, wanted: str) -> str:
    return {
        "debian": f"apt-get install --allow-downgrades {wanted}",
        "redhat": f"dnf install {wanted}",
        "suse": f"zypper install --oldpackage {wanted}",
    }[tools.family]
