"""What is inside an initramfs image, read as the kernel reads it: archive after archive, to the last byte.

lsinitramfs(8) unpacks the microcode archives to /var/tmp and ends with 0 on some cut images; this streams names only,
writes nothing, and an image that the kernel could not unpack to its end is reported as damaged.
gzip, xz, lzma and bzip2 are read by Python itself; zstd and lz4 need their tool.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from bootkeep.edges.native.cpio import MAGICS, Cursor, Damaged, Readable, members
from bootkeep.edges.run import Filter, filtered

#: First bytes -> compression, as in the kernel's lib/decompress.c.
_COMPRESSIONS = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\xfd7zXZ", "xz"),
    (b"\x02\x21\x4c\x18", "lz4"),
    (b"BZh", "bzip2"),
    (b"\x5d\x00\x00", "lzma"),
    (b"\x89LZO", "lzo"),
)
#: All of them verify checksums: a flipped bit is damage too.
_TOOLS = {"zstd": ("zstd", "-dcq"), "lz4": ("lz4", "-dcq"), "lzo": ("lzop", "-dcq")}
#: None of them closes the image's own stream.
_OPENERS: dict[str, Callable[[BinaryIO], gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile]] = {
    "gzip": lambda stream: gzip.GzipFile(fileobj=stream),
    "bzip2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
    "lzma": lzma.LZMAFile,
}
_MODULE = re.compile(r"(?:^|/)lib/modules/([^/]+)/(?:.*/)?([^/]+)\.ko(?:\.(?:gz|xz|zst))?$")
_TIMEOUT_S = 30.0
#: Small files that decide how the root device is found. No key, no pass phrase: cryptsetup's key files are not among them.
_TEXTS = frozenset(
    {
        "cryptroot/crypttab",  # cryptsetup-initramfs
        "etc/crypttab",  # dracut
        "etc/mdadm/mdadm.conf",
        "etc/mdadm.conf",
        "etc/lvm/devices/system.devices",
        "etc/multipath/wwids",
        "conf/conf.d/resume",
        "etc/fstab",
        "etc/cmdline.d/resume.conf",
    }
)
#: Programs that bring a root device together.
_TOOLS_INSIDE = frozenset(
    {"cryptsetup", "systemd-cryptsetup", "lvm", "mdadm", "multipath", "multipathd", "zpool", "btrfs", "dracut-install"}
)
_TOOL = re.compile(r"^(?:usr/)?(?:s?bin|lib/systemd|lib/dracut)/([^/]+)$")


@dataclass
class _Contents:
    entries: int = 0
    has_init: bool = False
    modules: set[str] = field(default_factory=set)
    releases: set[str] = field(default_factory=set)
    archives: int = 0
    texts: dict[str, str] = field(default_factory=dict)
    tools: set[str] = field(default_factory=set)
    generator: str = ""

    def take(self, cursor: Cursor) -> None:
        """Read one archive."""
        for name, content in members(cursor, _TEXTS):
            self.entries += 1
            plain = name.removeprefix("./")
            if content is not None:
                self.texts[plain] = content.decode("utf-8", "surrogateescape")
            tool = _TOOL.match(plain)
            if tool and tool[1] in _TOOLS_INSIDE:
                self.tools.add(tool[1])
            if plain == "scripts/functions":
                self.generator = "initramfs-tools"
            elif plain.startswith(("usr/lib/dracut/", "lib/dracut/")):
                self.generator = "dracut"
            if plain == "init":
                self.has_init = True
            match = _MODULE.search(plain)
            if match:
                self.releases.add(match[1])
                self.modules.add(match[2].replace("-", "_"))
        self.archives += 1


def answer(root: Path, argument: str) -> str:
    """JSON ``{size, mtime_ns, ino, compression, archives, entries, has_init, modules, releases, texts, tools,
    generator, error, missing_tool}``.

    ``error`` is empty for an intact image; ``missing_tool`` names what would be needed to look inside.
    """
    path = root / argument.lstrip("/")
    contents = _Contents()
    compression, error, missing = "none", "", ""
    with path.open("rb") as stream:
        info = os.fstat(stream.fileno())
        try:
            compression = _read(stream, contents)
        except Damaged as damage:
            compression = _magic_of(path)
            error = str(damage)
        except FileNotFoundError as absence:
            missing = str(absence.filename or absence)
            compression = Path(missing).name
    if not error and not missing and not contents.entries:
        error = "the image is empty" if info.st_size == 0 else "the image holds no file"
    return json.dumps(
        {
            "size": info.st_size,
            "mtime_ns": info.st_mtime_ns,
            "ino": info.st_ino,
            "compression": compression,
            "archives": contents.archives,
            "entries": contents.entries,
            "has_init": contents.has_init,
            "modules": sorted(contents.modules),
            "releases": sorted(contents.releases),
            "texts": contents.texts,
            "tools": sorted(contents.tools),
            "generator": contents.generator,
            "error": error,
            "missing_tool": missing,
        }
    )


def compression_of(head: bytes) -> str:
    """The compression that the first bytes name; empty when none is known."""
    return next((name for magic, name in _COMPRESSIONS if head.startswith(magic)), "")


def _magic_of(path: Path) -> str:
    with path.open("rb") as stream:
        head = stream.read(6)
    return "none" if head in MAGICS else compression_of(head) or "unknown"


def _read(stream: BinaryIO, contents: _Contents) -> str:
    """Walk the archives of an image; returns the compression of the main one."""
    cursor = Cursor(stream)
    while True:
        head = cursor.skip_zeros()
        if not head:
            return "none"
        if head in MAGICS:
            contents.take(cursor)
            continue
        compression = compression_of(head)
        if not compression:
            raise Damaged(f"byte {cursor.position} begins neither an archive nor a compression that the kernel knows")
        stream.seek(cursor.position)
        _read_compressed(stream, compression, contents)
        return compression


def _read_compressed(stream: BinaryIO, compression: str, contents: _Contents) -> None:
    if compression in _TOOLS:
        # The child shares the file's offset, so it begins where the archive begins.
        os.lseek(stream.fileno(), stream.tell(), os.SEEK_SET)
        with filtered(_TOOLS[compression], stream, timeout_s=_TIMEOUT_S) as child:
            damage = _archives(child.output, contents)
            complaint = _last_words(child)
        if complaint or damage:
            raise Damaged(f"{compression}: {complaint}" if complaint else damage)
        return
    try:
        with _OPENERS[compression](stream) as opened:
            damage = _archives(opened, contents)
    except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        raise Damaged(f"{compression}: {error}") from error
    if damage:
        raise Damaged(damage)


def _archives(stream: Readable, contents: _Contents) -> str:
    """Read archives up to the end of a decompressed stream; returns what is wrong with them."""
    cursor = Cursor(stream)
    try:
        while head := cursor.skip_zeros():
            if head not in MAGICS:
                return f"byte {cursor.position} of the decompressed image begins no archive"
            contents.take(cursor)
    except Damaged as damage:
        return str(damage)
    return ""


def _last_words(child: Filter) -> str:
    """Drain a child whose output is damaged, so that it can say why."""
    while child.output.read(1 << 20):
        pass
    return child.finish()
