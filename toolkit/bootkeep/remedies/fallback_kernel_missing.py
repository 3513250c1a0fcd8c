"""B01: fewer than two kernels can boot. Make a second one: repair what is half there, preserve, or install one more."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.typed import shell_word
from bootkeep.remedies.common import (
    NO_UNDO,
    bootable,
    build_initramfs,
    check_initramfs,
    commands,
    covered,
    flavour_of,
    has_initramfs,
    in_place,
    kernels_of,
    not_covered,
    package_of,
    rebuild_menu,
    refresh_lists,
    release_of,
)
from bootkeep.remedies.toolset import EVERY, tools_of

ID = "fallback-kernel-missing"
TITLE = "Get a second kernel that can boot"


def fallback_kernel_missing(state: BootState, subject: str = "") -> Remedy:
    """Two bootable kernels again; never by touching the only good one."""
    if not covered(state, EVERY):
        return not_covered(ID, TITLE, state, EVERY)
    broken = [kernel for kernel in kernels_of(state) if not bootable(kernel) and not kernel.preserved][:2]
    repair = tuple(
        step
        for kernel in broken
        for step in (
            build_initramfs(state, Place.LIVE, kernel.release, exists=has_initramfs(kernel)),
            check_initramfs(state, Place.LIVE, kernel.release),
        )
    )
    keep = Step(
        Place.LIVE,
        "Keep the last-good kernel's files alive beside the packages' own, with a menu entry of their own.",
        ("bootkeep preserve",),
        expect="a line that names the preserved kernel",
        on_fail="Go on with the next step",
        undo=("# bootkeep removes it itself once a newer kernel is proven.",),
        writes=True,
        may_fail=True,
    )
    # A kernel whose initramfs was missing when the menu was written has an entry that does not load it.
    menu = rebuild_menu(state, Place.LIVE) if repair else ()
    live = (
        *repair,
        *menu,
        keep,
        refresh_lists(state, Place.LIVE),
        *_install(state, Place.LIVE, release_of(state, subject)),
    )
    rescue = (*in_place(Place.TARGET, repair), _in_hand(state), *rebuild_menu(state, Place.TARGET))
    return Remedy(ID, TITLE, (*live, *rebuild_menu(state, Place.LIVE)), rescue)


def _install(state: BootState, place: Place, release: str) -> tuple[Step, ...]:
    if tools_of(state).family != "debian":
        return (_install_by_rpm(state, place, release),)
    flavour = flavour_of(release)
    pattern = f"^linux-image-[0-9].*-{flavour}$" if flavour else "^linux-image-[0-9]"
    return (
        Step(
            place,
            "Install one more kernel beside those that are there. The first command lists the releases to choose from.",
            commands(
                f"apt-cache search --names-only {shell_word(pattern)}",
                "read -r -p 'Release without linux-image-: ' K",
                "apt-get install --no-upgrade linux-image-$K",
                "ls -l /boot/vmlinuz-$K /boot/initrd.img-$K",
            ),
            expect="two files, neither of size 0, of a release that was not there before",
            on_fail="Card boot-space-low when /boot is full; else CALL",
            undo=("apt-get purge linux-image-$K",),
            writes=True,
            minutes=5,
        ),
    )


def _install_by_rpm(state: BootState, place: Place, release: str) -> Step:
    """Beside what is there: dnf does so for what provides installonlypkg(kernel), zypper where multiversion is set."""
    tools = tools_of(state)
    name = package_of(state, release)[0]
    listing = f"dnf --showduplicates list {name}" if tools.family == "redhat" else f"zypper search -s {name}"
    more = " kernel-modules-$V" if tools.family == "redhat" and name == "kernel-core" else ""
    version = "$V" if tools.family == "redhat" else '"=$V"'
    joined = f"{name}-{version}{more}" if tools.family == "redhat" else f"{name}{version}"
    return Step(
        place,
        "Install one more kernel beside those that are there. The first command lists the versions to choose from. It must say "
        "'Installing', never 'Upgrading': that would replace the one that is here.",
        commands(listing, "read -r -p 'Version, with its release: ' V", f"{tools.install} {joined}", "ls -l /boot"),
        expect="a kernel and an initramfs, neither of size 0, of a release that was not there before",
        on_fail="It says 'Upgrading': answer n, use the packages in hand. /boot is full: card boot-space-low; else CALL",
        undo=commands(f"rpm -e {name}-$V"),
        writes=True,
        minutes=5,
        by_hand=True,  # which version: somebody has to choose
    )


def _in_hand(state: BootState) -> Step:
    tools = tools_of(state)
    if tools.family != "debian":
        return Step(
            Place.TARGET,
            "Without a network: install the kernel packages that are in hand. With -i, never -U: that would replace the kernel "
            "that is here.",
            commands(
                f"find {tools.packages} /var/lib/bootkeep -name 'kernel*.rpm'",
                "read -r -p 'Files to install: ' RPMS",
                f"{tools.kernel_from_file} $RPMS",
            ),
            expect="Updating / installing..., and no 'Cleaning up / removing'",
            on_fail="No file listed: choose a preserved kernel in the menu (section P), or CALL",
            undo=(NO_UNDO,),
            writes=True,
            minutes=5,
            by_hand=True,
        )
    return Step(
        Place.TARGET,
        "Without a network: install a kernel package that is in hand. The first command lists them.",
        commands(
            "ls /var/cache/apt/archives/linux-image-*.deb",
            "read -r -p 'File to install: ' DEB",
            'dpkg -i "$DEB"',
        ),
        expect="Setting up linux-image-..., then update-initramfs: Generating ...",
        on_fail="No file listed: choose a preserved kernel in the menu (section P), or CALL",
        undo=(NO_UNDO,),
        writes=True,
        minutes=5,
    )
