"""Boot entries as firmware writes them; the bytes are built by the UEFI specification 2.10, 3.1.3 and 10.3."""

from __future__ import annotations

import json
import struct
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.edges.native import efi_variables

GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
PARTITION = "9b2a1a5e-3f4d-4c9e-8a3c-3f1d6c0a7e11"


def node(kind: int, below: int, content: bytes) -> bytes:
    return struct.pack("<BBH", kind, below, 4 + len(content)) + content


def ucs2(text: str) -> bytes:
    return text.encode("utf-16-le") + b"\0\0"


def option(label: str, path: bytes, *, active: bool = True, extra: bytes = b"") -> bytes:
    return struct.pack("<IH", int(active), len(path)) + ucs2(label) + path + extra


GPT = node(4, 1, struct.pack("<IQQ16sBB", 1, 2048, 262144, uuid.UUID(PARTITION).bytes_le, 2, 2))
MBR = node(4, 1, struct.pack("<IQQ16sBB", 5, 2048, 262144, struct.pack("<I", 0x0BADCAFE) + bytes(12), 1, 1))
END = node(0x7F, 0xFF, b"")
DEBIAN = option("debian", GPT + node(4, 4, ucs2("\\EFI\\debian\\shimx64.efi")) + END)


def answer(tmp_path: Path, **variables: bytes) -> dict[str, Any]:
    folder = tmp_path / "sys/firmware/efi/efivars"
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in variables.items():
        (folder / f"{name}-{GLOBAL}").write_bytes(b"\7\0\0\0" + content)
    (folder / "Boot0009-00000000-0000-0000-0000-000000000000").write_bytes(b"another vendor's")
    plain: dict[str, Any] = json.loads(efi_variables.answer(tmp_path, ""))
    return plain


def test_an_entry_its_partition_and_its_file(tmp_path: Path) -> None:
    found = answer(tmp_path, Boot000A=DEBIAN, BootOrder=struct.pack("<HH", 10, 1), BootCurrent=struct.pack("<H", 10))
    assert found == {
        "order": ["000A", "0001"],
        "next": "",
        "current": "000A",
        "entries": [
            {
                "number": "000A",
                "label": "debian",
                "active": True,
                "partition": PARTITION,
                "loader": "\\EFI\\debian\\shimx64.efi",
            }
        ],
    }


def test_what_is_no_file_on_a_partition_names_none(tmp_path: Path) -> None:
    network = option("PXE", node(3, 11, bytes(33)) + END, active=False, extra=b"vendor's own bytes")
    (entry,) = answer(tmp_path, Boot0001=network)["entries"]
    assert (entry["partition"], entry["loader"], entry["active"]) == ("", "", False)


def test_a_partition_of_an_mbr_has_lsblks_name(tmp_path: Path) -> None:
    path = MBR + node(4, 4, ucs2("\\EFI")) + node(4, 4, ucs2("\\a.efi")) + END
    (entry,) = answer(tmp_path, Boot0001=option("x", path))["entries"]
    assert (entry["partition"], entry["loader"]) == ("0badcafe-05", "\\EFI\\a.efi")


def test_no_uefi_and_an_unmounted_efivarfs_are_absent(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        efi_variables.answer(tmp_path, "")
    (tmp_path / "sys/firmware/efi/efivars").mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="not mounted"):
        efi_variables.answer(tmp_path, "")


@given(st.binary(max_size=200), st.integers(0, len(DEBIAN)))
def test_no_variable_crashes_it(tail: bytes, cut: int) -> None:
    found = efi_variables.load_option("0001", DEBIAN[:cut] + tail)
    assert isinstance(found["label"], str) and isinstance(found["loader"], str)
