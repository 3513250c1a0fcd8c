"""SYSTEM_PROBES: everything that a package transaction may change, in the order of what is lost first under a deadline.

Each probe says its tier: 1 is taken in the package hook, 2 there too when time allows, 3 (DEEP_PROBES) by the worker that runs
after the transaction. Reads that name the transaction's packages come from ``package_probes`` and ``journal_probe``.
"""

from __future__ import annotations

from bootkeep.probes.bootloaders.settings import BOOT_SETTINGS
from bootkeep.probes.config.files import CONFIG_FILES, CRONTABS
from bootkeep.probes.network.addresses import NETWORK, RESOLVERS
from bootkeep.probes.network.firewall import FIREWALL, FIREWALL_FRONT_ENDS
from bootkeep.probes.packages.apt import MARKS, PINS, REPOSITORIES, REPOSITORY_KEYS
from bootkeep.probes.packages.rpm import RPM
from bootkeep.probes.packages.scripts import INTEGRITY, OPEN_FILES
from bootkeep.probes.packages.trust import RPM_REPOSITORIES, TRUST
from bootkeep.probes.read import Probe
from bootkeep.probes.security.access import (
    AUTHORIZED_KEYS,
    LOGIN_DEFS,
    PAM,
    PASSWORDS,
    POLKIT,
    SUB_IDS,
    SUDO_RULES,
)
from bootkeep.probes.security.hardening import (
    APPARMOR,
    AUDIT_RULES,
    CA_CERTIFICATES,
    COMMAND_LINE,
    CRYPTO,
    LOGGING,
    LSM,
    MITIGATIONS,
    MODULE_SETTINGS,
    SELINUX,
    SYSCTL_FILES,
    TAINT,
)
from bootkeep.probes.security.settings import ACCOUNTS, HIDDEN_SPECIAL_FILES, SPECIAL_FILES, SSHD, SYSCTL
from bootkeep.probes.security.sudo import SUDO
from bootkeep.probes.services.aftermath import JOURNAL, STALE
from bootkeep.probes.services.kernel_view import BOOT_FILES, LOADED_MODULES, MOUNTS, REBOOT_REQUIRED
from bootkeep.probes.services.processes import LISTENERS, PROCESSES
from bootkeep.probes.services.schedules import AT, CRON, CRON_SCRIPTS, DROP_INS, TIMERS
from bootkeep.probes.services.surroundings import AUDIT_STATE, TIME, WORKLOADS
from bootkeep.probes.services.units import UNITS
from bootkeep.probes.storage.promises import BROKEN_PROMISES, FSTAB, SPACE

#: Families of keyed lines: a probe's name is the family's name in ``SystemState.settings`` and in a report.
SETTING_PROBES: tuple[Probe, ...] = (
    SUDO_RULES,
    PAM,
    PASSWORDS,
    SUB_IDS,
    REPOSITORIES,
    REPOSITORY_KEYS,
    RPM_REPOSITORIES,
    TRUST,
    PINS,
    MARKS,
    CRON,
    CRON_SCRIPTS,
    AT,
    TIMERS,
    DROP_INS,
    SYSCTL_FILES,
    MODULE_SETTINGS,
    COMMAND_LINE,
    MITIGATIONS,
    TAINT,
    LSM,
    APPARMOR,
    SELINUX,
    CRYPTO,
    CA_CERTIFICATES,
    LOGGING,
    AUDIT_RULES,
    LOGIN_DEFS,
    FSTAB,
    BROKEN_PROMISES,
    SPACE,
    BOOT_SETTINGS,
    RESOLVERS,
    FIREWALL_FRONT_ENDS,
    OPEN_FILES,
    FIREWALL,
    NETWORK,
    AUTHORIZED_KEYS,
    POLKIT,
    TIME,
    WORKLOADS,
    AUDIT_STATE,
    STALE,
    JOURNAL,
    INTEGRITY,
    HIDDEN_SPECIAL_FILES,
)

SYSTEM_PROBES: tuple[Probe, ...] = (
    PROCESSES,
    LISTENERS,
    RPM,
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
    *(probe for probe in SETTING_PROBES if probe.reads and probe.tier == 1),
    SPECIAL_FILES,
    *(probe for probe in SETTING_PROBES if probe.reads and probe.tier == 2),
)

#: Seconds long: only for the worker after a transaction. ``package_probes`` has more of them.
DEEP_PROBES: tuple[Probe, ...] = (HIDDEN_SPECIAL_FILES,)
