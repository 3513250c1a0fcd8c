"""Preserved kernels: bootkeep's own kept copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PreservedKernel:
    """``/boot/bootkeep/<key>/kernel.json``: what is kept there, and the digests it must have."""

    schema: int
    key: str  # <release>_<package version>, characters outside [A-Za-z0-9.+~-] replaced
    release: str
    package: str  # empty when no package owned the image
    package_version: str
    image_sha256: str
    initramfs_sha256: str  # empty when it boots without an initramfs
    modules_path: str  # /usr/lib/bootkeep/preserved/<key>/modules, empty when it has no modules
    preserved_at: str  # UTC, ISO 8601
    initramfs_path: str = ""  # where the original lay; empty in records of older versions
    entry_path: str = ""  # of its Boot Loader Specification entry, kept as entry.conf; empty when it had none
    #: The package's other files in /boot (System.map, config, the checksum that FIPS mode asks for), kept beside the modules:
    #: path -> SHA-256.
    beside: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PutBack:
    """``/usr/lib/bootkeep/preserved/<key>/put-back.json``: what of this kernel was put back; no package owns it."""

    schema: int
    release: str
    boot: Mapping[str, str]  # path in /boot -> SHA-256
    tree: str  # the modules tree, empty when nothing of it had vanished
    modules: tuple[str, ...]  # files of it, relative
    at: str  # UTC, ISO 8601
