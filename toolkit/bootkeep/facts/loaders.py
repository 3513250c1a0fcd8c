"""Boot loaders as they lie on disks and EFI system partitions."""

from __future__ import annotations

from dataclasses import dataclass

from bootkeep.facts.unknown import Maybe, Unknown

NOT_TAKEN = Unknown("the snapshot is older than this question")


@dataclass(frozen=True, slots=True)
class EspFile:
    """One file of an EFI system partition."""

    path: str  # from the top of the partition, with ``/``
    size_bytes: int
    sha256: str
    signed: bool | None  # None for what is no PE image
    sbat: str  # text of the image's .sbat section; empty when it has none


@dataclass(frozen=True, slots=True)
class Esp:
    """One EFI system partition."""

    device: str
    partition_uuid: str
    mountpoint: str  # empty when it is not mounted
    files: tuple[EspFile, ...]
    texts: tuple[tuple[str, str], ...]  # path and text of small configurations

    def file(self, path: str) -> EspFile | None:
        """A file by its path; FAT knows no upper and lower case."""
        return next((each for each in self.files if each.path.lower() == path.lower()), None)


@dataclass(frozen=True, slots=True)
class BootSector:
    """GRUB's boot code on one BIOS disk."""

    disk: str
    grub: bool  # GRUB's boot.img is in the first sector
    core: str  # ``same`` as /boot/grub/i386-pc/core.img, ``other``, or ``none``
    core_image: bool  # that file exists
    empty: bool = False  # no boot code of anybody in the first sector


@dataclass(frozen=True, slots=True)
class GrubEnvironment:
    """grubenv: its variables, or how it is damaged."""

    variables: tuple[tuple[str, str], ...]
    damage: str  # empty when it is whole


@dataclass(frozen=True, slots=True)
class GrubTimeouts:
    """Seconds that GRUB's menu waits; negative: for ever. None where grub.cfg does not say."""

    ordinary: int | None
    after_failure: int | None  # Ubuntu's recordfail branch


@dataclass(frozen=True, slots=True)
class Loaders:
    """Everything that a rule asks about boot loaders outside the menu itself."""

    esps: Maybe[tuple[Maybe[Esp], ...]] = NOT_TAKEN  # in lsblk's order; Unknown for one that could not be read
    sectors: Maybe[tuple[Maybe[BootSector], ...]] = NOT_TAKEN  # of the disks below /boot
    environment: Maybe[GrubEnvironment] = NOT_TAKEN
    timeouts: Maybe[GrubTimeouts] = NOT_TAKEN
    asks_environment: bool = False  # grub.cfg takes its default from grubenv
    terminals: tuple[str, ...] = ()  # words of terminal_input and terminal_output in grub.cfg
    packaged: Maybe[tuple[tuple[str, str], ...]] = NOT_TAKEN  # path -> sha256 of the packages' own EFI loaders
    revocations: Maybe[str] = NOT_TAKEN  # text of the SbatLevelRT variable
    settings_damage: Maybe[str] = NOT_TAKEN  # why no shell reads /etc/default/grub; empty when nothing surely stops one
    present: tuple[str, ...] = ()  # loaders whose files are here: GRUB, systemd-boot, extlinux, unified kernel image


#: What a snapshot has that nobody asked.
LOADERS_NOT_TAKEN = Loaders()
