"""The words of each distribution family: how its menu is written, an initramfs is built, a package is put back.

Sources: Debian: update-grub(8), update-initramfs(8). EL 8 to 10: grub2-mkconfig(8), grubby(8), dracut(8), kernel-install(8),
dnf(8). SUSE 15: grub2-mkconfig(8), dracut(8), zypper(8), update-bootloader(8). What builds for a kernel names its release.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.kernel import Initramfs
from bootkeep.facts.machine import OsRelease
from bootkeep.facts.typed import shell_word
from bootkeep.facts.unknown import Absent, Unknown


@dataclass(frozen=True, slots=True)
class Toolset:
    """One family's tools. ``K`` is a shell variable in its commands, set by the step."""

    family: str
    grub: str  # how the names of GRUB's tools begin: ``grub`` or ``grub2``
    menu: str  # grub.cfg
    environment: str  # grubenv
    write_menu: str
    menu_written: str  # what is seen when it worked
    bls: bool  # the menu's entries are files, /boot/loader/entries
    initramfs: Callable[[str], str]  # release -> path
    generator: str  # what builds an initramfs: ``initramfs-tools`` or ``dracut``
    build: tuple[str, ...]  # builds the initramfs of $K
    built: str  # what is seen when it worked
    list_image: str
    image_init: str  # extended regular expression: the line of /init in that listing
    shown: str  # ``dpkg -l``: shows whether a package is there
    is_shown: str
    refresh: str
    refreshed: str
    install: str
    reinstall: str
    remove: str
    from_file: str  # installs a package's file without a network, over the version that is there
    kernel_from_file: str  # the same for a kernel: beside those that are there, never over one
    audit: str  # says what is unfinished; nothing when all is well
    packages: str  # folder of the packages in hand
    suffix: str
    joint: str  # between name and version in the name of a package's file

    def package(self, name: str, version: str) -> str:
        """A package in one version, as this family's front end names it; quoted for a shell."""
        if not version:
            return shell_word(name)
        return shell_word(f"{name}-{version}" if self.family == "redhat" else f"{name}={version}")


DEBIAN = Toolset(
    family="debian",
    grub="grub",
    menu="/boot/grub/grub.cfg",
    environment="/boot/grub/grubenv",
    write_menu="update-grub",
    menu_written="a 'Found linux image' line for every kernel, and at the end: done",
    bls=False,
    initramfs=lambda release: f"/boot/initrd.img-{release}",
    generator="initramfs-tools",
    build=("update-initramfs -c -k $K",),
    built="update-initramfs: Generating {image}, and no line with 'error' or 'No space left'",
    list_image="lsinitramfs",
    image_init="(^|/)init$",
    shown="dpkg -l",
    is_shown="a line that begins with ii",
    refresh="apt-get update",
    refreshed="Reading package lists... Done",
    install="apt-get install",
    reinstall="apt-get install --reinstall",
    remove="apt-get purge",
    from_file="dpkg -i",
    kernel_from_file="dpkg -i",
    audit="dpkg --audit",
    packages="/var/cache/apt/archives",
    suffix="deb",
    joint="_",
)

#: dracut writes straight over the old image, so room and a copy come first; ``--no-hostonly``: in a chroot it would describe
#: the rescue medium's machine, and on the host a few more drivers harm nobody.
_DRACUT = "dracut -f --no-hostonly --kver $K {path}"
_DRACUT_BUILT = "no line with 'FAILED', 'ERROR' or 'No space left' (dracut ends without an error even so)"
_DRACUT_INIT = "[ /]init( |$)"

#: Debian's package dracut conflicts with initramfs-tools, and brings neither update-initramfs nor lsinitramfs (059-4).
DEBIAN_DRACUT = replace(
    DEBIAN,
    generator="dracut",
    build=(_DRACUT.format(path="/boot/initrd.img-$K"),),
    built=_DRACUT_BUILT,
    list_image="lsinitrd",
    image_init=_DRACUT_INIT,
)


