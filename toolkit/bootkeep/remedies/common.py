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
from bootkeep.facts.machine import OsRelease
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.typed import shell_word, valid_path, valid_release, wrap_command
from bootkeep.facts.unknown import Absent, Unknown

#: Where the originals of changed files go. On the root file system: /boot may be the one that is full.
SAVED = "/var/lib/bootkeep/rescue"

NO_UNDO = "# The package manager's scripts cannot be taken back. Write it down."


def commands(*lines: str) -> tuple[str, ...]:
    """Command lines, wrapped for paper."""
    return tuple(part for line in lines for part in wrap_command(line))


def family_of(state: BootState) -> str:
    """The distribution family; ``unknown`` when os-release could not be read."""
    return state.os_release.family if isinstance(state.os_release, OsRelease) else "unknown"


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
    """Name and version of the package that owns a kernel; Debian's name for it and no version where that is not known."""
    for kernel in kernels_of(state):
        if kernel.release == release and not kernel.preserved and not isinstance(kernel.package, (Absent, Unknown)):
            return kernel.package.name, kernel.package.version
    return f"linux-image-{release}", ""


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
    """Keep the original of a file before it is changed; an original that is already there is the better one."""
    kept = f"{SAVED}/{name}"
    return Step(
        place,
        f"Keep a copy of {path}. If there is one already it stays: it is the original.",
        commands(f"install -d -m 0700 {SAVED}", f"test -e {kept} || cp -a {shell_word(path)} {kept}", f"ls -l {kept}"),
        expect=f"one line that ends in {kept}",
        on_fail="Free some room on /var first: df -h /var",
        undo=(f"rm {kept}",),
        writes=True,
    )


def put_back(path: str, name: str) -> tuple[str, ...]:
    """The command that takes a change to a saved file back."""
    return commands(f"cp -a {SAVED}/{name} {shell_word(path)}")


def build_initramfs(place: Place, release: str, *, exists: bool) -> Step:
    """Build one kernel's initramfs anew, its release named.

    ``-c`` also where there is one: ``-u`` does nothing on a host whose update-initramfs.conf says ``update_initramfs=no``.
    """
    image = f"/boot/initrd.img-{release}"
    kept = f"{SAVED}/initrd.img-{release}"
    return Step(
        place,
        f"Build the initramfs of {release} again. Takes up to 2 minutes.",
        commands(
            f"K={release}",
            f"install -d -m 0700 {SAVED}",
            f"test ! -e /boot/initrd.img-$K || cp -a /boot/initrd.img-$K {SAVED}/",
            "depmod -a $K",
            "update-initramfs -c -k $K",
        ),
        expect=f"update-initramfs: Generating {image}, and no line with 'error' or 'No space left'",
        on_fail="boot-space-low",
        undo=commands(f"cp -a {kept} {image}") if exists else (f"rm {image}",),
        writes=True,
        minutes=3,
    )


def check_initramfs(place: Place, release: str) -> Step:
    """Read one initramfs to its end."""
    return Step(
        place,
        "Read the new initramfs to its end.",
        commands(
            f"K={release}",
            "lsinitramfs /boot/initrd.img-$K | grep -c .",
            "lsinitramfs /boot/initrd.img-$K | grep -E '(^|/)init$'",
        ),
        expect="a number above 100, then a line 'init', and no error",
        on_fail="Build it again with more room on /boot; still bad: CALL",
    )


def rebuild_menu(place: Place, *, mention: str = "") -> tuple[Step, ...]:
    """Write grub.cfg again and look at it."""
    look = [f"grep -c -F {shell_word(mention)} /boot/grub/grub.cfg"] if mention else []
    return (
        save(place, "/boot/grub/grub.cfg", "grub.cfg"),
        Step(
            place,
            "Write the boot menu again. os-prober stays off: it would add the rescue medium.",
            commands("GRUB_DISABLE_OS_PROBER=true update-grub"),
            expect="a 'Found linux image' line for every kernel, and at the end: done",
            on_fail="Read the line with 'error'; put the copy back; then CALL",
            undo=put_back("/boot/grub/grub.cfg", "grub.cfg"),
            writes=True,
        ),
        Step(
            place,
            "Check the boot menu.",
            commands("grub-script-check /boot/grub/grub.cfg && echo MENU IS GOOD", *look),
            expect="MENU IS GOOD" + (", then a number above 0" if mention else ""),
            on_fail="Put the copy back (undo of the step before); then CALL",
        ),
    )


def apt_update(place: Place) -> Step:
    """Refresh the lists of packages. Needs the network."""
    return Step(
        place,
        "Fetch the lists of packages. Needs the network; without it go by the packages in hand (next step).",
        ("apt-get update",),
        expect="Reading package lists... Done",
        on_fail="No network: use the .deb files below /var/cache/apt/archives",
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


def not_covered(remedy_id: str, title: str, state: BootState) -> Remedy:
    """The remedy of a distribution that this version has no commands for: it says so, and guesses nothing."""
    family = family_of(state)
    told = "this host's os-release could not be read" if family == "unknown" else f"the family of this host is {family}"
    say = f"NOT COVERED: this version has commands for Debian and Ubuntu only, and {told}. CALL before you change anything."
    return Remedy(
        remedy_id, title, (Step(Place.LIVE, say, on_fail="CALL"),), (Step(Place.TARGET, say, on_fail="CALL"),)
    )


def covered(state: BootState) -> bool:
    """Whether this version has commands for the host's distribution."""
    return family_of(state) == "debian"
