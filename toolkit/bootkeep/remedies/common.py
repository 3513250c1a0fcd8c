"""What remedies share: which kernel is meant, where copies go, and the steps that occur in many of them.

Every command names its kernel release. In a chroot ``uname -r`` is the rescue medium's, and a tool that is not told
otherwise builds for that one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from bootkeep.facts.boot_entry import BootEntry
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.kernel import Kernel
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.typed import sed_pattern, shell_word, valid_path, valid_release, wrap_command
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.remedies.toolset import DEBIAN_ONLY, Toolset, covered, family_of, tools_of

__all__ = ["covered", "family_of", "tools_of"]

#: Where the originals of changed files go. On the root file system: /boot may be the one that is full.
SAVED = "/var/lib/bootkeep/rescue"

#: Boot Loader Specification entries: the menu of EL and Fedora.
ENTRIES = "/boot/loader/entries"

NO_UNDO = "# The package manager's scripts cannot be taken back. Write it down."


def commands(*lines: str) -> tuple[str, ...]:
    """Command lines, wrapped for paper."""
    return tuple(part for line in lines for part in wrap_command(line))


def kernels_of(state: BootState) -> tuple[Kernel, ...]:
    """Kernels whose release can be typed, newest first, preserved ones last."""
    kernels = state.kernels if isinstance(state.kernels, tuple) else ()
    return tuple(kernel for kernel in kernels if valid_release(kernel.release) and valid_path(kernel.image.path))


def has_initramfs(kernel: Kernel) -> bool:
    """Whether there is an initramfs that can be read to its end."""
    image = kernel.initramfs
    return not isinstance(image, (Absent, Unknown)) and not image.listing_error and image.file.size_bytes > 0


def bootable(kernel: Kernel) -> bool:
    """Whether image, initramfs and modules are all there."""
    tree = kernel.modules
    whole = not isinstance(tree, (Absent, Unknown)) and tree.has_modules_dep
    return kernel.image.size_bytes > 0 and has_initramfs(kernel) and whole


def release_of(state: BootState, subject: str) -> str:
    """The kernel release that a finding is about: named by it, or the newest, or the running one. Empty: not known."""
    installed = [kernel.release for kernel in kernels_of(state)]
    if subject in installed:
        return subject
    inside = [release for release in installed if release in subject]  # the subject may be a path
    newest = [state.newest_release] if isinstance(state.newest_release, str) else []
    running = [state.running_release] if isinstance(state.running_release, str) else []
    stem = re.sub(r"^(?:initrd\.img|vmlinuz|initramfs)-", "", subject.rpartition("/")[2])
    named = [stem] if re.match(r"\d+\.\d+", stem) else []
    candidates = [*sorted(inside, key=len, reverse=True), *named, *newest, *installed, *running]
    return next((release for release in candidates if valid_release(release)), "")


def package_of(state: BootState, release: str) -> tuple[str, str]:
    """Name and version of the package that owns a kernel; the family's usual name and no version where that is not known."""
    for kernel in kernels_of(state):
        if kernel.release == release and not kernel.preserved and not isinstance(kernel.package, (Absent, Unknown)):
            return kernel.package.name, kernel.package.version
    usual = {"redhat": f"kernel-core-{release}", "suse": f"kernel-{release.rpartition('-')[2]}"}
    return usual.get(family_of(state), f"linux-image-{release}"), ""


def wanted_package(state: BootState, release: str) -> str:
    """The package that owns a kernel in the version that it has, as the family's front end names it."""
    return tools_of(state).package(*package_of(state, release))


def flavour_of(release: str) -> str:
    """The part of a release after version and ABI: ``cloud-amd64`` of ``6.1.0-56-cloud-amd64``; empty when there is none."""
    match = re.match(r"[0-9][0-9.]*(?:[+~][A-Za-z0-9.+~]+)?-(?:[0-9][A-Za-z0-9.]*-)?(?P<flavour>[a-z].*)$", release)
    return match["flavour"] if match else ""


