"""What the store keeps of one configuration file, so that it can be put back as it was: content, rights, owner, attributes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class CopyKind(Enum):
    """How much of the file was kept."""

    FILE = "file"  # all of it
    LINK = "link"  # a symbolic link: where it leads
    REDACTED = "redacted"  # the text without its secrets, for reading; the whole content only sealed
    WITHHELD = "withheld"  # nothing that can be read; ``why`` says why


@dataclass(frozen=True, slots=True)
class ConfigCopy:
    """One file as it was at one phase of a transaction."""

    kind: CopyKind
    mode: int  # permission bits, e.g. 0o640
    uid: int
    gid: int
    mtime_ns: int
    size_bytes: int
    fingerprint: str = ""  # HMAC-SHA256 of the true content with the host's key; tells whether the file changed since
    target: str = ""  # of a link
    xattrs: Mapping[str, str] = field(default_factory=dict)  # name -> Base64; POSIX ACLs are system.posix_acl_access
    why: str = ""  # why the content is not there
    sealed: bool = False  # the whole content is kept sealed with the host's key, for putting back

    @property
    def restorable(self) -> bool:
        """Whether the file can be put back from this copy."""
        return self.sealed or self.kind in {CopyKind.FILE, CopyKind.LINK}


@dataclass(frozen=True, slots=True)
class FreshCopy:
    """A copy that was just taken: what to keep, and the content where there is one to keep."""

    about: ConfigCopy
    content: bytes | None = None
    sealed: bytes = b""  # the whole content, when ``content`` is not all of it (edges.sealing)


@dataclass(frozen=True, slots=True)
class Restored:
    """One file that was put back."""

    path: str
    at: str  # UTC
    by: str  # SUDO_USER or the login's name
    kept_as: str  # where the file that was replaced lies now; empty when there was none
    forced: bool  # it had changed since the transaction
