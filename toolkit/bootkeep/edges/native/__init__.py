"""Answers that no file or tool gives cheaply: each module makes one JSON text with psutil or a system call.

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
    "dpkg-owners": "dpkg_owners",
    "initramfs": "initramfs",
    "kernel-images": "kernel_images",
    "listeners": "listeners",
    "processes": "processes",
    "root-account": "root_account",
    "root-drivers": "root_drivers",
    "secure-boot": "secure_boot",
    "special-files": "special_files",
    "sysctl": "sysctl",
}

LIVE_ONLY = frozenset({"listeners", "processes", "root-drivers", "secure-boot", "sysctl"})


def native_answer(name: str) -> Answer:
    """The answer of this name. Raises KeyError for a name nobody has: a probe's mistake, not the machine's."""
    return cast("Answer", importlib.import_module(f"{__name__}.{MODULES[name]}").answer)
