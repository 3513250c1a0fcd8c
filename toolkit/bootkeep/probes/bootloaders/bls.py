"""Boot Loader Specification entries (/boot/loader/entries/*.conf), as the blscfg command of EL's and Fedora's GRUB reads them.

Sources: the specification (type #1); rhboot/grub2, grub-core/commands/blscfg.c: the key ends at the first blank, ``options`` may
use GRUB's variables, an entry without ``linux`` is skipped, and the order is that of the *file names*, newest first: name,
version and release compared as old rpm did. A machine id that sorts higher therefore wins over a newer kernel.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cmp_to_key

from bootkeep.facts.boot_entry import BlsProblem, BootEntry
from bootkeep.probes.packages.rpm_version import compare_segments
from bootkeep.probes.read import Native

FOLDER = "/boot/loader/entries"
ENTRIES = Native(f"texts:{FOLDER}/*.conf")
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_MACHINE_ID = re.compile(r"([0-9a-f]{32})-")


@dataclass(frozen=True, slots=True)
class BlsFile:
    """One entry's file."""

    path: str
    fields: tuple[tuple[str, str], ...]  # as written, in order

    @property
    def id(self) -> str:
        """What saved_entry and grubby call it."""
        return posixpath.basename(self.path).removesuffix(".conf")

    @property
    def machine_id(self) -> str:
        """The machine id that its name begins with; empty when it begins otherwise."""
        match = _MACHINE_ID.match(self.id)
        return match[1] if match else ""

    def first(self, key: str) -> str:
        """The first value of a key; empty when there is none."""
        return next((value for name, value in self.fields if name == key), "")

    def all(self, key: str) -> tuple[str, ...]:
        """Every value of a key."""
        return tuple(value for name, value in self.fields if name == key)


def parse_bls(path: str, text: str) -> BlsFile:
    """One file. GRUB stops reading at the first line that is no ``key value``; blank lines end nothing here, as they do there.

    >>> parse_bls("/boot/loader/entries/a.conf", "title A\\n# no\\nlinux /vmlinuz\\n").fields
    (('title', 'A'), ('linux', '/vmlinuz'))
    """
    fields: list[tuple[str, str]] = []
    for line in text.splitlines():
        plain = line.strip(" \t")
        if not plain or plain.startswith("#"):
            continue
        key, _, value = (
            plain.replace("\t", " ", 1).partition(" ") if "\t" in plain.split(" ")[0] else plain.partition(" ")
        )
        if not value.strip():
            break
        fields.append((key, value.strip(" \t")))
    return BlsFile(path, tuple(fields))


def in_order(files: Mapping[str, str]) -> tuple[BlsFile, ...]:
    """The entries as the menu shows them. Hidden files are none (``~`` and a dot in front are not the same)."""
    found = [parse_bls(path, text) for path, text in sorted(files.items()) if posixpath.basename(path)[:1] != "."]
    return tuple(sorted(found, key=cmp_to_key(_compare), reverse=True))


def _compare(one: BlsFile, two: BlsFile) -> int:
    return compare_names(one.id, two.id)


def compare_names(left: str, right: str) -> int:
    """-1, 0 or 1: blscfg's split_cmp() of two file names without ``.conf``."""
    for one, two in zip(_split(left), _split(right), strict=True):
        if found := compare_segments(one, two):
            return found
    return 0


def _split(name: str) -> tuple[str, str, str]:
    """Name, version, release by the last two dashes; what is missing is taken from behind (split_package_string())."""
    parts = name.rsplit("-", 2)
    return (parts[0], parts[1] if len(parts) > 1 else "", parts[2] if len(parts) > 2 else "")


def entry_of(file: BlsFile, variables: Mapping[str, str], locate: Callable[[str, str], str]) -> BootEntry | None:
    """The menu entry of a file; None when GRUB skips it."""
    kernel = file.first("linux")
    if not kernel:
        return None
    initramfs = [word for line in file.all("initrd") for word in expand(line, variables).split()]
    arguments = expand(file.first("options"), variables)
    return BootEntry(
        id=file.id,
        title=file.first("title") or kernel,
        parents=(),
        kernel_path=locate(_absolute(kernel), ""),
        initramfs_paths=tuple(locate(_absolute(path), "") for path in initramfs),
        arguments=" ".join(arguments.split()),
        search_uuid="",
        source=file.path,
    )


def _absolute(path: str) -> str:
    """As GRUB joins it: ``($root)`` and the text, so ``boot/vmlinuz`` without a slash is a file that is not found."""
    return path if path.startswith(("/", "(")) else f"//{path}"


def expand(text: str, variables: Mapping[str, str]) -> str:
    """GRUB's variables replaced; one that is not set is empty, as in GRUB."""
    return _VARIABLE.sub(lambda match: variables.get(match[1] or match[2], ""), text)


def problems_of(files: tuple[BlsFile, ...], machine_id: str) -> tuple[BlsProblem, ...]:
    """What is wrong with entries by themselves, beside files that are not there."""
    found: list[BlsProblem] = []
    for file in files:
        if not file.first("linux"):
            found.append(BlsProblem(file.path, "it has no 'linux' line: GRUB skips it"))
        elif not file.first("linux").startswith("/"):
            found.append(
                BlsProblem(
                    file.path,
                    f"its 'linux' line does not begin with a slash ({file.first('linux')}): GRUB finds no file",
                )
            )
        elif not file.first("options"):
            found.append(BlsProblem(file.path, "it has no 'options' line: the kernel gets no root="))
        if machine_id and file.machine_id and file.machine_id != machine_id:
            found.append(
                BlsProblem(
                    file.path, f"its name begins with another machine id than this machine's ({machine_id})", True
                )
            )
    return tuple(found)
