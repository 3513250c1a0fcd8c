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

ID = "package-transaction-unfinished"
TITLE = "Finish the interrupted package transaction"


def package_transaction_unfinished(state: BootState, subject: str = "") -> Remedy:
    """dpkg's own way out, then what its scripts should have made: initramfs and menu."""
    if not covered(state):
        return not_covered(ID, TITLE, state)
    packages = state.packages if isinstance(state.packages, tuple) else ()
    unsettled = [plain(package.name) for package in packages if not package.settled]
    named = f" Left half-done when this was written: {', '.join(unsettled[:8])}." if unsettled else ""
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
    release = release_of(state, "")
    if release:
        exists = any(kernel.release == release and has_initramfs(kernel) for kernel in kernels_of(state))
        steps += [build_initramfs(Place.LIVE, release, exists=exists), check_initramfs(Place.LIVE, release)]
    return both(ID, TITLE, [*steps, *rebuild_menu(Place.LIVE)])
