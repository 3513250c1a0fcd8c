"""SYSTEM_PROBES: everything that a package transaction may change, in the order of what is lost first under a deadline."""

from __future__ import annotations

from bootkeep.probes.config.files import CONFIG_FILES, CRONTABS
from bootkeep.probes.read import Probe
from bootkeep.probes.security.settings import ACCOUNTS, SPECIAL_FILES, SSHD, SYSCTL
from bootkeep.probes.security.sudo import SUDO
from bootkeep.probes.services.kernel_view import BOOT_FILES, LOADED_MODULES, MOUNTS, REBOOT_REQUIRED
from bootkeep.probes.services.processes import LISTENERS, PROCESSES
from bootkeep.probes.services.units import UNITS

SYSTEM_PROBES: tuple[Probe, ...] = (
    PROCESSES,
    LISTENERS,
    CONFIG_FILES,
    UNITS,
    ACCOUNTS,
    SSHD,
    SUDO,
    MOUNTS,
    LOADED_MODULES,
    REBOOT_REQUIRED,
    CRONTABS,
    SYSCTL,
    BOOT_FILES,
    SPECIAL_FILES,
)
