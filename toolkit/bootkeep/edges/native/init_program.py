"""Whether the first program can be started: /sbin/init, the ELF interpreter that it names, and every library that it needs.

Reads the files as ld.so(8) would search them, and starts nothing (ldd(1) starts the program's interpreter).
Formats: System V gABI, chapter 5; only little-endian 64-bit files are understood, others are reported as such.
"""

from __future__ import annotations

import glob
import json
import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

_INIT = "/sbin/init"
_PT_DYNAMIC, _PT_INTERP, _PT_LOAD = 2, 3, 1
_DT_NEEDED, _DT_STRTAB, _DT_RPATH, _DT_RUNPATH = 1, 5, 15, 29
_LARGEST = 64 * 1024 * 1024
_MOST_FILES = 200


@dataclass(frozen=True, slots=True)
class _Elf:
    interpreter: str
    needed: tuple[str, ...]
    run_path: tuple[str, ...]


def answer(root: Path, _argument: str) -> str:
    """JSON ``{"program": path, "missing": [what is needed and not there], "problem": text}``."""
    program, missing, problem = _INIT, [], ""
    try:
        program = follow(root, _INIT)
        missing = _missing(root, program)
    except FileNotFoundError as error:
        missing = [str(error.filename or error)]
    except ValueError as error:
        problem = str(error)
    return json.dumps({"program": program, "missing": missing, "problem": problem})


def follow(root: Path, path: str) -> str:
    """A path inside the root with every link followed inside the root. Raises FileNotFoundError with the missing path."""
    for _ in range(40):
        done = ""
        for part in (pieces := [piece for piece in path.split("/") if piece]):
            done = f"{done}/{part}"
            try:
                mode = os.lstat(f"{root}/{done.lstrip('/')}").st_mode
            except NotADirectoryError as error:
                raise FileNotFoundError(2, "no such file", done) from error
            except FileNotFoundError as error:
                raise FileNotFoundError(2, "no such file", done) from error
            if stat.S_ISLNK(mode):
                target = os.readlink(f"{root}/{done.lstrip('/')}")
                rest = "/".join(pieces[done.count("/") :])
                base = target if target.startswith("/") else f"{os.path.dirname(done)}/{target}"
                path = os.path.normpath(f"{base}/{rest}" if rest else base)
                break
        else:
            return "/" + os.path.normpath(path).lstrip("/")
    raise FileNotFoundError(2, "a loop of links", path)


def _missing(root: Path, program: str) -> list[str]:
    folders = _folders(root)
    waiting, seen, missing = [program], set[str](), []
    # A library that is loaded once serves everyone who asks for its name, also where his own search would not find it.
    loaded: set[str] = set()
    while waiting and len(seen) < _MOST_FILES:
        path = waiting.pop(0)
        if path in seen:
            continue
        seen.add(path)
        elf = _read(root, path)
        if elf.interpreter:
            try:
                follow(root, elf.interpreter)
            except FileNotFoundError:
                missing.append(f"{elf.interpreter} (interpreter of {path})")
        own = tuple(folder.replace("$ORIGIN", os.path.dirname(path)) for folder in elf.run_path)
        for name in elf.needed:
            if name in loaded:
                continue
            found = _find(root, name, (*own, *folders))
            if found:
                loaded.add(name)
                waiting.append(found)
            else:
                missing.append(f"{name} (needed by {path})")
    return missing


def _folders(root: Path) -> tuple[str, ...]:
    """Where ld.so looks: the folders of ld.so.conf.d, and its own."""
    folders: list[str] = []
    for file in sorted(glob.glob(f"{root}/etc/ld.so.conf.d/*.conf")):
        text = Path(file).read_text("utf-8", "replace")
        folders += [line.strip() for line in text.splitlines() if line.strip().startswith("/")]
    multiarch = [f"/{path.relative_to(root)}" for path in sorted(root.glob("usr/lib/*-linux-gnu*")) if path.is_dir()]
    return (*folders, *multiarch, "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/usr/lib/systemd")


def _find(root: Path, name: str, folders: tuple[str, ...]) -> str:
    for folder in folders:
        try:
            return follow(root, f"{folder}/{name}")
        except FileNotFoundError:
            continue
    return ""


def _read(root: Path, path: str) -> _Elf:
    """The dynamic part of one ELF file. Raises ValueError on what is none."""
    real = Path(f"{root}/{path.lstrip('/')}")
    if real.stat().st_size > _LARGEST:
        raise ValueError(f"{path} is too large to be looked into")
    data = real.read_bytes()
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError(f"{path} is no 64-bit little-endian ELF file")
    try:
        return _parse(data)
    except (struct.error, IndexError) as error:
        raise ValueError(f"{path} is damaged: {error}") from error


def _parse(data: bytes) -> _Elf:
    (table,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    interpreter, dynamic, loads = "", (0, 0), []
    for number in range(count):
        kind, _flags, offset, address, _physical, length = struct.unpack_from("<IIQQQQ", data, table + number * size)
        if kind == _PT_INTERP:
            interpreter = _text(data, offset)
        elif kind == _PT_DYNAMIC:
            dynamic = (offset, length)
        elif kind == _PT_LOAD:
            loads.append((address, length, offset))
    entries = [struct.unpack_from("<QQ", data, dynamic[0] + 16 * row) for row in range(dynamic[1] // 16)]
    strings = next((value for tag, value in entries if tag == _DT_STRTAB), 0)
    place = next((strings - at + offset for at, length, offset in loads if at <= strings < at + length), 0)
    needed = tuple(_text(data, place + value) for tag, value in entries if tag == _DT_NEEDED)
    paths = [_text(data, place + value) for tag, value in entries if tag in (_DT_RPATH, _DT_RUNPATH)]
    return _Elf(interpreter, needed, tuple(part for path in paths for part in path.split(":") if part))


def _text(data: bytes, offset: int) -> str:
    return data[offset : data.index(b"\0", offset)].decode("utf-8", "replace")
