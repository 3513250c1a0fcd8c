"""From readings to one BootState. Pure: the same readings give the same state for ever."""

from __future__ import annotations

from dataclasses import replace

from bootkeep.assemble_kernels import kernel_packages, kernels_of
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.kernel import Kernel
from bootkeep.facts.machine import Identity
from bootkeep.facts.reading import Readings
from bootkeep.facts.storage import BlockDevice, FstabLine, Mount
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.answers import text_of
from bootkeep.probes.bootloaders.grub import default_entry, grub_config, install_devices
from bootkeep.probes.bootloaders.loaders import loaders
from bootkeep.probes.bootloaders.paths import Locator
from bootkeep.probes.bootloaders.pending_default import pending_default
from bootkeep.probes.bootloaders.readback import loader_flushed, loader_sights
from bootkeep.probes.firmware.efi import firmware
from bootkeep.probes.kernels.images import files_in_boot, resolve
from bootkeep.probes.kernels.running import (
    ARGUMENTS,
    CONTAINER,
    RELEASE,
    VERSION,
    console_arguments,
    last_good,
    one_line,
    running_modules,
)
from bootkeep.probes.machine.identity import identity, os_release, resume_setting, root_locked
from bootkeep.probes.machine.surroundings import surroundings
from bootkeep.probes.packages.install_only import install_only
from bootkeep.probes.packages.installed import architecture_of, packages_of, unmerged_updates
from bootkeep.probes.storage.block import block_devices
from bootkeep.probes.storage.drivers import root_drivers, root_drivers_elsewhere
from bootkeep.probes.storage.mounts import FSTAB, absent_sources, mounts, parse_fstab, spaces
from bootkeep.probes.storage.stacks import storage_stacks


def assemble(readings: Readings, *, taken_at: str) -> BootState:
    """Everything that decides whether this machine boots, from what it answered at ``taken_at`` (UTC, ISO 8601)."""
    kernels = kernels_of(readings)
    fstab, odd = _fstab(readings)
    mounted = mounts(readings)
    devices = block_devices(readings)
    locator = locator_for(mounted, fstab, devices)
    arguments = one_line(readings, ARGUMENTS)
    return BootState(
        taken_at=taken_at,
        os_release=os_release(readings),
        identity=_identity(readings),
        firmware=firmware(readings, fstab if isinstance(fstab, tuple) else ()),
        running_release=one_line(readings, RELEASE),
        running_version=one_line(readings, VERSION),
        running_arguments=arguments,
        kernels=kernels,
        newest_release=_newest(kernels),
        last_good=last_good(readings),
        grub=grub_config(readings, locator),
        default_entry=default_entry(readings, locator),
        grub_install_devices=install_devices(readings),
        block_devices=devices,
        mounts=mounted,
        fstab=fstab,
        fstab_not_understood=odd,
        space=spaces(readings),
        packages=packages_of(readings),
        root_drivers=root_drivers(readings),
        root_locked=root_locked(readings),
        swap_and_resume=resume_setting(readings),
        running_modules=running_modules(readings),
        consoles=console_arguments(arguments),
        container=one_line(readings, CONTAINER),
        boot_files=_boot_files(readings),
        loader_sights=loader_sights(readings),
        loader_flushed=loader_flushed(readings),
        boot_links=_boot_links(readings),
        pending_default=pending_default(readings, locator),
        unmerged_updates=unmerged_updates(readings),
        stacks=storage_stacks(readings),
        loaders=loaders(readings),
        around=surroundings(readings),
        install_only=install_only(readings),
        kernel_packages=kernel_packages(readings),
        root_drivers_elsewhere=root_drivers_elsewhere(readings),
        fstab_sources_absent=absent_sources(readings, fstab) if isinstance(fstab, tuple) else (),
    )


def _identity(readings: Readings) -> Identity:
    found = identity(readings)
    return found if found.architecture else replace(found, architecture=architecture_of(readings))


def _newest(kernels: Maybe[tuple[Kernel, ...]]) -> Maybe[str]:
    if isinstance(kernels, (Absent, Unknown)):
        return kernels
    return next((kernel.release for kernel in kernels if not kernel.preserved), Absent("a kernel in /boot"))


def _fstab(readings: Readings) -> tuple[Maybe[tuple[FstabLine, ...]], tuple[str, ...]]:
    text = text_of(readings, FSTAB, FSTAB.path)
    return parse_fstab(text) if isinstance(text, str) else (text, ())


def locator_for(
    mounted: Maybe[tuple[Mount, ...]],
    fstab: Maybe[tuple[FstabLine, ...]],
    devices: Maybe[tuple[BlockDevice, ...]],
) -> Locator:
    """How to translate the loader's paths: by what is mounted now, or by fstab where nothing of this root is (rescue)."""
    if isinstance(mounted, tuple):
        for target in ("/boot", "/"):
            found = [mount for mount in mounted if mount.target == target]
            if found:
                return Locator(target, found[-1].root, _uuids(devices, found[-1].source, target))
    if isinstance(fstab, tuple):
        for target in ("/boot", "/"):
            line = next((line for line in fstab if line.target == target), None)
            if line is not None:
                subvolume = next((word.partition("=")[2] for word in line.options if word.startswith("subvol=")), "")
                return Locator(target, "/" + subvolume.strip("/"), _uuid_of_spec(line.spec))
    return Locator()


def _uuid_of_spec(spec: str) -> frozenset[str]:
    return frozenset({spec.removeprefix("UUID=").strip('"')}) if spec.startswith("UUID=") else frozenset()


def _uuids(devices: Maybe[tuple[BlockDevice, ...]], source: str, target: str) -> frozenset[str]:
    """UUIDs of the file system on a mount's source; nothing when lsblk did not know it (a container, a bind mount)."""
    if isinstance(devices, (Absent, Unknown)):
        return frozenset()
    return frozenset(
        device.uuid for device in devices if device.uuid and (device.path == source or target in device.mountpoints)
    )


def _boot_files(readings: Readings) -> Maybe[tuple[str, ...]]:
    """Paths that a loader can open: links count when what they lead to is there."""
    files = files_in_boot(readings)
    if isinstance(files, (Absent, Unknown)):
        return files
    return tuple(sorted(path for path in files if files.get(resolve(path, files), {}).get("type") == "file"))


def _boot_links(readings: Readings) -> tuple[tuple[str, str], ...]:
    files = files_in_boot(readings)
    if isinstance(files, (Absent, Unknown)):
        return ()
    return tuple((path, resolve(path, files)) for path, row in sorted(files.items()) if row.get("type") == "link")
