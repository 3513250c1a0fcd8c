"""What several rules ask about kernels."""

from __future__ import annotations

import re

from bootkeep.facts.boot_entry import BootEntry, DefaultEntry
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.kernel import Initramfs, Kernel, ModulesTree
from bootkeep.facts.machine import OsRelease
from bootkeep.facts.unknown import Absent, Unknown

#: Said once for a root that has neither a kernel nor a menu nor a boot loader.
OUTSIDE = (
    "there is no kernel, no menu and no boot loader in this root: either /boot is not mounted, or the machine is started "
    "from outside (container, PXE, microVM)"
)
_GRUB_PACKAGES = frozenset(
    {
        *("grub-pc", "grub-efi-amd64", "grub-efi-arm64", "grub-efi-ia32", "grub-ieee1275", "grub-xen", "grub-coreboot"),
        *("grub2-pc", "grub2-efi-x64", "grub2-efi-aa64", "grub2-ppc64le"),  # EL, Fedora
        *("grub2-i386-pc", "grub2-x86_64-efi", "grub2-arm64-efi", "grub2-powerpc-ieee1275"),  # SUSE
    }
)


def has_grub(state: BootState) -> bool:
    """Whether one of the packages that make GRUB the boot loader is installed."""
    return isinstance(state.packages, tuple) and any(
        package.name in _GRUB_PACKAGES and package.state not in ("config-files", "not-installed")
        for package in state.packages
    )


def installed_kernels(state: BootState) -> tuple[Kernel, ...]:
    """Kernels in /boot, ours not counted; empty when they could not be read (a rule must ask that first)."""
    return tuple(kernel for kernel in all_kernels(state) if not kernel.preserved)


def all_kernels(state: BootState) -> tuple[Kernel, ...]:
    """Installed and preserved kernels; empty when they could not be read."""
    return state.kernels if isinstance(state.kernels, tuple) else ()


def default_boot_entry(state: BootState) -> BootEntry | None:
    """The entry that GRUB starts by itself: the chosen one, or the first where the choice dangles (as GRUB does)."""
    if not isinstance(state.default_entry, DefaultEntry):
        return None
    if isinstance(state.default_entry.entry, BootEntry):
        return state.default_entry.entry
    if state.default_entry.instead is not None:
        return state.default_entry.instead
    entries = entries_of(state)
    return entries[0] if entries else None


def grub_folder(state: BootState) -> str:
    """Where GRUB's files are: /boot/grub, or /boot/grub2 of the rpm families."""
    if not isinstance(state.grub, (Absent, Unknown)):
        return state.grub.folder
    family = state.os_release.family if isinstance(state.os_release, OsRelease) else ""
    return "/boot/grub2" if family in ("redhat", "suse") else "/boot/grub"


def menu_path(state: BootState) -> str:
    """The menu's file, as this machine has it or would have it."""
    return f"{grub_folder(state)}/grub.cfg" if isinstance(state.grub, (Absent, Unknown)) else state.grub.path


def entries_of(state: BootState) -> tuple[BootEntry, ...]:
    """All entries of the menu."""
    return () if isinstance(state.grub, (Absent, Unknown)) else state.grub.entries


def kernel_of_entry(state: BootState, entry: BootEntry) -> Kernel | None:
    """The kernel that an entry loads; follows /vmlinuz and /boot/vmlinuz by the names that the links resolve to."""
    path = state_path(state, entry.kernel_path)
    return next((kernel for kernel in all_kernels(state) if kernel.image.path == path), None)


def state_path(state: BootState, path: str) -> str:
    """A path with its link followed, where the state knows it to be one."""
    return dict(state.boot_links).get(path, path)


def is_ours(path: str) -> bool:
    """Whether the facts tell about a path: /boot, links and files at /, preserved kernels. Not ``(uuid)/path``."""
    return "$" not in path and bool(re.fullmatch(r"/(?:boot/)?[^/]+|/boot/bootkeep/[^/]+/[^/]+", path))


def default_kernel(state: BootState) -> Kernel | None:
    """The kernel of the default entry."""
    entry = default_boot_entry(state)
    return kernel_of_entry(state, entry) if entry else None


def has_modules(kernel: Kernel) -> bool:
    """Whether its modules tree is whole."""
    return isinstance(kernel.modules, ModulesTree) and kernel.modules.has_modules_dep and kernel.modules.has_kernel_dir


def needs_no_initramfs(kernel: Kernel) -> bool:
    """A kernel without a modules tree, a package and an initramfs was built to do without all three.

    Modules in its initramfs say that it was built with modules: then the tree got lost, and with it network and file systems.
    """
    without_modules = isinstance(kernel.initramfs, Absent) or (
        isinstance(kernel.initramfs, Initramfs) and kernel.initramfs.modules == frozenset()
    )
    return isinstance(kernel.modules, Absent) and isinstance(kernel.package, Absent) and without_modules


def initramfs_of(kernel: Kernel) -> Initramfs | None:
    """The image beside a kernel, when there is one."""
    return kernel.initramfs if isinstance(kernel.initramfs, Initramfs) else None


def label(kernel: Kernel) -> str:
    """What a person calls it."""
    kept = " (preserved)" if kernel.preserved else ""
    return f"{kernel.release}{kept}"