def good_entry(state: BootState) -> BootEntry | None:
    """The entry to make the default: last-good first, then the running kernel, then any other that is whole."""
    grub = state.grub
    if isinstance(grub, (Absent, Unknown)):
        return None
    whole = {kernel.image.path for kernel in kernels_of(state) if bootable(kernel)}
    usable = [
        entry
        for entry in grub.entries
        if entry.kernel_path in whole and entry.initramfs_paths and "recovery" not in f"{entry.id} {entry.arguments}"
    ]
    wanted = []
    if not isinstance(state.last_good, (Absent, Unknown)):
        wanted.append(state.last_good.release)
    if isinstance(state.running_release, str):
        wanted.append(state.running_release)
    for release in wanted:
        for entry in usable:
            # The submenu's entry names its kernel; the first entry of the menu ("simple") follows whatever is newest.
            if release in entry.kernel_path and "-simple-" not in entry.id:
                return entry
    return next(iter(usable), None)


def save(place: Place, path: str, name: str) -> Step:
    """Keep the original of a file before it is changed; an original that is already there is the better one.

    What a link leads to, not the link: EL 8 with UEFI has its menu and grubenv behind relative ones (grub2.spec). ``cp``
    writes through a link when the copy goes back.
    """
    kept = f"{SAVED}/{name}"
    return Step(
        place,
        f"Keep a copy of {path}. If there is one already it stays: it is the original.",
        commands(f"install -d -m 0700 {SAVED}", f"test -e {kept} || cp -aL {shell_word(path)} {kept}", f"ls -l {kept}"),
        expect=f"one line that ends in {kept}",
        on_fail="Free some room on /var first: df -h /var",
        undo=(f"rm {kept}",),
        writes=True,
    )


#: The settings that GRUB's menu is made from, with their original places below :data:`SAVED`.
_SETTINGS = "/etc/default/grub*"


def save_grub_settings(place: Place) -> Step:
    """Keep /etc/default/grub and the directory of settings beside it, which not every host has."""
    return Step(
        place,
        "Keep a copy of GRUB's settings. If there is one already it stays: it is the original.",
        commands(
            f"install -d -m 0700 {SAVED}",
            f"test -e {SAVED}/etc/default/grub || cp -a --parents -t {SAVED} {_SETTINGS}",
            f"ls -d {SAVED}/etc/default/grub",
        ),
        expect=f"one line that ends in {SAVED}/etc/default/grub",
        on_fail="Free some room on /var first: df -h /var",
        undo=(f"rm -r {SAVED}/etc",),
        writes=True,
    )


def put_back_grub_settings(*made: str) -> tuple[str, ...]:
    """The commands that bring the saved settings back, and remove the files that were ``made``."""
    return commands(*(f"rm -f {shell_word(path)}" for path in made), f"cp -a {SAVED}/etc/default/grub* /etc/default/")


def without_words(words: Iterable[str]) -> tuple[str, ...]:
    """Lines that take words off the kernel's command line, in all of GRUB's settings."""
    lines = []
    for word in words:
        gone = shell_word(f"/^GRUB_CMDLINE/s|[ ]*{sed_pattern(word)}||g")
        lines += ["L=$(ls -d /etc/default/grub /etc/default/grub.d/*.cfg || :)", f"sed -i {gone} $L"]
    return commands(*lines)


def put_back(path: str, name: str) -> tuple[str, ...]:
    """The command that takes a change to a saved file back."""
    return commands(f"cp -a {SAVED}/{name} {shell_word(path)}")


def build_initramfs(state: BootState, place: Place, release: str, *, exists: bool) -> Step:
    """Build one kernel's initramfs anew, its release named.

    Debian: ``-c`` also where there is one: ``-u`` does nothing on a host whose update-initramfs.conf says
    ``update_initramfs=no``. dracut: without ``--no-hostonly`` it would build for the rescue medium's hardware.
    """
    tools = tools_of(state)
    image, named = tools.initramfs(release), tools.initramfs("$K")
    kept = f"{SAVED}/{image.rpartition('/')[2]}"
    name = named.rpartition("/")[2]
    return Step(
        place,
        f"Build the initramfs of {release} again. Takes up to 2 minutes.",
        commands(
            f"K={release}",
            f"install -d -m 0700 {SAVED}",
            # A second try must not take the first one's image for the original.
            f"test ! -e {named} || test -e {SAVED}/{name} || cp -a {named} {SAVED}/",
            "depmod -a $K",
            *tools.build,
        ),
        expect=tools.built.format(image=image),
        on_fail="boot-space-low",
        undo=_image_back(release, tools, kept, image) if exists else (f"rm {image}",),
        writes=True,
        minutes=3,
    )


