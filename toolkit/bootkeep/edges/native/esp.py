"""What lies on one EFI system partition: every file with its digest; of loaders also signature and SBAT; small configurations.

A mounted partition is read through its mount point (its block device may be older than what was just written to it), another
one from the block device itself: nothing is mounted.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bootkeep.edges.native.fat import Fat, FatError
from bootkeep.edges.native.pe import read_pe

#: Files whose text is kept: GRUB's stub and the configuration of systemd-boot.
_TEXTS = ("grub.cfg", "loader.conf")
_LONGEST_TEXT = 64 * 1024
_MOST_FILES = 2000


def answer(root: Path, argument: str) -> str:
    """JSON ``{"files": [{path, size, sha256, signed, sbat}], "texts": {path: text}}``; ``signed`` is null for other files.

    The argument is ``<device>`` or ``<device>|<mount point>``. Raises ``OSError`` when neither can be read.
    """
    device, _, mountpoint = argument.partition("|")
    rows: list[dict[str, Any]] = []
    texts: dict[str, str] = {}
    try:
        found = _mounted(Path(str(root).rstrip("/") + mountpoint)) if mountpoint else _unmounted(device)
        for path, size, stream in found:
            with stream:
                rows.append(_row(path, size, stream))
                if path.rpartition("/")[2].lower() in _TEXTS and size <= _LONGEST_TEXT:
                    stream.seek(0)
                    texts[path] = stream.read().decode("utf-8", "replace")
            if len(rows) > _MOST_FILES:
                raise OSError(f"more than {_MOST_FILES} files on {device}")
    except FatError as error:
        raise OSError(f"{device}: {error}") from error
    return json.dumps({"files": sorted(rows, key=lambda row: str(row["path"])), "texts": texts})


def _row(path: str, size: int, stream: io.BufferedIOBase) -> dict[str, Any]:
    digest = hashlib.file_digest(stream, "sha256").hexdigest()
    pe = read_pe(stream) if path.lower().endswith(".efi") else None
    return {
        "path": path,
        "size": size,
        "sha256": digest,
        "signed": pe.signed if pe else None,
        "sbat": pe.sbat if pe else "",
    }


def _mounted(folder: Path) -> Iterator[tuple[str, int, io.BufferedIOBase]]:
    folder.stat()
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(place) / name
            if path.is_file() and not path.is_symlink():
                yield str(path.relative_to(folder)), path.stat().st_size, path.open("rb")


def _unmounted(device: str) -> Iterator[tuple[str, int, io.BufferedIOBase]]:
    with open(device, "rb") as stream:
        fat = Fat(stream)
        for file in fat.files():
            yield file.path, file.size, fat.content(file)
