"""Which machine this is, and what firmware starts it."""

from __future__ import annotations

from dataclasses import dataclass

from bootkeep.facts.unknown import Maybe


@dataclass(frozen=True, slots=True)
class OsRelease:
    """os-release(5)."""

    id: str
    id_like: tuple[str, ...]
    version_id: str
    pretty_name: str

    @property
    def family(self) -> str:
        """``debian``, ``redhat``, ``suse`` or ``other``; the axis on which package managers and loaders differ."""
        names = {self.id, *self.id_like}
        if names & {"debian", "ubuntu"}:
            return "debian"
        if names & {"rhel", "fedora", "centos", "rocky", "almalinux", "ol", "amzn"}:
            return "redhat"
        if names & {"suse", "sles", "opensuse", "opensuse-leap"}:
            return "suse"
        return "other"


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells this machine from its neighbour, on the screen and on the sticker."""

    hostname: str
    machine_id: Maybe[str]
    vendor: str
    product: str
    serial: str
    architecture: str


@dataclass(frozen=True, slots=True)
class FirmwareEntry:
    """One ``Boot####`` variable, as ``efibootmgr -v`` prints it."""

    number: str
    label: str
    active: bool
    partition_uuid: str
    loader: str


@dataclass(frozen=True, slots=True)
class Firmware:
    """How the machine starts."""

    mode: str  # ``bios`` or ``uefi``
    secure_boot: Maybe[bool]
    entries: Maybe[tuple[FirmwareEntry, ...]]
    boot_order: tuple[str, ...]
    boot_next: str = ""  # number of the entry that is started once, before the order; empty when none is
    boot_current: str = ""  # number of the entry that started the running system; empty when not known
