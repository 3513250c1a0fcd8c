"""Remedies: what gets a machine out of a finding, as data.

One remedy, three readers: the runbook prints its rescue steps, ``bootkeep check`` prints its live steps, Salt may run them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding
from bootkeep.facts.remedy import Remedy
from bootkeep.remedies.boot_file_system_unreadable import boot_file_system_unreadable
from bootkeep.remedies.boot_not_mounted import boot_not_mounted
from bootkeep.remedies.boot_space_low import boot_space_low
from bootkeep.remedies.default_entry_broken import default_entry_broken
from bootkeep.remedies.fallback_kernel_missing import fallback_kernel_missing
from bootkeep.remedies.fstab_device_missing import fstab_device_missing
from bootkeep.remedies.grub_config_stale import grub_config_stale
from bootkeep.remedies.grub_install_device_wrong import grub_install_device_wrong
from bootkeep.remedies.initramfs_damaged import initramfs_damaged
from bootkeep.remedies.initramfs_driver_missing import initramfs_driver_missing
from bootkeep.remedies.kernel_replaced_in_place import kernel_replaced_in_place
from bootkeep.remedies.loader_readback_differs import loader_readback_differs
from bootkeep.remedies.package_transaction_unfinished import package_transaction_unfinished
from bootkeep.remedies.running_modules_missing import running_modules_missing

#: Makes the remedy of one host; the second argument is the finding's subject ("" for the host's own newest kernel).
RemedyOf = Callable[[BootState, str], Remedy]

#: By finding id. Every finding that names a remedy finds it here.
ALL_REMEDIES: Mapping[str, RemedyOf] = MappingProxyType(
    {
        "fallback-kernel-missing": fallback_kernel_missing,
        "running-modules-missing": running_modules_missing,
        "kernel-replaced-in-place": kernel_replaced_in_place,
        "package-transaction-unfinished": package_transaction_unfinished,
        "default-entry-broken": default_entry_broken,
        "grub-config-stale": grub_config_stale,
        "boot-space-low": boot_space_low,
        "initramfs-damaged": initramfs_damaged,
        "boot-not-mounted": boot_not_mounted,
        "initramfs-driver-missing": initramfs_driver_missing,
        "grub-install-device-wrong": grub_install_device_wrong,
        "fstab-device-missing": fstab_device_missing,
        "loader-readback-differs": loader_readback_differs,
        "boot-file-system-unreadable": boot_file_system_unreadable,
    }
)


def remedy_for(finding: Finding, state: BootState) -> Remedy | None:
    """The way out of one finding on this host; None when the finding names none that is known."""
    make = ALL_REMEDIES.get(finding.remedy)
    return make(state, finding.subject) if make is not None else None