def _rpm(family: str, **words: str) -> Toolset:
    menu = words.pop("menu", "/boot/grub2/grub.cfg")
    name = {"redhat": "initramfs-{}.img", "suse": "initrd-{}"}[family]
    return Toolset(
        family=family,
        grub="grub2",
        menu=menu,
        environment="/boot/grub2/grubenv",
        write_menu=f"grub2-mkconfig -o {menu}",
        menu_written="at the end: done",
        bls=family == "redhat",
        initramfs=lambda release: f"/boot/{name.format(release)}",
        generator="dracut",
        build=(_DRACUT.format(path=f"/boot/{name.format('$K')}"),),
        built=_DRACUT_BUILT,
        list_image="lsinitrd",
        image_init=_DRACUT_INIT,
        shown="rpm -q",
        is_shown="its name with a version, not 'is not installed'",
        from_file="rpm -Uvh --oldpackage --replacepkgs",
        kernel_from_file="rpm -ivh --oldpackage --replacepkgs",
        audit="rpm -Va --nofiles --nodigest --nosignature",
        suffix="rpm",
        joint="-",
        **words,
    )


REDHAT = _rpm(
    "redhat",
    refresh="dnf makecache",
    refreshed="Metadata cache created.",
    install="dnf install",
    reinstall="dnf reinstall",
    remove="dnf remove",
    packages="/var/cache/dnf",
)
#: EL 8 on UEFI: the menu itself lies on the ESP, and this link leads there.
REDHAT_8_UEFI = _rpm(
    "redhat",
    menu="/etc/grub2-efi.cfg",
    refresh="dnf makecache",
    refreshed="Metadata cache created.",
    install="dnf install",
    reinstall="dnf reinstall",
    remove="dnf remove",
    packages="/var/cache/dnf",
)
SUSE = _rpm(
    "suse",
    refresh="zypper refresh",
    refreshed="All repositories have been refreshed.",
    install="zypper install --oldpackage",
    reinstall="zypper install --force",
    remove="zypper remove",
    packages="/var/cache/zypp/packages",
)


def family_of(state: BootState) -> str:
    """The distribution family; ``unknown`` when os-release could not be read."""
    return state.os_release.family if isinstance(state.os_release, OsRelease) else "unknown"


def tools_of(state: BootState) -> Toolset:
    """The words for this host; Debian's for a family that has none (ask :func:`covered` first)."""
    family = family_of(state)
    if family == "suse":
        return SUSE
    if family == "redhat":
        on_esp = not isinstance(state.grub, (Absent, Unknown)) and state.grub.path == REDHAT_8_UEFI.menu
        return REDHAT_8_UEFI if on_esp else REDHAT
    return DEBIAN_DRACUT if _made_by_dracut(state) else DEBIAN


def _made_by_dracut(state: BootState) -> bool:
    """Whether Debian's images are dracut's: by the packages, and where those could not be read by the newest image itself."""
    if isinstance(state.packages, tuple):
        there = {package.name for package in state.packages if package.state == "installed"}
        return "dracut" in there and "initramfs-tools" not in there
    kernels = state.kernels if isinstance(state.kernels, tuple) else ()
    made = [image.generator for kernel in kernels if isinstance(image := kernel.initramfs, Initramfs)]
    return made[:1] == ["dracut"]


def major_of(state: BootState) -> int:
    """The distribution's major version; 0 when it says none."""
    version = state.os_release.version_id if isinstance(state.os_release, OsRelease) else ""
    head = version.partition(".")[0]
    return int(head) if head.isascii() and head.isdigit() and len(head) < 6 else 0


#: Families that a remedy has words for. Most were written for Debian first; one that knows the others says so.
DEBIAN_ONLY = ("debian",)
RPM = ("redhat", "suse")
EVERY = ("debian", "redhat", "suse")


def covered(state: BootState, families: tuple[str, ...] = DEBIAN_ONLY) -> bool:
    """Whether there are commands for the host's distribution."""
    return family_of(state) in families
