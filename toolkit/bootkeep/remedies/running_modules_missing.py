"""B02: the running kernel's modules are gone. Put them back before anything needs to load one."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.typed import assign
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.remedies.common import (
    NO_UNDO,
    build_initramfs,
    check_initramfs,
    commands,
    covered,
    has_initramfs,
    in_place,
    kernels_of,
    not_covered,
    package_of,
    release_of,
    wanted_package,
)
from bootkeep.remedies.toolset import EVERY, tools_of

ID = "running-modules-missing"
TITLE = "Put the modules of the running kernel back"


def running_modules_missing(state: BootState, subject: str = "") -> Remedy:
    """Modules of the running release again: from the preserved copy when there is one, else from the package."""
    if not covered(state, EVERY):
        return not_covered(ID, TITLE, state, EVERY)
    running = state.running_release if isinstance(state.running_release, str) else ""
    release = release_of(state, subject or running)
    if not release:
        say = "The release of the running kernel could not be read. Read it with: uname -r. Then CALL."
        return Remedy(ID, TITLE, (Step(Place.LIVE, say, on_fail="CALL"),), (Step(Place.TARGET, say, on_fail="CALL"),))
    tools, name = tools_of(state), package_of(state, release)[0]
    wanted = wanted_package(state, release)
    install = Step(
        Place.LIVE,
        "Install the package again in the same version, so that its modules come back. Until then: no restart.",
        commands(f"K={release}", f"{tools.reinstall} {wanted}", "depmod -a $K", "ls -l /lib/modules/$K/modules.dep"),
        expect="one line that ends in modules.dep, its size not 0",
        on_fail=f"Not in the archive any more: look for {name}{tools.joint}*.{tools.suffix} below {tools.packages}, else CALL",
        undo=(NO_UNDO,),
        writes=True,
        minutes=5,
    )
    live = (*_from_preserved(state, release), install, _loads(release))
    image = any(kernel.release == release and has_initramfs(kernel) for kernel in kernels_of(state))
    rescue = (
        install,
        build_initramfs(state, Place.TARGET, release, exists=image),
        check_initramfs(state, Place.TARGET, release),
    )
    return Remedy(ID, TITLE, live, in_place(Place.TARGET, rescue))


def _from_preserved(state: BootState, release: str) -> tuple[Step, ...]:
    for kernel in kernels_of(state):
        tree = kernel.modules
        if kernel.preserved and kernel.release == release and not isinstance(tree, (Absent, Unknown)):
            target = f"/lib/modules/{release}"
            return (
                Step(
                    Place.LIVE,
                    "A preserved copy of these modules is on this host. Lay it over the directory until the next boot.",
                    (
                        *assign("P", tree.path),
                        *assign("T", target),
                        'install -d "$T"',
                        'mount --bind "$P" "$T"',
                    ),
                    expect="nothing: it worked",
                    on_fail="Go on with the next step",
                    undo=commands(f"umount {target}"),
                    writes=True,
                    may_fail=True,
                ),
            )
    return ()


def _loads(release: str) -> Step:
    return Step(
        Place.LIVE,
        "Check that modules of this release can be found.",
        commands(f"modprobe -n -S {release} loop && echo MODULES ARE BACK"),
        expect="MODULES ARE BACK",
        on_fail="CALL before you reboot",
    )
