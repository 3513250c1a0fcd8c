"""Answers that no file or tool gives cheaply: each module makes one JSON text with psutil, from /proc, or by a system call.

A native answer takes the host's root directory and the part of the name after the colon, and returns text, or raises
``OSError`` (``FileNotFoundError`` becomes ABSENT, ``PermissionError`` DENIED, the rest FAILED) or ``TimeoutError``.
``LIVE_ONLY`` names answers that describe the running system and so are not taken from a mounted root.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias, cast

Answer: TypeAlias = Callable[[Path, str], str]

#: Name of the answer -> module of this folder. Imported late, one by one, so that a hook pays only for what it asks.
MODULES = {
    "below-mounts": "below_mounts",
    "boot-sector": "boot_sector",
    "built-in": "built_in",
    "dkms-excluded": "dkms_excluded",
    "dpkg-owners": "dpkg_owners",
    "efi-variables": "efi_variables",
    "esp": "esp",
    "init-program": "init_program",
    "initramfs": "initramfs",
    "integrity": "integrity",
    "journal": "journal",
    "kernel-config": "kernel_config",
    "kernel-images": "kernel_images",
    "listeners": "listeners",
    "loader-sees": "loader_sees",
    "luks": "luks",
    "network-drivers": "network_drivers",
    "package-modes": "package_modes",
    "package-scripts": "package_scripts",
    "polkit": "polkit",
    "processes": "processes",
    "root-account": "root_account",
    "root-drivers": "root_drivers",
    "rpm-config-files": "rpm_config_files",
    "rpm-files": "rpm_files",
    "rpm-packages": "rpm_packages",
    "sbat-level": "sbat_level",
    "secure-boot": "secure_boot",
    "selinux-labels": "selinux_labels",
    "shadow-states": "shadow_states",
    "special-files": "special_files",
    "special-walk": "special_walk",
    "ssh-keys": "ssh_keys",
    "stale": "stale",
    "sysctl": "sysctl",
    "texts": "texts",
    "unit-files": "unit_files",
}

LIVE_ONLY = frozenset(
    {
        "below-mounts",
        "efi-variables",
        "built-in",
        "journal",
        "listeners",
        "network-drivers",
        "processes",
        "root-drivers",
        "sbat-level",
        "secure-boot",
        "stale",
        "sysctl",
    }
)


def native_answer(name: str) -> Answer:
    """The answer of this name. Raises KeyError for a name nobody has: a probe's mistake, not the machine's."""
    return cast("Answer", importlib.import_module(f"{__name__}.{MODULES[name]}").answer)
