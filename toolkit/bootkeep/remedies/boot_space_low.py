"""B16: no room for one more initramfs. Remove an old kernel by the package manager, never by hand."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.kernel import Kernel
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.typed import shell_word
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.remedies.common import SAVED, bootable, both, commands, covered, kernels_of, not_covered, package_of
from bootkeep.remedies.toolset import EVERY, Toolset, tools_of

ID = "boot-space-low"
TITLE = "Make room on /boot"


def boot_space_low(state: BootState, subject: str = "") -> Remedy:
    """Room, with {running, default, last-good, newest} left alone."""
    if not covered(state, EVERY):
        return not_covered(ID, TITLE, state, EVERY)
    tools = tools_of(state)
    leftovers = "*.dpkg-*" if tools.family == "debian" else "*.rpm*"
    stem = tools.initramfs("").rpartition("/")[2].partition("-")[0]
    steps = [
        Step(
            Place.LIVE,
            "See how full it is, and with what.",
            commands("df -h / /boot", "df -i /boot", "ls -lS /boot"),
            expect=f"the largest files first: one vmlinuz and one {stem} a kernel",
            on_fail="CALL",
        ),
        Step(
            Place.LIVE,
            "Move leftovers away that no boot entry uses.",
            commands(
                f"install -d -m 0700 {SAVED}",
                f"find /boot -maxdepth 1 -type f '(' -name '{leftovers}' -o -name '*.new' -o -name '*.old-dkms' ')' "
                f"-exec mv -v -t {SAVED} '{{}}' +",
            ),
            expect="renamed ... lines, or nothing",
            on_fail="No room on /var either: go on",
            undo=(f"# mv each file listed back: {SAVED} -> /boot",),
            writes=True,
        ),
    ]
    old = removable(state)
    if not old:
        steps.append(
            Step(
                Place.LIVE,
                "Every kernel here is in use, the default, last-good or the newest: none may be removed. CALL.",
                on_fail="CALL",
            )
        )
    for kernel in old[:2]:
        name, version = package_of(state, kernel.release)
        steps.append(
            Step(
                Place.LIVE,
                f"Remove {kernel.release}: not running, not the default, not last-good, not the newest. Look, then do it.",
                commands(*_remove(tools, name, version), "df -h /boot"),
                expect=f"the first command lists {name} and no other kernel's image; then more room",
                on_fail="It wants to remove another kernel too: stop, CALL",
                undo=commands(f"{tools.install} {tools.package(name, version)}"),
                writes=True,
                minutes=3,
            )
        )
    return both(ID, TITLE, steps)


def _remove(tools: Toolset, name: str, version: str) -> tuple[str, ...]:
    """A look at what would go, then the removal. Of an rpm kernel the version is named: the name alone means all of them."""
    if tools.family == "debian":
        return (f"apt-get -s purge {shell_word(name)}", f"apt-get purge {shell_word(name)}")
    exact = shell_word(f"{name}-{version.rpartition(':')[2]}" if version else name)
    return (f"rpm -e --test {exact}", f"{tools.remove} {tools.package(name, version.rpartition(':')[2])}")


def removable(state: BootState) -> tuple[Kernel, ...]:
    """Kernels that may go, oldest first; none when it is not known which ones are needed."""
    kernels = [kernel for kernel in kernels_of(state) if not kernel.preserved]
    needed: set[str] = set()
    for wanted in (state.running_release, state.newest_release):
        if not isinstance(wanted, str):
            return ()
        needed.add(wanted)
    if not isinstance(state.last_good, (Absent, Unknown)):
        needed.add(state.last_good.release)
    chosen = state.default_entry
    if isinstance(chosen, Unknown):
        return ()
    if not isinstance(chosen, Absent) and not isinstance(chosen.entry, (Absent, Unknown)):
        needed |= {kernel.release for kernel in kernels if kernel.image.path == chosen.entry.kernel_path}
    spare = [kernel for kernel in kernels if kernel.release not in needed]
    others = [kernel for kernel in kernels if kernel.release in needed and bootable(kernel)]
    if len(others) < 2:  # two that boot must stay: hold the newest spare one that does
        keep = next((kernel for kernel in spare if bootable(kernel)), None)
        spare = [kernel for kernel in spare if kernel is not keep]
    return tuple(reversed(spare))
