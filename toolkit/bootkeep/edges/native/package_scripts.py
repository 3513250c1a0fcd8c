"""``package-scripts:<package>,<package>``: what the maintainer scripts of a transaction's packages say about files and users.

A file that no package owns is often made by a script: ``/etc/mailname`` by exim4-config's postinst, a line in passwd by
``adduser``. The scripts lie in /var/lib/dpkg/info, or in rpm's database; with them go the helpers that the same packages ship
and that the scripts call (``update-exim4defaults`` writes /etc/default/exim4), sysusers.d(5) files, and the scripts of packages
whose triggers this transaction sets off (deb-triggers(5)). Only lines that name a path or an account command are kept.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from bootkeep.edges.native.rpm_files import files_of, scripts_of
from bootkeep.edges.native.rpm_packages import has_database

_INFO = "var/lib/dpkg/info"
_TRIGGERS = "var/lib/dpkg/triggers"
_SCRIPTS = ("preinst", "postinst", "prerm", "postrm", "config")
_LONGEST_BYTES = 256 * 1024
#: A line that can say anything about files or accounts. Data, so that the parser sees all of it and nothing else.
_TELLING = re.compile(
    r"/(?:etc|var|usr|boot|opt|srv)/|\b(?:add|del|mod)?(?:user|group)(?:add|del|mod)?\b|sysusers|\$\{?\w+\}?/"
    r"|\b(?:update|deb|pam|dpkg|ucf|make|newaliases|add-shell|remove-shell|ssh-keygen|install-|locale)[-\w]*|^u!?\s|^g\s|^m\s"
    r"|^\s*(?:local |export |readonly )?\w+=[\"'\w/.-]+$"
)
_HELPER_PLACES = ("/usr/sbin/", "/usr/bin/", "/sbin/", "/bin/", "/usr/lib/", "/lib/", "/usr/share/", "/usr/libexec/")
_WORD = re.compile(r"[\w.+-]{4,}")


def answer(root: Path, argument: str) -> str:
    """JSON object ``{package: lines}``; a package that only a trigger brings in is named ``package<-cause``."""
    info = root / _INFO
    packages = sorted(set(argument.split(",")) - {""})
    rpm = has_database(root)
    found = _of_rpm(root, packages) if rpm else {}
    if rpm and not info.is_dir():
        return json.dumps(found)
    os.stat(info)
    stems = _stems(info, packages)
    lists = {package: _list(info, stems.get(package, [package])) for package in packages}
    for package in packages:
        text = _telling(root, info, stems.get(package, [package]), lists[package])
        if text:
            found[package] = text
    for package, cause in _triggered(root, info, stems, lists).items():
        if package not in found:
            text = _telling(root, info, [package], [])
            if text:
                found[f"{package.partition(':')[0]}<-{cause}"] = text
    return json.dumps(found)


def _of_rpm(root: Path, packages: list[str]) -> dict[str, str]:
    """The same of rpm's packages: scripts out of the database, and the helpers and sysusers.d files that they ship."""
    scripts = scripts_of(root, packages)
    owned: dict[str, list[str]] = {}
    for path, package in files_of(root, packages).items():
        owned.setdefault(package, []).append(path)
    texts = {name: _lines_of(root, [scripts.get(name, "")], owned.get(name, [])) for name in packages}
    return {name: text for name, text in texts.items() if text}


def _stems(info: Path, packages: list[str]) -> dict[str, list[str]]:
    """``libc6`` -> ``libc6:amd64``: names of files in the info folder carry the architecture of Multi-Arch: same packages."""
    wanted = set(packages)
    stems: dict[str, list[str]] = {}
    with os.scandir(info) as entries:
        for entry in entries:
            stem = entry.name.rpartition(".")[0]
            package = stem.partition(":")[0]
            if package in wanted and stem not in stems.setdefault(package, []):
                stems[package].append(stem)
    return stems


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(_LONGEST_BYTES)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
        return ""
    return "" if b"\0" in content else content.decode("utf-8", "surrogateescape")


def _list(info: Path, stems: list[str]) -> list[str]:
    return [line for stem in stems for line in _read(info / f"{stem}.list").splitlines()]


def _telling(root: Path, info: Path, stems: list[str], owned: list[str]) -> str:
    return _lines_of(root, [_read(info / f"{stem}.{name}") for stem in stems for name in _SCRIPTS], owned)


def _lines_of(root: Path, scripts: list[str], owned: list[str]) -> str:
    words = {word for script in scripts for word in _WORD.findall(script)}
    texts = [text for text in scripts if text]
    for path in owned:
        if path.startswith("/usr/lib/sysusers.d/"):
            texts.append(_read(root / path.lstrip("/")))
        elif path.startswith(_HELPER_PLACES) and path.rsplit("/", 1)[-1] in words:
            helper = _read(root / path.lstrip("/"))
            if helper.startswith("#!"):
                texts.append(helper)
    lines = dict.fromkeys(
        " ".join(line.split())[:400]
        for text in texts
        for line in text.replace("\\\n", " ").split("\n")
        if not line.lstrip().startswith("#") and _TELLING.search(line)
    )
    return "\n".join(lines)


def _triggered(root: Path, info: Path, stems: dict[str, list[str]], lists: dict[str, list[str]]) -> dict[str, str]:
    """Package -> the package of the transaction that sets off its trigger."""
    interested: dict[str, str] = {}
    file_triggers = [line.rsplit(" ", 1) for line in _read(root / _TRIGGERS / "File").splitlines() if " " in line]
    for package, paths in lists.items():
        for pattern, owner in file_triggers:
            owner = owner.partition("/")[0]
            if owner.partition(":")[0] not in lists and any(
                path == pattern or path.startswith(f"{pattern}/") for path in paths
            ):
                interested.setdefault(owner, package)
        for stem in stems.get(package, []):
            for line in _read(info / f"{stem}.triggers").splitlines():
                words = line.split()
                if len(words) == 2 and words[0].startswith("activate"):
                    for named in _read(root / _TRIGGERS / words[1]).splitlines():
                        owner = named.partition("/")[0].strip()
                        if owner and owner.partition(":")[0] not in lists:
                            interested.setdefault(owner, package)
    return interested
