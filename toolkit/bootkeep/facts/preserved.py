"""Preserved kernels: bootkeep's own kept copies."""

from __future__ import annotations

from dataclasses import dataclass


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
