"""Every probe that a boot verdict needs. Each looks for its own tool's files, and finds nothing where the family has another."""

from __future__ import annotations

from bootkeep.probes.bootloaders.grub import GRUB
from bootkeep.probes.bootloaders.loaders import LOADERS
from bootkeep.probes.bootloaders.pending_default import GRUB_DEFAULT
from bootkeep.probes.firmware.efi import FIRMWARE
from bootkeep.probes.initramfs.images import INITRAMFS
from bootkeep.probes.kernels.images import IMAGES
from bootkeep.probes.kernels.modules import MODULES
from bootkeep.probes.kernels.running import RUNNING
from bootkeep.probes.machine.identity import MACHINE
from bootkeep.probes.machine.surroundings import SURROUNDINGS
from bootkeep.probes.packages.dpkg import DPKG
from bootkeep.probes.packages.install_only import INSTALL_ONLY
from bootkeep.probes.packages.rpm import RPM
from bootkeep.probes.read import Probe
from bootkeep.probes.storage.block import BLOCK
from bootkeep.probes.storage.drivers import DRIVERS
from bootkeep.probes.storage.mounts import MOUNTS
from bootkeep.probes.storage.stacks import STACKS

BOOT_PROBES: tuple[Probe, ...] = (
    DPKG,
    RPM,
    INSTALL_ONLY,
    RUNNING,
    IMAGES,
    MODULES,
    INITRAMFS,
    GRUB,
    GRUB_DEFAULT,
    LOADERS,
    FIRMWARE,
    BLOCK,
    MOUNTS,
    DRIVERS,
    MACHINE,
    STACKS,
    SURROUNDINGS,
)
