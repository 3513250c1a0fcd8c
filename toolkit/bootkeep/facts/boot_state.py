"""Everything about one machine that decides whether, and into what, it boots."""

from __future__ import annotations

from dataclasses import dataclass

from bootkeep.facts.boot_entry import DefaultEntry, GrubConfig, PendingDefault
from bootkeep.facts.install_only import INSTALL_ONLY_NOT_TAKEN, InstallOnly
from bootkeep.facts.kernel import Kernel, LastGood, OwningPackage
from bootkeep.facts.loader_sight import Flushed, LoaderSight
from bootkeep.facts.loaders import LOADERS_NOT_TAKEN, Loaders
from bootkeep.facts.machine import Firmware, Identity, OsRelease
from bootkeep.facts.package import Package
from bootkeep.facts.stacks import STACKS_NOT_TAKEN, StorageStacks
from bootkeep.facts.storage import BlockDevice, FstabLine, Mount, Space
from bootkeep.facts.surroundings import SURROUNDINGS_NOT_TAKEN, Surroundings
from bootkeep.facts.unknown import Absent, Maybe, Unknown


@dataclass(frozen=True, slots=True)
class BootState:
    """The whole machine as the rules and the runbook see it. Assembled by :func:`bootkeep.assemble.assemble`."""

    taken_at: str  # UTC, ISO 8601
    os_release: Maybe[OsRelease]
    identity: Identity
    firmware: Maybe[Firmware]
    running_release: Maybe[str]  # /proc/sys/kernel/osrelease
    running_version: Maybe[str]  # /proc/version: names the package version of the kernel that runs (B03)
    running_arguments: Maybe[str]  # /proc/cmdline
    kernels: Maybe[tuple[Kernel, ...]]  # newest first by the package manager's own comparison; preserved ones after
    newest_release: Maybe[str]
    last_good: Maybe[LastGood]
    grub: Maybe[GrubConfig]
    default_entry: Maybe[DefaultEntry]
    grub_install_devices: Maybe[tuple[str, ...]]  # debconf grub-pc/install_devices
    block_devices: Maybe[tuple[BlockDevice, ...]]
    mounts: Maybe[tuple[Mount, ...]]
    fstab: Maybe[tuple[FstabLine, ...]]
    fstab_not_understood: tuple[str, ...]
    space: tuple[Space, ...]
    packages: Maybe[tuple[Package, ...]]
    root_drivers: Maybe[tuple[str, ...]]  # kernel modules that the path from the root file system to the bus needs
    root_locked: Maybe[bool]  # the root account has no usable password: emergency mode gives no shell
    swap_and_resume: Maybe[str]  # initramfs-tools' resume= setting, empty when none
    running_modules: Maybe[tuple[str, ...]]  # /proc/modules
    consoles: tuple[str, ...]  # console= arguments in force
    container: Maybe[str] = Absent("/run/systemd/container")  # the manager's name when this root runs in a container
    boot_files: Maybe[tuple[str, ...]] = Unknown("not taken")  # paths in /boot, and links at / whose target is there
    loader_sights: tuple[LoaderSight, ...] = ()  # files read back as GRUB sees them; empty when nobody asked
    loader_flushed: tuple[Flushed, ...] = ()  # what was flushed before that
    boot_links: tuple[tuple[str, str], ...] = ()  # links in /boot and at /, and what they lead to
    pending_default: Maybe[PendingDefault] = Absent("a change of GRUB_DEFAULT")
    unmerged_updates: Maybe[int] = Absent("/var/lib/dpkg/updates")  # dpkg's journal: not empty after it was killed
    stacks: StorageStacks = STACKS_NOT_TAKEN
    loaders: Loaders = LOADERS_NOT_TAKEN
    around: Surroundings = SURROUNDINGS_NOT_TAKEN
    install_only: InstallOnly = INSTALL_ONLY_NOT_TAKEN
    #: rpm: release and package of every modules tree whose package calls itself a kernel, whether it is in /boot or not.
    kernel_packages: Maybe[tuple[tuple[str, OwningPackage], ...]] = Unknown("not taken")
    #: Release -> drivers of the root device that are built into the running kernel and modules in that one.
    root_drivers_elsewhere: tuple[tuple[str, tuple[str, ...]], ...] = ()
    #: Folders and files that fstab mounts (bind mounts, loop devices) and that are not there.
    fstab_sources_absent: tuple[str, ...] = ()
