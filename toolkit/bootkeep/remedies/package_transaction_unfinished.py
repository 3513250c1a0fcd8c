"""B07: the package manager was interrupted. Finish it before the reboot."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.typed import plain
from bootkeep.remedies.common import (
    NO_UNDO,
    both,
    build_initramfs,
    check_initramfs,
    commands,
    covered,
    has_initramfs,
    kernels_of,
    not_covered,
    rebuild_menu,
    release_of,
    save,
)
from bootkeep.remedies.toolset import EVERY, tools_of

ID = "package-transaction-unfinished"
TITLE = "Finish the interrupted package transaction"


def package_transaction_unfinished(state: BootState, subject: str = "") -> Remedy:
    """dpkg's own way out, then what its scripts should have made: initramfs and menu."""
    if not covered(state, EVERY):
        return not_covered(ID, TITLE, state, EVERY)
    packages = state.packages if isinstance(state.packages, tuple) else ()
    unsettled = [plain(package.name) for package in packages if not package.settled]
    named = f" Left half-done when this was written: {', '.join(unsettled[:8])}." if unsettled else ""
    if tools_of(state).family != "debian":
        return both(ID, TITLE, [*_by_rpm(state, named), *_written_again(state)])
    steps = [
        save(Place.LIVE, "/var/lib/dpkg/status", "dpkg-status"),
        Step(
            Place.LIVE,
            f"See what is unfinished.{named}",
            ("dpkg --audit",),
            expect="the packages that are half-done; nothing when all is well",
            on_fail="'unable to access dpkg database': card boot-space-low, then CALL",
            may_fail=True,
        ),
        Step(
            Place.LIVE,
            "Let dpkg finish what it began. Answer N to questions about configuration files: that keeps this host's own.",
            ("dpkg --configure -a --force-confold",),
            expect="Setting up ... lines and no 'error processing'",
            on_fail="Read the first error: 'No space left' is card boot-space-low; else go on",
            undo=(NO_UNDO,),
            writes=True,
            minutes=5,
        ),
        Step(
            Place.LIVE,
            "Look at what apt would do about missing pieces, then let it. Anything to be REMOVED that you need: stop, CALL.",
            commands("apt-get -s -f install", "apt-get -f install"),
            expect="0 to remove and 0 not upgraded, or a list you agree with",
            on_fail="CALL",
            undo=(NO_UNDO,),
            writes=True,
            minutes=5,
        ),
        Step(Place.LIVE, "Check again.", ("dpkg --audit",), expect="nothing", on_fail="CALL"),
    ]
    return both(ID, TITLE, [*steps, *_written_again(state)])


def _written_again(state: BootState) -> list[Step]:
    """What the packages' scripts should have made: the newest kernel's initramfs, and the menu."""
    steps: list[Step] = []
    release = release_of(state, "")
    if release:
        exists = any(kernel.release == release and has_initramfs(kernel) for kernel in kernels_of(state))
        steps += [
            build_initramfs(state, Place.LIVE, release, exists=exists),
            check_initramfs(state, Place.LIVE, release),
        ]
    return [*steps, *rebuild_menu(state, Place.LIVE)]


def _by_rpm(state: BootState, named: str) -> list[Step]:
    """rpm keeps no half-installed packages: a killed upgrade leaves the old one's record beside the new one."""
    tools = tools_of(state)
    finish = {"redhat": ("dnf remove --duplicates", "dnf check"), "suse": ("zypper verify",)}[tools.family]
    return [
        Step(
            Place.LIVE,
            f"See what is unfinished.{named}",
            commands("rpm -qa | sed 's/-[^-]*-[^-]*$//' | sort | uniq -d", tools.audit),
            expect="names that are there twice: kernels and gpg-pubkey are in order; nothing from the second command",
            on_fail="'cannot open Packages database': rpm --rebuilddb, then again; else CALL",
            may_fail=True,
        ),
        Step(
            Place.LIVE,
            "Let the package manager put it right. Look at its list. A kernel to be removed, or what you need: n, CALL.",
            commands(*finish),
            expect="a list you agree with, and no error",
            on_fail="No network: put single packages back with rpm -Uvh --replacepkgs from those in hand (never a kernel)",
            undo=(NO_UNDO,),
            writes=True,
            minutes=5,
            by_hand=True,
        ),
    ]
