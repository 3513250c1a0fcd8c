"""What is inside an initramfs image, read as the kernel reads it: archive after archive, to the last byte.

lsinitramfs(8) unpacks the microcode archives to /var/tmp and ends with 0 on some cut images; this streams names only,
writes nothing, and an image that the kernel could not unpack to its end is reported as damaged.
gzip, xz, lzma and bzip2 are read by Python itself; zstd and lz4 need their tool.
"""

from __future__ import annotations

import io
import json
import lzma
import os
import re
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from bootkeep.edges.native.cpio import MAGICS, Cursor, Damaged, Readable, members
from bootkeep.edges.native.initramfs_streams import Plain, Unpacked, after_zeros, end_of, section
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
#: Of a gzip header's flags: all but the name's and the text's (lib/decompress_inflate.c passes over the name only).
_GZIP_REFUSED = 0xFF & ~0x09
#: None and CRC32 (lib/xz/xz_dec_stream.c).
_XZ_CHECKS = (0, 1)
_BUFFER_BYTES = 1 << 17
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

    def add(self, later: _Contents) -> None:
        """Take over what a later stream holds. Its files replace those of the same name, as they do in the kernel."""
        self.entries += later.entries
        self.archives += later.archives
        self.has_init = self.has_init or later.has_init
        self.modules |= later.modules
        self.releases |= later.releases
        self.texts |= later.texts
        self.tools |= later.tools
        self.generator = later.generator or self.generator


def answer(root: Path, argument: str) -> str:
    """JSON ``{size, mtime_ns, ino, compression, archives, entries, has_init, modules, releases, texts, tools,
    generator, error, missing_tool}``.

    ``error`` is empty for an intact image; ``missing_tool`` names what would be needed to look inside.
    """
    path = root / argument.lstrip("/")
    contents = _Contents()
    compression, error, missing = "none", "", ""
    with path.open("rb", buffering=0) as stream:
        info = os.fstat(stream.fileno())
        try:
            compression = _read(stream.fileno(), info.st_size, contents)
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


def _read(descriptor: int, size: int, contents: _Contents) -> str:
    """Walk an image archive by archive, as ``unpack_to_rootfs`` does; returns the compression of the main one.

    The main one is the first that is compressed: what comes before it is microcode, what follows was appended.
    """
    main, position = "", 0
    while True:
        position = after_zeros(descriptor, position, size)
        head = os.pread(descriptor, 6, position)
        if not head:
            return main or "none"
        if head in MAGICS:
            _aligned(position, "the image")
            cursor = Cursor(io.BufferedReader(Plain(descriptor, position), _BUFFER_BYTES), position)
            contents.take(cursor)
            position = cursor.position
            continue
        compression = compression_of(head)
        if not compression:
            raise Damaged(f"byte {position} begins neither an archive nor a compression that the kernel knows")
        if compression in _TOOLS:
            position = _through_tool(descriptor, size, position, compression, contents)
        else:
            position = _through_python(descriptor, position, compression, contents)
        if not contents.archives:
            raise Damaged("its first compressed stream is empty, which the kernel refuses")
        main = main or compression


def _aligned(position: int, where: str) -> None:
    """The kernel takes an archive only at a multiple of 4; elsewhere it says ``invalid magic`` or ``broken padding``."""
    if position % 4:
        raise Damaged(
            f"the archive at byte {position} of {where} does not begin at a multiple of 4: the kernel refuses it"
        )


def _through_python(descriptor: int, position: int, compression: str, contents: _Contents) -> int:
    """Returns where the stream ends."""
    head = os.pread(descriptor, 8, position)
    if compression == "gzip" and head[3:4] and head[3] & _GZIP_REFUSED:
        raise Damaged(f"gzip: byte {position} begins a header with extra fields, which the kernel does not read")
    if compression == "xz" and head[7:8] and head[7] not in _XZ_CHECKS:
        raise Damaged("xz: its checksum is of a kind that the kernel refuses; it reads those of xz --check=crc32")
    unpacked = Unpacked(descriptor, position, compression)
    try:
        damage = _archives(io.BufferedReader(unpacked, _BUFFER_BYTES), contents)
    except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        raise Damaged(f"{compression}: {error}") from error
    if damage:
        raise Damaged(damage)
    return unpacked.end


def _through_tool(descriptor: int, size: int, position: int, compression: str, contents: _Contents) -> int:
    """Returns where the stream ends.

    Nearly always it is the last one and goes straight from the file to the tool. Where something follows it, only the stream does.
    """
    end: int | None = size
    if compression in ("zstd", "lz4"):
        # Its end is found by steps through the file; the rest is on its way into memory meanwhile, all of it is needed.
        with suppress(OSError):
            os.posix_fadvise(descriptor, position, 0, os.POSIX_FADV_WILLNEED)
        end = end_of(compression, descriptor, position, size)
    if end is not None and end < size:
        with section(descriptor, position, end) as source:
            found, damage = _filtered(source, compression)
    else:
        # The child shares the file's offset, so it begins where the stream begins.
        os.lseek(descriptor, position, os.SEEK_SET)
        with open(descriptor, "rb", closefd=False, buffering=0) as source:
            found, damage = _filtered(source, compression)
    if damage:
        raise Damaged(damage)
    contents.add(found)
    return size if end is None else end


def _filtered(source: BinaryIO, compression: str) -> tuple[_Contents, str]:
    found = _Contents()
    with filtered(_TOOLS[compression], source, timeout_s=_TIMEOUT_S) as child:
        damage = _archives(child.output, found)
        complaint = _last_words(child)
    return found, f"{compression}: {complaint}" if complaint else damage


def _archives(stream: Readable, contents: _Contents) -> str:
    """Read archives up to the end of a decompressed stream; returns what is wrong with them."""
    cursor = Cursor(stream)
    try:
        while head := cursor.skip_zeros():
            if head not in MAGICS:
                return f"byte {cursor.position} of the decompressed image begins no archive"
            _aligned(cursor.position, "the decompressed image")
            contents.take(cursor)
    except Damaged as damage:
        return str(damage)
    return ""


def _last_words(child: Filter) -> str:
    """Drain a child whose output is damaged, so that it can say why."""
    while child.output.read(1 << 20):
        pass
    return child.finish()
