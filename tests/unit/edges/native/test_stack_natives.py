"""LUKS headers, boot sectors, FAT partitions, PE files, the first program: real files where tools make them, else by the format."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.edges.native import boot_sector, esp, init_program, kernel_config, luks
from bootkeep.edges.native.fat import Fat, FatError
from bootkeep.edges.native.pe import is_as_signed, read_pe

UUID = "7d0bfdcc-0d3a-4dbc-8e4f-38eb0a5a17b2"


def second(plain: object, *, magic: bytes = b"LUKS\xba\xbe") -> bytes:
    """A LUKS2 header area of 16 KiB."""
    head = bytearray(4096)
    head[:8] = magic + b"\0\2"
    struct.pack_into(">Q", head, 8, 16384)
    head[168 : 168 + len(UUID)] = UUID.encode()
    return bytes(head) + json.dumps(plain).encode().ljust(12288, b"\0")


def read_luks(tmp_path: Path, content: bytes) -> dict[str, object]:
    path = tmp_path / "volume"
    path.write_bytes(content)
    plain = json.loads(luks.answer(tmp_path, str(path)))
    assert isinstance(plain, dict)
    return plain


SLOTS = {"keyslots": {"0": {"kdf": {"type": "argon2id"}}, "1": {"kdf": {"type": "pbkdf2"}}}}
AREA = SLOTS | {"segments": {"0": {"encryption": "aes-xts-plain64"}}}


def test_luks2_slots_are_named(tmp_path: Path) -> None:
    plain = read_luks(tmp_path, second(AREA))
    assert plain == {
        "version": 2,
        "uuid": UUID,
        "kdfs": ["argon2id", "pbkdf2"],
        "ciphers": ["aes-xts-plain64"],
        "problem": "",
    }


def test_luks2_whose_first_header_is_gone_is_read_from_the_second(tmp_path: Path) -> None:
    plain = read_luks(tmp_path, bytes(0x4000) + second(AREA, magic=b"SKUL\xba\xbe"))
    assert plain["kdfs"] == ["argon2id", "pbkdf2"] and "second" in str(plain["problem"])


def test_luks1_counts_only_slots_in_use(tmp_path: Path) -> None:
    head = bytearray(4096)
    head[:8] = b"LUKS\xba\xbe\0\1"
    head[8:11], head[40:51] = b"aes", b"xts-plain64"
    head[168 : 168 + len(UUID)] = UUID.encode()
    for number in range(8):
        struct.pack_into(">I", head, 208 + 48 * number, 0x00AC71F3 if number == 0 else 0x0000DEAD)
    plain = read_luks(tmp_path, bytes(head))
    assert plain["kdfs"] == ["pbkdf2"] and plain["ciphers"] == ["aes-xts-plain64"]


def test_what_is_no_luks_is_an_error_and_damage_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no LUKS header"):
        read_luks(tmp_path, bytes(8192))
    assert "metadata" in str(read_luks(tmp_path, second({"keyslots": 3}))["problem"])


def bios_disk(tmp_path: Path, *, grub: bool, core: bytes) -> Path:
    boot = bytearray(512)
    boot[510:] = b"\x55\xaa"
    if grub:
        boot[0x180:0x184] = b"GRUB"
        struct.pack_into("<Q", boot, 0x5C, 1)
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(boot) + core + bytes(4096))
    return disk


@pytest.mark.parametrize(
    ("grub", "change", "core"), [(True, 0, "same"), (True, 700, "same"), (True, 3000, "other"), (False, 0, "none")]
)
def test_the_core_is_compared_but_for_what_grub_install_writes(
    tmp_path: Path, grub: bool, change: int, core: str
) -> None:
    image = bytes(range(256)) * 32
    kept = tmp_path / "boot/grub/i386-pc"
    kept.mkdir(parents=True)
    (kept / "core.img").write_bytes(image)
    embedded = bytearray(image)
    embedded[change] ^= 0xFF
    disk = bios_disk(tmp_path, grub=grub, core=bytes(embedded))
    plain = json.loads(boot_sector.answer(tmp_path, str(disk)))
    assert (plain["grub"], plain["core"], plain["core_image"]) == (grub, core, True)


@pytest.mark.parametrize("bits", ["12", "16", "32"])
def test_a_fat_partition_is_read_without_mounting_it(tmp_path: Path, bits: str) -> None:
    """mkfs.vfat makes it; a file is put in by hand, because this machine may not mount vfat."""
    image = tmp_path / "esp.img"
    image.write_bytes(b"")
    sizes = {"12": 1 << 20, "16": 16 << 20, "32": 64 << 20}
    with image.open("r+b") as stream:
        stream.truncate(sizes[bits])
    tool = shutil.which("mkfs.vfat", path="/usr/sbin:/sbin:/usr/bin:/bin")
    assert tool, "dosfstools is listed in tools/debian-packages"
    subprocess.run([tool, "-F", bits, "-n", "ESP", str(image)], check=True, capture_output=True, timeout=30)  # noqa: TID251
    content = bytes(range(256)) * 20
    _put(image, int(bits), "A name longer than eight.efi", content)
    with image.open("rb") as stream:
        fat = Fat(stream)
        files = list(fat.files())
        assert [(file.path, file.size) for file in files] == [("A name longer than eight.efi", len(content))]
        assert fat.content(files[0]).read() == content
    plain = json.loads(esp.answer(tmp_path, str(image)))
    assert plain["files"][0]["sha256"] == hashlib.sha256(content).hexdigest() and plain["files"][0]["signed"] is None


def _put(image: Path, bits: int, name: str, content: bytes) -> None:
    """Write one file with a long name into the root directory, its clusters one after the other from the third on."""
    data = bytearray(image.read_bytes())
    sector, per, reserved, copies, roots = struct.unpack_from("<HBHBH", data, 11)
    fat_sectors = struct.unpack_from("<H", data, 22)[0] or struct.unpack_from("<I", data, 36)[0]
    table = reserved * sector
    root = (reserved + copies * fat_sectors) * sector
    first = root + (roots * 32 + sector - 1) // sector * sector
    cluster = per * sector
    count = -(-len(content) // cluster)
    for number in range(count):
        here, following = 3 + number, 4 + number if number + 1 < count else (1 << min(bits, 28)) - 1
        if bits == 32:
            struct.pack_into("<I", data, table + 4 * here, following)
        elif bits == 16:
            struct.pack_into("<H", data, table + 2 * here, following)
        else:
            (pair,) = struct.unpack_from("<H", data, table + here * 3 // 2)
            pair = (pair & 0xF) | following << 4 if here & 1 else (pair & 0xF000) | following & 0xFFF
            struct.pack_into("<H", data, table + here * 3 // 2, pair)
    data[first + cluster : first + cluster + len(content)] = content
    rows = b""
    padded = (name + "\0").ljust(-(-(len(name) + 1) // 13) * 13, "\uffff")
    pieces = [padded[start : start + 13].encode("utf-16-le") for start in range(0, len(padded), 13)]
    for number, piece in reversed(list(enumerate(pieces, start=1))):
        rows += bytes([number | (0x40 if number == len(pieces) else 0)])
        rows += piece[:10] + b"\x0f\0\0" + piece[10:22] + b"\0\0" + piece[22:]
    rows += b"ANAME~1 EFI" + bytes(15) + struct.pack("<HI", 3, len(content))
    place = root if bits != 32 else first  # the root directory of FAT32 begins at cluster 2
    while data[place] not in (0, 0xE5):  # behind the label
        place += 32
    data[place : place + len(rows)] = rows
    image.write_bytes(bytes(data))


@given(st.binary(max_size=2048))
def test_no_bytes_crash_the_readers(content: bytes) -> None:
    read_pe(io.BytesIO(b"MZ" + content))
    head = bytearray((content + bytes(512))[:510] + b"\x55\xaa" + content)
    try:
        list(Fat(io.BytesIO(bytes(head))).files())
    except (FatError, struct.error):
        return


def test_signed_and_unsigned_images_are_told_apart(tmp_path: Path) -> None:
    head = bytearray(1024)
    head[:2], head[0x80:0x84] = b"MZ", b"PE\0\0"
    struct.pack_into("<I", head, 0x3C, 0x80)
    struct.pack_into("<HHIIIHH", head, 0x84, 0x8664, 1, 0, 0, 0, 240, 0)
    struct.pack_into("<H", head, 0x98, 0x20B)
    struct.pack_into("<I", head, 0x98 + 108, 16)
    struct.pack_into("<8sIIII", head, 0x98 + 240, b".sbat", 16, 0, 16, 900)
    head[900:914] = b"sbat,1\ngrub,4\n"
    pe = read_pe(io.BytesIO(bytes(head)))
    assert pe is not None and not pe.signed and pe.sbat == "sbat,1\ngrub,4\n"
    struct.pack_into("<II", head, 0x98 + 112 + 32, 960, 64)
    pe = read_pe(io.BytesIO(bytes(head)))
    assert pe is not None and pe.signed


def test_this_machines_first_program_is_whole() -> None:
    plain = json.loads(init_program.answer(Path("/"), ""))
    assert plain["problem"] == ""
    # A minimal container has no init at all: that is what has to be said there.
    assert (plain["missing"] == []) is Path("/sbin/init").exists()


def test_a_first_program_without_its_library(tmp_path: Path) -> None:
    for name in ("sbin", "lib64", "usr/lib"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copy("/bin/ls", tmp_path / "sbin/init")
    plain = json.loads(init_program.answer(tmp_path, ""))
    assert any(text.startswith("libc.so") for text in plain["missing"])
    assert any("interpreter" in text for text in plain["missing"])
    (tmp_path / "sbin/init").unlink()
    assert json.loads(init_program.answer(tmp_path, ""))["missing"] == ["/sbin/init"]
    (tmp_path / "sbin/init").write_text("#!/bin/sh\n")
    assert "no 64-bit" in json.loads(init_program.answer(tmp_path, ""))["problem"]


def test_options_of_each_kernel(tmp_path: Path) -> None:
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot/config-6.1").write_text("CONFIG_RD_ZSTD=y\n# CONFIG_RD_LZO is not set\nCONFIG_X=m\n")
    options = json.loads(kernel_config.answer(tmp_path, ""))["6.1"]
    assert options["CONFIG_RD_ZSTD"] == "y" and options["CONFIG_RD_LZO"] == "n" and "CONFIG_X" not in options


def signed_image(body: bytes, *, oid: bytes = bytes.fromhex("0609608648016503040201")) -> bytearray:
    """A PE32+ image with a certificate table that holds its Authenticode digest, as sbsign(1) lays it out."""
    head = bytearray(1024)
    head[:2], head[0x80:0x84] = b"MZ", b"PE\0\0"
    struct.pack_into("<I", head, 0x3C, 0x80)
    optional = 0x80 + 24
    struct.pack_into("<H", head, optional, 0x20B)
    directories = optional + 112
    struct.pack_into("<I", head, directories - 4, 16)
    content = head + body
    digest = hashlib.sha256(
        content[: optional + 64] + content[optional + 68 : directories + 32] + content[directories + 40 :]
    )
    signature = b"\x00\x02\x02\x00" + oid + digest.digest()
    struct.pack_into("<II", content, directories + 32, len(content), len(signature))
    struct.pack_into("<I", content, optional + 64, 0xC0FFEE)  # the checksum is no part of it
    return content + signature


def test_a_signed_image_is_whole_or_it_is_not() -> None:
    image = signed_image(bytes(range(256)) * 64)
    assert read_pe(io.BytesIO(bytes(image))) is not None and is_as_signed(io.BytesIO(bytes(image))) is True
    for place in (1, 1500, 9000):
        changed = bytearray(image)
        changed[place] ^= 0x10
        assert is_as_signed(io.BytesIO(bytes(changed))) in (False, None), place
    zeros = bytearray(image)
    zeros[4096:8192] = bytes(4096)
    assert is_as_signed(io.BytesIO(bytes(zeros))) is False
    assert is_as_signed(io.BytesIO(b"MZ" + bytes(4000))) is None
    other = signed_image(bytes(5000), oid=bytes.fromhex("06052b0e03021a"))  # SHA-1: nothing is said
    assert is_as_signed(io.BytesIO(bytes(other))) is None


@given(st.binary(max_size=1500), st.integers(0, 3000))
def test_no_image_crashes_the_look_at_its_signature(tail: bytes, cut: int) -> None:
    is_as_signed(io.BytesIO(bytes(signed_image(bytes(2000))[:cut]) + tail))
