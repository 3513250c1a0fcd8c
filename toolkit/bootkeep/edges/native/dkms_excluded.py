"""For which kernels a DKMS module is not meant: BUILD_EXCLUSIVE_KERNEL, _ARCH and _CONFIG of its dkms.conf.

As dkms 3.0 reads them (``read_conf``): dkms.conf beside the sources, then /etc/dkms/<module>[-<version>[-<release>[-<arch>]]].conf.
Those files are programs, which dkms runs; this runs nothing. Only plain assignments outside of any condition are understood:
of all others nothing is said, and the module counts as meant for every kernel.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from bootkeep.edges.native.init_program import follow
from bootkeep.edges.run import run

_TREE = "/var/lib/dkms"
_MOST_MODULES = 200
_LONGEST_BYTES = 64 * 1024
_GREP_S = 2.0
_NAMES = frozenset({"BUILD_EXCLUSIVE_KERNEL", "BUILD_EXCLUSIVE_ARCH", "BUILD_EXCLUSIVE_CONFIG"})
_ASSIGNMENT = re.compile(
    r"(?P<name>BUILD_EXCLUSIVE_[A-Z_]+)=(?:'(?P<single>[^']*)'|\"(?P<double>(?:[^\"\\]|\\.)*)\"|(?P<bare>[^\s'\"\\$`;&|<>()#]*))"
    r"\s*(?:#.*)?"
)
#: Behind one of these an assignment may not be reached, or not be the last.
_FLOW = re.compile(
    r"^\s*(?:if|case|for|while|until|select|function|return|exit|source|\.|\{|eval|unset|\w+\s*\(\))(?:\s|$)"
)
#: What bash, or dkms when it writes the values down and reads them again, makes something else of.
_EXPANDED = re.compile(r"[`\"]|\\[\\$`\"]|\$[\w{(!?*@#$-]")
_OPTION = re.compile(r"!?CONFIG_\w+")


class _Undecided(Exception):
    """The file is more than plain assignments."""


def answer(root: Path, _argument: str) -> str:
    """JSON ``{"<module>/<version>": [release, ...]}``: only the kernels that are excluded by plain words."""
    tree = root / _TREE.lstrip("/")
    tree.stat()
    releases = sorted(path.name for path in root.glob("lib/modules/*") if path.is_dir())
    found = {}
    # The link leads to /usr/src, which lies elsewhere when the root is a mounted one: it is followed inside the root later.
    folders = sorted(path for path in tree.glob("*/*") if os.path.lexists(path / "source"))
    for folder in folders[:_MOST_MODULES]:
        module, version = folder.parts[-2:]
        excluded = [release for release in releases if _is_excluded(root, module, version, release)]
        if excluded:
            found[f"{module}/{version}"] = excluded
    return json.dumps(found)


def _is_excluded(root: Path, module: str, version: str, release: str) -> bool:
    architecture = os.uname().machine
    names = (
        module,
        f"{module}-{version}",
        f"{module}-{version}-{release}",
        f"{module}-{version}-{release}-{architecture}",
    )
    try:
        values: dict[str, str] = {}
        for path in (f"{_TREE}/{module}/{version}/source/dkms.conf", *(f"/etc/dkms/{name}.conf" for name in names)):
            values |= assignments(_text(root, path).splitlines())
        return (
            not _matches(values.get("BUILD_EXCLUSIVE_KERNEL", ""), release)
            or not _matches(values.get("BUILD_EXCLUSIVE_ARCH", ""), architecture)
            or not _has_options(root, values.get("BUILD_EXCLUSIVE_CONFIG", ""), release)
        )
    except (_Undecided, OSError):
        return False


def assignments(lines: Iterable[str]) -> dict[str, str]:
    """The BUILD_EXCLUSIVE words of one file, the last of each. Raises _Undecided where only bash could tell."""
    found, flow = {}, False
    for line in lines:
        flow = flow or bool(_FLOW.match(line))
        if line.lstrip().startswith("#") or not re.search(r"BUILD_EXCLUSIVE_|DKMS_DIRECTIVE", line):
            continue
        match = _ASSIGNMENT.fullmatch(line.rstrip())
        if match is None or flow or match["name"] not in _NAMES:
            raise _Undecided(line)
        value = next(text for text in (match["single"], match["double"], match["bare"]) if text is not None)
        if _EXPANDED.search(value):
            raise _Undecided(line)
        found[match["name"]] = value
    return found


def _text(root: Path, path: str) -> str:
    try:
        place = Path(f"{root}{follow(root, path)}")
    except FileNotFoundError:
        return ""
    if not place.is_file():  # a pipe would hold up the whole answer
        raise _Undecided(path)
    with place.open(encoding="utf-8", errors="replace") as stream:
        text = stream.read(_LONGEST_BYTES + 1)
    if len(text) > _LONGEST_BYTES:
        raise _Undecided(path)
    return text


def _matches(pattern: str, text: str) -> bool:
    """``[[ text =~ pattern ]]``: grep -E has the same expressions, and a deadline."""
    if not pattern:
        return True
    done = run(["grep", "-E", "-q", "-e", pattern], timeout_s=_GREP_S, input_text=f"{text}\n")
    if done.exit_code not in (0, 1):
        raise _Undecided(pattern)
    return done.exit_code == 0


def _has_options(root: Path, words: str, release: str) -> bool:
    if not words.split():
        return True
    if not all(_OPTION.fullmatch(word) for word in words.split()):
        raise _Undecided(words)
    try:
        path = follow(root, f"/lib/modules/{release}/build/.config")
        with open(f"{root}{path}", encoding="utf-8", errors="replace") as stream:
            on = {line.partition("=")[0] for line in stream if line.rstrip("\n").partition("=")[2][:1] in ("y", "m")}
    except FileNotFoundError:
        return True  # as dkms has it
    return all((word.lstrip("!") in on) is not word.startswith("!") for word in words.split())
