"""A file of /boot twice: as the kernel's file system shows it, and as the boot loader's own driver reads it from the device."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoaderSight:
    """What ``grub-fstest`` got of one file, beside what the kernel got."""

    path: str  # absolute, as the running system names it
    device: str  # the block device of its file system
    file_system: str
    loader_path: str  # from the top of that file system, as GRUB names it
    size_bytes: int
    sha256: str
    loader_size_bytes: int
    loader_sha256: str
    complaint: str = ""  # GRUB's own words when it could not read the file; empty when it read it to its end
    unknown: str = ""  # why it could not be looked at, a sentence; then nothing above but ``path`` need be known

    @property
    def same(self) -> bool:
        """Whether both saw the same bytes."""
        return not self.unknown and not self.complaint and self.sha256 == self.loader_sha256


@dataclass(frozen=True, slots=True)
class Flushed:
    """What was done so that the device holds what the file system shows."""

    target: str  # mount point of the file system that holds /boot
    file_system: str
    frozen: bool  # frozen and thawed: the journal is empty, everything is in its place
    note: str  # why it was not frozen, or what refused; empty when it was
