"""What the administrator decided: read from ``/etc/bootkeep/config.json``, which the Salt formula writes from pillar."""

from __future__ import annotations

from dataclasses import dataclass, field

from bootkeep.facts.noise import NoiseRule


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to call."""

    name: str
    role: str  # primary, backup, vendor, approver, ...
    phone: str = ""
    email: str = ""
    hours: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """Where this host is, and what nobody can read from the host itself."""

    location: str = ""  # room, rack, slot, or cloud account and region
    console: str = ""  # BMC address, serial concentrator port, or the cloud's console page
    backup: str = ""  # where the backups are and how to reach them
    runbook_place: str = ""  # where the printed copy is kept
    rescue_medium: str = ""  # which medium, and where it is
    passphrase_place: str = ""  # where disk passphrases and recovery keys are kept; the place, never the secret itself
    printed_runbook: str = ""  # id of the copy that lies at ``runbook_place``, e.g. RB-1A2B3C4D


@dataclass(frozen=True, slots=True)
class Policy:
    """Thresholds and switches, with defaults that suit a server nobody has configured yet."""

    keep_kernels: int = 3  # bootable kernels to keep, at least ``minimum_kernels``
    minimum_kernels: int = 2
    guard: bool = True  # refuse transactions that would leave no bootable last-good kernel
    hook_deadline_s: float = 5.0
    boot_free_factor: float = 1.1  # room for one more initramfs, plus a tenth
    root_free_bytes: int = 200 * 1024 * 1024
    unknown_blocks: bool = True  # ``bootkeep.bootable`` fails on UNKNOWN
    accepted: dict[str, str] = field(default_factory=dict)  # finding id -> written reason for living with it
    people: tuple[Person, ...] = ()
    site: Site = Site()
    config_paths: tuple[str, ...] = ()  # further configuration files outside /etc to watch
    noise: tuple[NoiseRule, ...] = ()  # what a report leaves out here, beside docs/reference/noise.md
    noise_off: tuple[str, ...] = ()  # ids of bootkeep's own noise rules that do not apply here
    keep_transactions: int = 200  # in the store; the newest and open ones are always kept
    keep_days: float = 400.0
    keep_bytes: int = 512 * 1024 * 1024
    await_delivery: bool = False  # keep, whatever the limits, what no master has taken over yet
