"""Remedies: what gets a machine out of a finding, as data.

One remedy, three readers: the runbook prints its rescue steps, ``bootkeep check`` prints its live steps, Salt may run them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding
from bootkeep.facts.remedy import Remedy
from bootkeep.remedies.boot_encryption_unreadable import boot_encryption_unreadable
from bootkeep.remedies.boot_file_system_unreadable import boot_file_system_unreadable
from bootkeep.remedies.boot_files_hidden import boot_files_hidden
from bootkeep.remedies.boot_link_dangling import boot_link_dangling
from bootkeep.remedies.boot_loader_not_covered import boot_loader_not_covered
from bootkeep.remedies.boot_not_mounted import boot_not_mounted
from bootkeep.remedies.boot_space_low import boot_space_low
from bootkeep.remedies.console_silent import console_silent
from bootkeep.remedies.default_entry_broken import default_entry_broken
from bootkeep.remedies.dkms_module_missing import dkms_module_missing
from bootkeep.remedies.esp_copies_differ import esp_copies_differ
from bootkeep.remedies.esp_space_low import esp_space_low
from bootkeep.remedies.esp_stub_wrong import esp_stub_wrong
from bootkeep.remedies.fallback_kernel_missing import fallback_kernel_missing
from bootkeep.remedies.fips_digest_missing import fips_digest_missing
from bootkeep.remedies.firmware_entry_missing import firmware_entry_missing
from bootkeep.remedies.firmware_next_elsewhere import firmware_next_elsewhere
from bootkeep.remedies.fstab_device_missing import fstab_device_missing
from bootkeep.remedies.fstab_type_wrong import fstab_type_wrong
from bootkeep.remedies.grub_config_stale import grub_config_stale
from bootkeep.remedies.grub_core_differs import grub_core_differs
from bootkeep.remedies.grub_environment_damaged import grub_environment_damaged
from bootkeep.remedies.grub_install_device_wrong import grub_install_device_wrong
from bootkeep.remedies.grub_settings_broken import grub_settings_broken
from bootkeep.remedies.grub_waits_for_a_person import grub_waits_for_a_person
from bootkeep.remedies.init_program_broken import init_program_broken
from bootkeep.remedies.initramfs_compression_unsupported import initramfs_compression_unsupported
from bootkeep.remedies.initramfs_damaged import initramfs_damaged
from bootkeep.remedies.initramfs_driver_missing import initramfs_driver_missing
from bootkeep.remedies.initramfs_luks_missing import initramfs_luks_missing
from bootkeep.remedies.initramfs_lvm_missing import initramfs_lvm_missing
from bootkeep.remedies.initramfs_raid_missing import initramfs_raid_missing
from bootkeep.remedies.install_only_weak import install_only_weak
from bootkeep.remedies.interface_names_change import interface_names_change
from bootkeep.remedies.kdump_without_memory import kdump_without_memory
from bootkeep.remedies.kernel_argument_unresolved import kernel_argument_unresolved
from bootkeep.remedies.kernel_flavour_changes import kernel_flavour_changes
from bootkeep.remedies.kernel_not_put_in_place import kernel_not_put_in_place
from bootkeep.remedies.kernel_replaced_in_place import kernel_replaced_in_place
from bootkeep.remedies.kexec_bypasses_loader import kexec_bypasses_loader
from bootkeep.remedies.last_good_removable import last_good_removable
from bootkeep.remedies.loader_entry_missing import loader_entry_missing
from bootkeep.remedies.loader_readback_differs import loader_readback_differs
from bootkeep.remedies.lvm_device_missing import lvm_device_missing
from bootkeep.remedies.multipath_not_in_initramfs import multipath_not_in_initramfs
from bootkeep.remedies.network_driver_missing import network_driver_missing
from bootkeep.remedies.next_command_line_wrong import next_command_line_wrong
from bootkeep.remedies.package_transaction_unfinished import package_transaction_unfinished
from bootkeep.remedies.raid_config_stale import raid_config_stale
from bootkeep.remedies.raid_degraded import raid_degraded
from bootkeep.remedies.resume_device_missing import resume_device_missing
from bootkeep.remedies.running_modules_missing import running_modules_missing
from bootkeep.remedies.sbat_revoked import sbat_revoked
from bootkeep.remedies.secure_boot_kernel_unsigned import secure_boot_kernel_unsigned
from bootkeep.remedies.secure_boot_loader_unsigned import secure_boot_loader_unsigned
from bootkeep.remedies.selinux_policy_broken import selinux_policy_broken

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
        "fstab-type-wrong": fstab_type_wrong,
        "loader-readback-differs": loader_readback_differs,
        "boot-file-system-unreadable": boot_file_system_unreadable,
        "boot-encryption-unreadable": boot_encryption_unreadable,
        "boot-files-hidden": boot_files_hidden,
        "boot-link-dangling": boot_link_dangling,
        "boot-loader-not-covered": boot_loader_not_covered,
        "console-silent": console_silent,
        "dkms-module-missing": dkms_module_missing,
        "esp-copies-differ": esp_copies_differ,
        "esp-space-low": esp_space_low,
        "esp-stub-wrong": esp_stub_wrong,
        "fips-digest-missing": fips_digest_missing,
        "firmware-entry-missing": firmware_entry_missing,
        "firmware-next-elsewhere": firmware_next_elsewhere,
        "grub-core-differs": grub_core_differs,
        "grub-environment-damaged": grub_environment_damaged,
        "grub-settings-broken": grub_settings_broken,
        "grub-waits-for-a-person": grub_waits_for_a_person,
        "init-program-broken": init_program_broken,
        "initramfs-compression-unsupported": initramfs_compression_unsupported,
        "initramfs-luks-missing": initramfs_luks_missing,
        "initramfs-lvm-missing": initramfs_lvm_missing,
        "initramfs-raid-missing": initramfs_raid_missing,
        "interface-names-change": interface_names_change,
        "kdump-without-memory": kdump_without_memory,
        "kernel-argument-unresolved": kernel_argument_unresolved,
        "kernel-flavour-changes": kernel_flavour_changes,
        "kexec-bypasses-loader": kexec_bypasses_loader,
        "last-good-removable": last_good_removable,
        "lvm-device-missing": lvm_device_missing,
        "multipath-not-in-initramfs": multipath_not_in_initramfs,
        "network-driver-missing": network_driver_missing,
        "raid-config-stale": raid_config_stale,
        "raid-degraded": raid_degraded,
        "resume-device-missing": resume_device_missing,
        "sbat-revoked": sbat_revoked,
        "secure-boot-kernel-unsigned": secure_boot_kernel_unsigned,
        "install-only-weak": install_only_weak,
        "kernel-not-put-in-place": kernel_not_put_in_place,
        "loader-entry-missing": loader_entry_missing,
        "next-command-line-wrong": next_command_line_wrong,
        "selinux-policy-broken": selinux_policy_broken,
        "secure-boot-loader-unsigned": secure_boot_loader_unsigned,
    }
)


def remedy_for(finding: Finding, state: BootState) -> Remedy | None:
    """The way out of one finding on this host; None when the finding names none that is known."""
    make = ALL_REMEDIES.get(finding.remedy)
    return make(state, finding.subject) if make is not None else None
