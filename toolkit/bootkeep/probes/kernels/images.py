"""What lies in /boot: kernel images by their own headers, and everything else by lstat."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Any

from bootkeep.facts.kernel import BootFile
from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.answers import object_of, rows_of, text_of
from bootkeep.probes.read import Digest, File, Listing, Native, Probe, Read

BOOT_FILES = Listing("/boot/*")
#: /vmlinuz and /initrd.img: links at the root that some menu entries name.
ROOT_LINKS = Listing("/*")
PRESERVED_FILES = Listing("/boot/bootkeep/*/*")
HEADERS = Native("kernel-images")


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """One kernel image, by its header."""

    path: str
    version: str  # full version text; empty where the format has none
    error: str  # how it is damaged; empty when it is whole
    signed: Maybe[bool] = Unknown("not taken")  # Absent where the image is no PE file

    @property
    def release(self) -> str:
        """What ``uname -r`` will print. Formats without a version text leave only the name: ``vmlinuz-<release>``."""
        if self.version.split():
            return self.version.split()[0]
        name = posixpath.basename(self.path)
        return name.partition("-")[2]


def image_headers(readings: Readings) -> Maybe[tuple[ImageHeader, ...]]:
    """Kernel images in /boot and in preserved folders. An empty tuple means that /boot was read and holds none."""
    rows = rows_of(readings, HEADERS, "the kernel images in /boot")
    if not isinstance(rows, tuple):
        return rows
    try:
        return tuple(
            ImageHeader(str(row["path"]), str(row["version"]), str(row["error"]), _signed(row.get("signed")))
            for row in rows
        )
    except KeyError as error:
        return Unknown(f"the kernel images in /boot were not understood: no {error}")


def _signed(word: object) -> Maybe[bool]:
    if word in ("yes", "no"):
        return word == "yes"
    return Absent("a PE header") if word == "" else Unknown("the snapshot is older than this question")


def boot_file(row: dict[str, Any], digest: Maybe[str]) -> BootFile:
    """A row of a listing as a fact. Raises ``KeyError`` when the row is damaged."""
    return BootFile(
        path=str(row["path"]),
        size_bytes=int(row["size"]),
        mtime_ns=int(row["mtime_ns"]),
        inode=int(row["ino"]),
        links=int(row["nlink"]),
        sha256=digest,
    )


def digests_of(readings: Readings, paths: tuple[str, ...]) -> dict[str, str]:
    """sha256 by path, for those that were taken."""
    found: dict[str, str] = {}
    for path in paths:
        plain = object_of(readings, Digest(path), path)
        if isinstance(plain, dict):
            found.update({str(key): str(value) for key, value in plain.items()})
    return found


def files_in_boot(readings: Readings) -> Maybe[dict[str, dict[str, Any]]]:
    """Path -> listing row of everything in /boot, of links and files at the root, and of preserved kernels."""
    rows = rows_of(readings, BOOT_FILES, "/boot")
    if not isinstance(rows, tuple):
        return rows
    more: list[dict[str, Any]] = []
    for read in (PRESERVED_FILES, ROOT_LINKS):
        extra = rows_of(readings, read, read.pattern)
        if isinstance(extra, tuple):
            more += [row for row in extra if read is PRESERVED_FILES or row.get("type") in ("link", "file")]
    try:
        return {str(row["path"]): row for row in (*rows, *more) if isinstance(row["size"], int)}
    except KeyError as error:
        return Unknown(f"the listing of /boot was not understood: no {error}")


def resolve(path: str, files: dict[str, dict[str, Any]]) -> str:
    """Follow links among the listed files; the path itself when it is no link. Loops end where they began."""
    for _ in range(8):
        row = files.get(path)
        if row is None or row.get("type") != "link":
            return path
        path = posixpath.normpath(posixpath.join(posixpath.dirname(path), str(row.get("target", ""))))
        # /boot/boot -> . and absolute targets inside a rescue root are as the running system names them.
    return path


def preserved_folders(readings: Readings) -> tuple[str, ...]:
    """Folders /boot/bootkeep/<key> that exist."""
    rows = rows_of(readings, PRESERVED_FILES, "preserved kernels")
    if isinstance(rows, (Absent, Unknown)):
        return ()
    return tuple(sorted({posixpath.dirname(str(row.get("path", ""))) for row in rows}))


def _follow_ups(readings: Readings) -> tuple[Read, ...]:
    headers = image_headers(readings)
    digests: tuple[Read, ...] = ()
    if isinstance(headers, tuple):
        digests = tuple(Digest(header.path) for header in headers)
    return digests + tuple(File(f"{folder}/kernel.json") for folder in preserved_folders(readings))


def preserved_record(readings: Readings, folder: str) -> Maybe[dict[str, Any]]:
    """``kernel.json`` of one preserved kernel."""
    read = File(f"{folder}/kernel.json")
    text = text_of(readings, read, read.path)
    return object_of(readings, read, read.path) if isinstance(text, str) else text


IMAGES = Probe(
    name="kernel images",
    reads=(BOOT_FILES, ROOT_LINKS, PRESERVED_FILES, HEADERS),
    understand=image_headers,
    follow_ups=_follow_ups,
)
