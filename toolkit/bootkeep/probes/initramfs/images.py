"""initramfs images: which there are, and what is inside them."""

from __future__ import annotations

import posixpath
import re
from typing import Any

from bootkeep.facts.kernel import BootFile, Initramfs
from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.answers import object_of
from bootkeep.probes.kernels.images import BOOT_FILES, PRESERVED_FILES, boot_file, files_in_boot, image_headers
from bootkeep.probes.read import Native, Probe, Read

#: What the generators call their images; ``update-initramfs`` keeps ``.bak`` and writes ``.new``: those are never loaded.
_NAME = re.compile(r"^(?:initrd\.img(?:-.+)?|initramfs-.+\.img|initrd-.+)$")
_NOT_LOADED = (".bak", ".new", ".dpkg-bak", ".old-dkms")


def listing_of(path: str) -> Native:
    """The read that looks inside one image."""
    return Native(f"initramfs:{path}")


def image_paths(readings: Readings) -> tuple[str, ...]:
    """Regular files in /boot that are initramfs images by the generators' own names, and the preserved ones."""
    files = files_in_boot(readings)
    if isinstance(files, (Absent, Unknown)):
        return ()
    return tuple(
        sorted(
            path
            for path, row in files.items()
            if row.get("type") == "file" and _NAME.match(posixpath.basename(path)) and not path.endswith(_NOT_LOADED)
        )
    )


def path_for(release: str, folder: str, files: dict[str, dict[str, Any]]) -> str:
    """Where the generators put the image of a release; empty when there is none."""
    if folder != "/boot":
        path = f"{folder}/initrd.img"
        return path if path in files else ""
    names = (f"initrd.img-{release}", f"initramfs-{release}.img", f"initrd-{release}")
    return next((f"{folder}/{name}" for name in names if f"{folder}/{name}" in files), "")


def understand_image(readings: Readings, path: str, release: str, row: dict[str, Any]) -> Initramfs:
    """One image. What could not be listed is Unknown; what is damaged says so in ``listing_error``."""
    inside = object_of(readings, listing_of(path), path)
    file = boot_file(row, Absent("not taken"))
    if isinstance(inside, (Absent, Unknown)):
        reason = inside if isinstance(inside, Unknown) else Unknown(f"{path} went away while it was read")
        return Initramfs(file, release, "", reason, reason, reason, "")
    return _from_answer(file, release, inside)


def _from_answer(file: BootFile, release: str, inside: dict[str, Any]) -> Initramfs:
    try:
        compression = str(inside["compression"])
        error = str(inside["error"])
        if inside["missing_tool"]:
            reason = Unknown(
                f"{file.path} is compressed with {compression}, and {inside['missing_tool']} is not installed"
            )
            return Initramfs(file, release, compression, reason, reason, reason, "")
        if error:
            cut = Unknown(f"{file.path} is damaged: {error}")
            return Initramfs(file, release, compression, cut, cut, cut, error)
        return Initramfs(
            file=file,
            release=release,
            compression=compression,
            modules=frozenset(str(name) for name in inside["modules"]),
            entries=int(inside["entries"]),
            has_init=bool(inside["has_init"]),
            listing_error="",
            releases=tuple(str(name) for name in inside.get("releases", ())),
            texts=_texts(inside),
            tools=frozenset(str(name) for name in inside["tools"]) if "tools" in inside else _OLDER,
            generator=str(inside.get("generator", "")),
        )
    except (KeyError, TypeError, ValueError) as error:
        reason = Unknown(f"the listing of {file.path} was not understood: {error}")
        return Initramfs(file, release, "", reason, reason, reason, "")


#: Snapshots of 0.1 have names of modules only.
_OLDER = Unknown("the snapshot is older than this question")


def _texts(inside: dict[str, Any]) -> Maybe[tuple[tuple[str, str], ...]]:
    texts = inside.get("texts")
    if not isinstance(texts, dict):
        return _OLDER
    return tuple((str(path), str(text)) for path, text in sorted(texts.items()))


def _follow_ups(readings: Readings) -> tuple[Read, ...]:
    return tuple(listing_of(path) for path in image_paths(readings))


INITRAMFS = Probe(
    name="initramfs", reads=(BOOT_FILES, PRESERVED_FILES), understand=image_headers, follow_ups=_follow_ups
)
