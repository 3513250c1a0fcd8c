"""assemble_system: from the readings of a snapshot to one SystemState."""

from __future__ import annotations

from bootkeep.facts.reading import Readings, Snapshot
from bootkeep.facts.system import SystemState
from bootkeep.probes.config.files import (
    alternatives_of,
    conffiles_of,
    config_files_of,
    crontabs_of,
    edited_conffiles_of,
    file_owners_of,
)
from bootkeep.probes.packages.installed import packages_of
from bootkeep.probes.packages.scripts import claims_of, shipped_modes_of
from bootkeep.probes.security.settings import (
    accounts_of,
    groups_of,
    special_files_of,
    sshd_of,
    sysctl_of,
    udp_client_ports_of,
)
from bootkeep.probes.security.sudo import sudo_without_password_of
from bootkeep.probes.services.kernel_view import boot_files_of, loaded_modules_of, mounts_of, reboot_required_of
from bootkeep.probes.services.processes import listeners_of, processes_of
from bootkeep.probes.services.units import active_units_of, unit_files_of
from bootkeep.probes.system_probes import SETTING_PROBES


def system_at(snapshot: Snapshot) -> SystemState:
    """The same of a whole snapshot, with its time and its boot. Never raises."""
    return assemble_system(snapshot.readings, taken_at=snapshot.taken_at, boot_id=snapshot.boot_id)


def assemble_system(readings: Readings, *, taken_at: str = "", boot_id: str = "") -> SystemState:
    """Everything that the readings hold; what they do not hold is Absent or Unknown, never empty. Never raises."""
    return SystemState(
        taken_at=taken_at,
        boot_id=boot_id,
        packages=packages_of(readings),
        processes=processes_of(readings),
        listeners=listeners_of(readings),
        units=unit_files_of(readings),
        active_units=active_units_of(readings),
        config_files=config_files_of(readings),
        conffiles=conffiles_of(readings),
        edited_conffiles=edited_conffiles_of(readings),
        crontabs=crontabs_of(readings),
        special_files=special_files_of(readings),
        sysctl=sysctl_of(readings),
        mounts=mounts_of(readings),
        modules=loaded_modules_of(readings),
        accounts=accounts_of(readings),
        groups=groups_of(readings),
        sshd=sshd_of(readings),
        sudo_without_password=sudo_without_password_of(readings),
        boot_files=boot_files_of(readings),
        reboot_required=reboot_required_of(readings),
        alternatives=alternatives_of(readings),
        udp_client_ports=udp_client_ports_of(readings),
        file_owners=file_owners_of(readings),
        claims=claims_of(readings),
        shipped_special_files=shipped_modes_of(readings),
        # A snapshot of an older bootkeep, or one that had no time for the second tier, did not look: it has no such family.
        settings={
            probe.name: probe.understand(readings)
            for probe in SETTING_PROBES
            if not probe.reads or probe.reads[0].key in readings
        },
    )
