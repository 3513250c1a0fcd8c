"""One run of a package manager, from the outermost process, and its record in the store."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

#: Version of the record's JSON form. Old records stay readable.
RECORD_SCHEMA = 1


class Action(Enum):
    """What the package manager is about to do with one package, in one vocabulary for all managers."""

    INSTALL = "install"
    UPGRADE = "upgrade"
    DOWNGRADE = "downgrade"
    REINSTALL = "reinstall"
    REMOVE = "remove"
    PURGE = "purge"
    CONFIGURE = "configure"


@dataclass(frozen=True, slots=True)
class PackageChange:
    """One line of a transaction's plan."""

    name: str
    architecture: str
    old_version: str  # empty when it was not installed
    new_version: str  # empty when it goes
    action: Action
    archive: str = ""  # path of the .deb or .rpm, empty when there is none


class Outcome(Enum):
    """How a transaction ended."""

    OPEN = "open"  # pre taken, not finished
    DONE = "done"
    FAILED = "failed"  # the package manager ended, packages are left half-done or did not reach their version
    REFUSED = "refused"  # the guard said no, nothing was unpacked
    INTERRUPTED = "interrupted"  # the process went away without a post


@dataclass(frozen=True, slots=True)
class Caller:
    """Who ran it: the outermost process and the person behind it."""

    manager: str  # apt, dpkg, unattended-upgrades, ...
    pid: int
    start_ticks: int  # field 22 of /proc/PID/stat: tells a reused pid
    boot_id: str
    command: tuple[str, ...]  # redacted
    user: str  # SUDO_USER or login uid's name, empty when unknown
    salt_job: str = ""


@dataclass(frozen=True, slots=True)
class TransactionStep:
    """One pre/post pair inside a session. unattended-upgrades makes many; plain apt makes one."""

    changes: tuple[PackageChange, ...]
    started_at: str
    ended_at: str  # empty while open


@dataclass(frozen=True, slots=True)
class Override:
    """An administrator's explicit, logged word that a refused transaction shall run."""

    reason: str
    by: str
    given_at: str


@dataclass(frozen=True, slots=True)
class Transaction:
    """The record of one transaction."""

    id: str  # sortable by time: 20261123T170312Z-<8 hex digits>
    caller: Caller
    outcome: Outcome
    outcome_detail: str  # e.g. which packages are left half-configured, or why it was refused
    started_at: str
    ended_at: str
    steps: tuple[TransactionStep, ...]
    phases: tuple[str, ...]  # snapshots that exist: pre, post, settled, boot
    override: Override | None = None
    preserved: tuple[str, ...] = ()  # keys of kernels preserved for it
    advice: str = ""  # what to type instead of what was refused
    awaits: tuple[str, ...] = ()  # phases still to come: settled, boot
    missed: tuple[str, ...] = ()  # phases that never came: a boot or a later transaction was first
    alarms: tuple[
        str, ...
    ] = ()  # what the settled look, and the one after the boot, found wrong with services and sockets

    hook_missed: str = ""  # no hook saw it: how it was found out. Its ``pre`` is the last look before it

    @property
    def changes(self) -> tuple[PackageChange, ...]:
        """All packages of all steps, in order, each once (its CONFIGURE line repeats an unpack)."""
        seen: dict[tuple[str, str], PackageChange] = {}
        for step in self.steps:
            for change in step.changes:
                key = (change.name, change.architecture)
                if key not in seen or seen[key].action is Action.CONFIGURE:
                    seen[key] = change
        return tuple(seen.values())
