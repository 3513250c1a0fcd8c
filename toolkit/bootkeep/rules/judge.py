"""judge: every rule, in the order in which a person would work them off."""

from __future__ import annotations

from dataclasses import replace

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Evidence, Finding, Severity, Verdict, judgement_of
from bootkeep.facts.policy import Policy
from bootkeep.rules import (
    boot_encryption_unreadable,
    boot_file_system_unreadable,
    boot_files_hidden,
    boot_link_dangling,
    boot_loader_not_covered,
    boot_not_mounted,
    boot_space_low,
    console_silent,
    default_entry_broken,
    dkms_module_missing,
    esp_copies_differ,
    esp_space_low,
    esp_stub_wrong,
    fallback_kernel_missing,
    fips_digest_missing,
    firmware_entry_missing,
    firmware_next_elsewhere,
    fstab_device_missing,
    fstab_type_wrong,
    grub_config_stale,
    grub_core_differs,
    grub_environment_damaged,
    grub_install_device_wrong,
    grub_settings_broken,
    grub_waits_for_a_person,
    init_program_broken,
    initramfs_compression_unsupported,
    initramfs_damaged,
    initramfs_driver_missing,
    initramfs_luks_missing,
    initramfs_lvm_missing,
    initramfs_raid_missing,
    install_only_weak,
    interface_names_change,
    kdump_without_memory,
    kernel_argument_unresolved,
    kernel_flavour_changes,
    kernel_not_put_in_place,
    kernel_replaced_in_place,
    kexec_bypasses_loader,
    last_good_removable,
    loader_entry_missing,
    loader_readback_differs,
    lvm_device_missing,
    multipath_not_in_initramfs,
    network_driver_missing,
    next_command_line_wrong,
    package_transaction_unfinished,
    raid_config_stale,
    raid_degraded,
    resume_device_missing,
    running_modules_missing,
    sbat_revoked,
    secure_boot_kernel_unsigned,
    secure_boot_loader_unsigned,
    selinux_policy_broken,
)
from bootkeep.rules.rule import Rule

#: Order is the order of work among findings of equal weight: a mount first (it decides where repairs land), then the
#: package manager, then room, then images, then the menu, then the rest.
_IN_ORDER = (
    boot_not_mounted,
    boot_files_hidden,
    package_transaction_unfinished,
    boot_file_system_unreadable,
    boot_encryption_unreadable,
    boot_space_low,
    esp_space_low,
    init_program_broken,
    raid_degraded,
    lvm_device_missing,
    initramfs_damaged,
    initramfs_compression_unsupported,
    initramfs_driver_missing,
    initramfs_luks_missing,
    initramfs_lvm_missing,
    initramfs_raid_missing,
    raid_config_stale,
    multipath_not_in_initramfs,
    fips_digest_missing,
    secure_boot_kernel_unsigned,
    boot_loader_not_covered,
    default_entry_broken,
    kernel_argument_unresolved,
    grub_config_stale,
    loader_entry_missing,
    grub_environment_damaged,
    loader_readback_differs,
    sbat_revoked,
    secure_boot_loader_unsigned,
    esp_stub_wrong,
    esp_copies_differ,
    firmware_entry_missing,
    firmware_next_elsewhere,
    fstab_device_missing,
    fstab_type_wrong,
    grub_core_differs,
    grub_install_device_wrong,
    grub_settings_broken,
    fallback_kernel_missing,
    kernel_not_put_in_place,
    kernel_replaced_in_place,
    selinux_policy_broken,
    running_modules_missing,
    kernel_flavour_changes,
    network_driver_missing,
    dkms_module_missing,
    interface_names_change,
    grub_waits_for_a_person,
    kexec_bypasses_loader,
    resume_device_missing,
    boot_link_dangling,
    console_silent,
    kdump_without_memory,
    next_command_line_wrong,
    last_good_removable,
    install_only_weak,
)

#: Every rule, in that order. Explicit: a rule that is not here does not judge.
ALL_RULES: tuple[Rule, ...] = tuple(module.RULE for module in _IN_ORDER)

_WEIGHT = {severity: number for number, severity in enumerate(Severity)}


def judge(state: BootState, policy: Policy) -> Verdict:
    """All findings about a machine, worst first, and the verdict they add up to. Reads no machine."""
    found = [finding for module in _IN_ORDER for finding in module.judge(state, policy)]
    found = [_accept(finding, policy) for finding in _one_ignorance_each(found)]
    found = _without_consequences(found, state)
    found.sort(key=lambda finding: _WEIGHT[finding.severity])  # stable: the order of ALL_RULES stays within a weight
    findings = tuple(found)
    return Verdict(judgement_of(findings), findings)


def _one_ignorance_each(findings: list[Finding]) -> list[Finding]:
    """One reading that could not be taken leaves several questions open; it is said once."""
    kept: list[Finding] = []
    for finding in findings:
        twin = next(
            (
                number
                for number, other in enumerate(kept)
                if finding.severity is Severity.UNKNOWN is other.severity and finding.evidence[:1] == other.evidence[:1]
            ),
            None,
        )
        if twin is None:
            kept.append(finding)
        elif finding.id != kept[twin].id:
            also = Evidence("also not judged", finding.id)
            if also not in kept[twin].evidence:
                kept[twin] = replace(kept[twin], evidence=(*kept[twin].evidence, also))
    return kept


#: What is judged by looking into /boot.
_ABOUT_BOOT = frozenset(
    rule.RULE.id
    for rule in (
        boot_space_low,
        initramfs_damaged,
        initramfs_driver_missing,
        default_entry_broken,
        grub_config_stale,
        fallback_kernel_missing,
        kernel_replaced_in_place,
        initramfs_compression_unsupported,
        initramfs_luks_missing,
        initramfs_lvm_missing,
        initramfs_raid_missing,
        raid_config_stale,
        multipath_not_in_initramfs,
        fips_digest_missing,
        secure_boot_kernel_unsigned,
        kernel_argument_unresolved,
        grub_environment_damaged,
        grub_core_differs,
        kernel_flavour_changes,
        network_driver_missing,
        dkms_module_missing,
        interface_names_change,
        grub_waits_for_a_person,
        kexec_bypasses_loader,
        resume_device_missing,
        boot_link_dangling,
        console_silent,
        kdump_without_memory,
        last_good_removable,
        loader_entry_missing,
        kernel_not_put_in_place,
        install_only_weak,
    )
)


def _without_consequences(findings: list[Finding], state: BootState) -> list[Finding]:
    """While /boot is not mounted, what lies there is not what the loader sees: nothing about it is worth saying.

    Only where the missing mount itself stops the reboot: an accepted one hides nothing.
    """
    mounted = not isinstance(state.mounts, tuple) or any(mount.target == "/boot" for mount in state.mounts)
    stops = any(
        finding.id == boot_not_mounted.RULE.id and finding.subject == "/boot" and finding.severity is Severity.AT_RISK
        for finding in findings
    )
    if mounted or not stops:
        return findings
    return [finding for finding in findings if finding.id not in _ABOUT_BOOT]


def _accept(finding: Finding, policy: Policy) -> Finding:
    """A finding that the administrator lives with, in writing, is shown but stops nothing."""
    reason = policy.accepted.get(finding.id, "").strip()
    if not reason or finding.severity is Severity.ADVICE:
        return finding
    return replace(
        finding,
        severity=Severity.ADVICE,
        summary=f"{finding.summary} Accepted: {reason}",
        evidence=(*finding.evidence, Evidence("policy: accepted", reason)),
    )
