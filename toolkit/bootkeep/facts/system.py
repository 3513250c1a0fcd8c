"""What runs on one machine and how it is configured: everything that a package transaction may change.

Assembled by :func:`bootkeep.assemble_system.assemble_system`; two of them are compared by :mod:`bootkeep.compare`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from bootkeep.facts.package import Package
from bootkeep.facts.package_claims import PackageClaims
from bootkeep.facts.storage import Mount
from bootkeep.facts.unknown import Absent, Maybe


@dataclass(frozen=True, slots=True)
class Process:
    """One user-space process. Its arguments were redacted on the host, before they were written anywhere."""

    pid: int
    parent: int
    user: str  # name of the effective user; the number as text when it has no name
    uid: int  # effective
    start_ticks: int  # field 22 of /proc/PID/stat: tells a reused pid
    unit: str  # systemd unit by control group; empty where no systemd runs
    exe: str  # path of the executable, without the kernel's `` (deleted)``; empty when it may not be read
    arguments: tuple[str, ...]
    terminal: bool  # somebody's interactive session
    stale: bool  # its executable file was replaced or removed since it started
    caller: bool = False  # a package manager runs below it: the shell, script or session that called it

    @property
    def identity(self) -> tuple[int, int]:
        """What stays the same for as long as the process lives."""
        return (self.pid, self.start_ticks)


@dataclass(frozen=True, slots=True)
class Listener:
    """One socket that waits for others: a listening TCP socket, or a bound and unconnected UDP socket."""

    protocol: str  # tcp, tcp6, udp, udp6
    address: str
    port: int
    pid: int  # the oldest owner; 0 when it may not be read
    start_ticks: int
    user: str
    unit: str
    exe: str

    @property
    def local_only(self) -> bool:
        """Whether only this machine can reach it (RFC 1122 127/8, RFC 4291 ::1)."""
        address = self.address.removeprefix("::ffff:")
        return address.startswith("127.") or address == "::1"


@dataclass(frozen=True, slots=True)
class Unit:
    """One systemd unit: whether it starts at boot, and whether it runs now."""

    name: str
    enabled: str  # systemctl's UnitFileState: enabled, disabled, masked, static, ...; empty when it has no file
    active: str  # active, inactive, failed, activating, ...; empty when systemd has not loaded it or does not run
    preset: str = ""  # what systemd.preset(5) would have: enabled or disabled; empty when not known


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """One configuration file, link or directory by name and content."""

    path: str
    kind: str  # file, dir, link, ... (as in a listing)
    mode: int  # permission bits, e.g. 0o4755
    uid: int
    gid: int
    size_bytes: int
    sha256: str  # empty for what is not a regular file, or could not be read
    target: str = ""  # of a link


@dataclass(frozen=True, slots=True)
class Conffile:
    """A file that a package ships as configuration and treats with care on upgrades (deb-conffiles(5), ucf(1), rpm's %config)."""

    path: str
    package: str
    md5: str  # as the package shipped it; empty when unknown
    manager: str  # dpkg, ucf or rpm
    sha256: str = ""  # the same by rpm, which records SHA-256 since EL 6


@dataclass(frozen=True, slots=True)
class SpecialFile:
    """A program that runs with more rights than its caller: SUID, SGID, or with file capabilities (capabilities(7))."""

    path: str
    mode: int
    uid: int
    gid: int
    capability: str = ""  # the security.capability attribute in hexadecimal; empty when it has none


@dataclass(frozen=True, slots=True)
class Account:
    """passwd(5), without the password field."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str


@dataclass(frozen=True, slots=True)
class Group:
    """group(5), without the password field."""

    name: str
    gid: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SshdSettings:
    """What sshd would do now. From ``sshd -T`` all keywords; from the files only those that are written there."""

    source: str  # ``sshd -T``, or the path of the main file when sshd could not be asked
    values: Mapping[str, str]  # keyword in lower case -> value; several lines joined by a line feed


@dataclass(frozen=True, slots=True)
class BootFileState:
    """One file under /boot by what tells a replacement: content where it was digested, else inode, size and time."""

    path: str
    size_bytes: int
    mtime_ns: int
    inode: int
    sha256: str  # empty when the snapshot took no digest of it


@dataclass(frozen=True, slots=True)
class SystemState:
    """One look at a machine as the report sees it."""

    taken_at: str  # UTC, ISO 8601
    packages: Maybe[tuple[Package, ...]]
    processes: Maybe[tuple[Process, ...]]
    listeners: Maybe[tuple[Listener, ...]]
    units: Maybe[tuple[Unit, ...]]  # which units start at boot
    active_units: Maybe[tuple[Unit, ...]]  # the same with their present state; Absent where no systemd runs
    config_files: Maybe[tuple[ConfigFile, ...]]
    conffiles: Maybe[tuple[Conffile, ...]]
    edited_conffiles: Maybe[frozenset[str]]  # paths whose content is not what the package shipped
    crontabs: Maybe[tuple[ConfigFile, ...]]
    special_files: Maybe[tuple[SpecialFile, ...]]
    sysctl: Maybe[Mapping[str, str]]
    mounts: Maybe[tuple[Mount, ...]]
    modules: Maybe[tuple[str, ...]]
    accounts: Maybe[tuple[Account, ...]]
    groups: Maybe[tuple[Group, ...]]
    sshd: Maybe[SshdSettings]
    sudo_without_password: Maybe[tuple[str, ...]]  # sudoers lines that ask for no password: file: line
    boot_files: Maybe[tuple[BootFileState, ...]]
    reboot_required: Maybe[tuple[str, ...]]  # packages that asked for it; Absent when nobody did
    alternatives: Maybe[Mapping[str, str]]  # link group -> path
    udp_client_ports: Maybe[tuple[int, int]]  # net.ipv4.ip_local_port_range: clients' ports, which are noise
    file_owners: Maybe[Mapping[str, str]]  # path -> package, for the packages of the transaction
    claims: Maybe[PackageClaims] = Absent("maintainer scripts")  # what the transaction's packages say they make
    #: The same among the files of the transaction's packages, wherever these put them; Absent outside a transaction.
    shipped_special_files: Maybe[tuple[SpecialFile, ...]] = Absent("modes of the packages' files")
    #: Family -> key -> value, for everything that is a list of keyed lines (see probes.system_probes.SETTING_PROBES).
    settings: Mapping[str, Maybe[Mapping[str, str]]] = field(default_factory=dict)
    boot_id: str = ""  # of the boot that it was taken in; empty when that was not told

    def booted_since(self, other: SystemState) -> bool:
        """Whether the machine was started anew between the two: every process is another one then."""
        return bool(self.boot_id and other.boot_id and self.boot_id != other.boot_id)


class Phase(Enum):
    """When a snapshot was taken."""

    PRE = "pre"
    POST = "post"
    SETTLED = "settled"
    BOOT = "boot"
    MANUAL = "manual"