def _image_back(release: str, tools: Toolset, kept: str, image: str) -> tuple[str, ...]:
    """EL's releases are too long to be typed twice in a line."""
    if tools.family == "debian":
        return commands(f"cp -a {kept} {image}")
    named = tools.initramfs("$K")
    return commands(f"K={release}", f"cp -a {SAVED}/{named.rpartition('/')[2]} {named}")


def check_initramfs(state: BootState, place: Place, release: str) -> Step:
    """Read one initramfs to its end."""
    tools = tools_of(state)
    image = tools.initramfs("$K")
    return Step(
        place,
        "Read the new initramfs to its end.",
        commands(
            f"K={release}",
            f"{tools.list_image} {image} | grep -c .",
            f"{tools.list_image} {image} | grep -E '{tools.image_init}'",
        ),
        expect="a number above 100, then a line 'init', and no error",
        on_fail="Build it again with more room on /boot; still bad: CALL",
    )


def rebuild_menu(state: BootState, place: Place, *, mention: str = "") -> tuple[Step, ...]:
    """Write grub.cfg again and look at it. Where the entries are files, they are looked at, too."""
    tools = tools_of(state)
    menu = tools.menu
    where = f"{ENTRIES}/*.conf" if has_bls(state) else menu
    count = "grep -l -F" if has_bls(state) else "grep -c -F"
    look = [f"{count} {shell_word(mention)} {where}"] if mention else []
    seen = ", then the entry's file" if has_bls(state) else ", then a number above 0"
    return (
        save(place, menu, "grub.cfg"),
        Step(
            place,
            "Write the boot menu again. os-prober stays off: it would add the rescue medium.",
            commands(f"GRUB_DISABLE_OS_PROBER=true {tools.write_menu}"),
            expect=tools.menu_written,
            on_fail="Read the line with 'error'; put the copy back; then CALL",
            undo=put_back(menu, "grub.cfg"),
            writes=True,
        ),
        Step(
            place,
            "Check the boot menu.",
            commands(f"{tools.grub}-script-check {menu} && echo MENU IS GOOD", *look),
            expect="MENU IS GOOD" + (seen if mention else ""),
            on_fail="Put the copy back (undo of the step before); then CALL"
            + (". No file for it: card loader-entry-missing" if mention and has_bls(state) else ""),
        ),
    )


def has_bls(state: BootState) -> bool:
    """Whether the menu's entries are files: as grub.cfg says, or as the family does where it could not be read."""
    if isinstance(state.grub, (Absent, Unknown)):
        return tools_of(state).bls
    return not isinstance(state.grub.bls, (Absent, Unknown))


def refresh_lists(state: BootState, place: Place) -> Step:
    """Refresh the lists of packages. Needs the network."""
    tools = tools_of(state)
    return Step(
        place,
        "Fetch the lists of packages. Needs the network; without it go by the packages in hand (next step).",
        (tools.refresh,),
        expect=tools.refreshed,
        on_fail=f"No network: use the .{tools.suffix} files below {tools.packages}",
        writes=False,
        may_fail=True,
    )


def in_place(place: Place, steps: Iterable[Step]) -> tuple[Step, ...]:
    """The same steps, typed somewhere else."""
    return tuple(replace(step, place=place) for step in steps)


def both(remedy_id: str, title: str, steps: Iterable[Step]) -> Remedy:
    """A remedy whose steps are the same on the running host and in the chroot."""
    listed = tuple(steps)
    return Remedy(remedy_id, title, in_place(Place.LIVE, listed), in_place(Place.TARGET, listed))


_FAMILY_WORDS = {"debian": "Debian and Ubuntu", "redhat": "EL and Fedora", "suse": "SUSE"}


def not_covered(remedy_id: str, title: str, state: BootState, families: tuple[str, ...] = DEBIAN_ONLY) -> Remedy:
    """The remedy of a distribution that this version has no commands for: it says so, and guesses nothing."""
    family = family_of(state)
    told = "this host's os-release could not be read" if family == "unknown" else f"the family of this host is {family}"
    words = ", ".join(_FAMILY_WORDS[each] for each in families)
    say = f"NOT COVERED: this version has commands for {words} only, and {told}. CALL before you change anything."
    return Remedy(
        remedy_id, title, (Step(Place.LIVE, say, on_fail="CALL"),), (Step(Place.TARGET, say, on_fail="CALL"),)
    )
