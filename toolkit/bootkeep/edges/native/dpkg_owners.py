"""Which packages own the files below one directory, from dpkg's file lists.

``dpkg-query -S`` starts a process and reads every list as well; this reads them once for all paths and tests each
list with one substring search (about 40 ms for 1000 packages, warm).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path


def answer(root: Path, argument: str) -> str:
    """JSON ``{path: [package, ...]}`` for every listed path that begins with ``argument`` (``/boot/``)."""
    needle = os.fsencode(argument)
    owners: dict[str, list[str]] = {}
    for name, content in _lists(root):
        if needle in content:
            for line in content.split(b"\n"):
                if line.startswith(needle):
                    owners.setdefault(os.fsdecode(line), []).append(name)
    return json.dumps(owners, sort_keys=True)


def first_of_each(root: Path, prefixes: Sequence[str]) -> list[tuple[str, list[tuple[str, str]]]]:
    """For each prefix the packages that list paths below it, as (first of these paths, package), sorted.

    One pass over the lists, whatever the number of prefixes: a kernel's package names thousands of modules.
    """
    found: dict[str, list[tuple[str, str]]] = {prefix: [] for prefix in prefixes}
    needles = {
        prefix: (os.fsencode(prefix), re.compile(b"^" + re.escape(os.fsencode(prefix)) + b".*$", re.MULTILINE))
        for prefix in prefixes
    }
    for name, content in _lists(root):
        for prefix, (needle, pattern) in needles.items():
            if needle in content and (lines := pattern.findall(content)):
                found[prefix].append((os.fsdecode(min(lines)), name))
    return [(prefix, sorted(rows)) for prefix, rows in found.items()]


def _lists(root: Path) -> Iterator[tuple[str, bytes]]:
    """Each package's name, with its architecture where dpkg writes it, and its list of files."""
    folder = root / "var/lib/dpkg/info"
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.name.endswith(".list"))
    place = f"{folder}/"
    for name in names:
        try:
            with open(place + name, "rb", buffering=0) as stream:
                yield name.removesuffix(".list"), stream.read()
        except FileNotFoundError:  # a package is being removed while we look
            continue
