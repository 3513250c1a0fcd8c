"""Kernel headers, the root account's class, Secure Boot."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.edges.native import kernel_images, root_account, secure_boot


def image(version: bytes = b"6.1.0-56-amd64 (d@d) #1 SMP Debian 6.1.192-2 (2026-11-16)", tail: int = 4096) -> bytes:
    """The head of a bzImage with so many bytes of system behind four setup sectors."""
    head = bytearray(5 * 512)
    head[0x1F1] = 4
    struct.pack_into("<I", head, 0x1F4, tail // 16)
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x20E, 0x400 - 0x200)
    head[0x400 : 0x400 + len(version)] = version
    return bytes(head) + bytes(tail)


def test_images_are_told_by_their_headers(tmp_path: Path) -> None:
    boot = tmp_path / "boot"
    (boot / "bootkeep/key").mkdir(parents=True)
    (boot / "an-odd-name").write_bytes(image())
    (boot / "vmlinuz-cut").write_bytes(image()[:4000])
    (boot / "vmlinuz-text").write_text("this is no kernel")
    (boot / "bootkeep/key/vmlinuz").write_bytes(image(b"5.10.0 #3"))
    (boot / "link").symlink_to("an-odd-name")
    rows = {row["path"]: row for row in json.loads(kernel_images.answer(tmp_path, ""))}
    assert set(rows) == {"/boot/an-odd-name", "/boot/vmlinuz-cut", "/boot/bootkeep/key/vmlinuz"}
    assert rows["/boot/an-odd-name"]["error"] == "" and rows["/boot/an-odd-name"]["version"].startswith(
        "6.1.0-56-amd64 "
    )
    assert "cut short" in rows["/boot/vmlinuz-cut"]["error"]


def test_no_boot_is_absent_not_empty(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        kernel_images.answer(tmp_path, "")


@given(st.binary(max_size=2000), st.integers(0, 2000))
def test_no_head_crashes_it(tail: bytes, cut: int) -> None:
    kernel_images.describe(image()[:cut] + tail, len(tail) + cut)


@pytest.mark.parametrize(
    ("field", "kind"),
    [("!", "locked"), ("*", "locked"), ("!$6$secret", "locked"), ("", "none"), ("$y$j9T$secret", "set")],
)
def test_only_the_class_of_the_password_leaves(tmp_path: Path, field: str, kind: str) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/shadow").write_text(f"daemon:*:1::::::\nroot:{field}:19000:0:99999:7:::\n")
    text = root_account.answer(tmp_path, "")
    assert json.loads(text) == {"password": kind}
    assert "secret" not in text


def test_secure_boot_variable(tmp_path: Path) -> None:
    folder = tmp_path / "sys/firmware/efi/efivars"
    folder.mkdir(parents=True)
    variable = folder / "SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
    variable.write_bytes(b"\x06\0\0\0\x01")
    assert secure_boot.answer(tmp_path, "") == "true"
    variable.write_bytes(b"\x06\0")
    with pytest.raises(OSError, match="2 bytes"):
        secure_boot.answer(tmp_path, "")
