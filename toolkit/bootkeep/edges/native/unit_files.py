"""``unit-files``: which systemd units exist and whether they start at boot, read from the unit files and links themselves.

``systemctl list-unit-files`` gives the same and takes 0.2 to 0.4 s, because systemd resolves every file against every
directory; one walk over the directories takes 20 ms. The order of directories is systemd.unit(5)'s unit search path, the states
are those of systemctl(1) (``unit_file_lookup_state`` in systemd 252, src/shared/install.c). A test compares both on a real host.
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

#: In systemd's order; the second field says what a link or a file there means.
_PLACES = (
    ("/etc/systemd/system.control", "etc"),
    ("/run/systemd/system.control", "run"),
    ("/run/systemd/transient", "transient"),
    ("/run/systemd/generator.early", "generator"),
    ("/etc/systemd/system", "etc"),
    ("/etc/systemd/system.attached", "etc"),
    ("/run/systemd/system", "run"),
    ("/run/systemd/system.attached", "run"),
    ("/run/systemd/generator", "generator"),
    ("/usr/local/lib/systemd/system", "vendor"),
    ("/lib/systemd/system", "vendor"),
    ("/usr/lib/systemd/system", "vendor"),
    ("/run/systemd/generator.late", "generator"),
)
_TYPES = (".service", ".socket", ".timer", ".path")
_FOLDERS = (".wants", ".requires", ".upholds")
_PRESET_PLACES = (
    "/etc/systemd/system-preset",
    "/run/systemd/system-preset",
    "/usr/local/lib/systemd/system-preset",
    "/usr/lib/systemd/system-preset",
    "/lib/systemd/system-preset",
)


@dataclass(slots=True)
class _File:
    """The first place where a unit's file or link is."""

    path: str
    place: str
    target: str  # of a link; empty for a file
    empty: bool


@dataclass(slots=True)
class _Farm:
    """All unit files and links, by name."""

    files: dict[str, _File] = field(default_factory=dict)
    links: list[tuple[str, str, str]] = field(default_factory=list)  # name of the link, of its target, place


def answer(root: Path, _argument: str) -> str:
    """JSON list ``{unit_file, state, preset}`` as systemctl prints it, by name. FileNotFoundError without systemd."""
    prefix = "" if root == Path("/") else os.fspath(root).rstrip("/")
    farm = _walk(prefix)
    if not farm.files:
        raise FileNotFoundError("no unit file directory of systemd")
    presets = _presets(prefix)
    names = sorted(name for name in farm.files if name.endswith(_TYPES))
    return json.dumps(
        [{"unit_file": name, "state": _state(name, farm, prefix), "preset": _preset(name, presets)} for name in names]
    )


def _walk(prefix: str) -> _Farm:
    farm = _Farm()
    seen: set[str] = set()
    for place, kind in _PLACES:
        real = os.path.realpath(prefix + place)
        if real in seen:  # merged /usr
            continue
        seen.add(real)
        try:
            entries = list(os.scandir(real))
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            if entry.is_symlink():
                target = os.readlink(entry.path)
                farm.files.setdefault(entry.name, _File(entry.path, kind, target, False))
                farm.links.append((entry.name, os.path.basename(target), kind))
            elif entry.name.endswith(_FOLDERS):
                if entry.is_dir(follow_symlinks=False):
                    farm.links += [
                        (link.name, os.path.basename(os.readlink(link.path)), f"{kind} wants")
                        for link in os.scandir(entry.path)
                        if link.is_symlink()
                    ]
            elif entry.name.endswith(_TYPES):
                info = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(info.st_mode):
                    farm.files.setdefault(entry.name, _File(entry.path, kind, "", info.st_size == 0))
    return farm


def _state(name: str, farm: _Farm, prefix: str) -> str:
    file = farm.files[name]
    runtime = "-runtime" if file.place == "run" else ""
    if file.empty or file.target == "/dev/null":
        return f"masked{runtime}"
    if file.place in {"generator", "transient"}:
        return "generated" if file.place == "generator" else "transient"
    if file.target:
        # systemd follows the link: another name's unit is an alias, a masked target is masked too.
        other = os.path.basename(file.target)
        if other != name:
            followed = farm.files.get(other)
            if followed is not None and (followed.empty or followed.target == "/dev/null"):
                return f"masked{'-runtime' if followed.place == 'run' else ''}"
            if not _is_template_of(other, name):
                return "alias" if followed is not None or Path(_target(file, prefix)).exists() else "bad"
        elif file.place in {"etc", "run"}:
            return _enabled(name, farm, set()) or f"linked{runtime}"
    install = _install_section(_target(file, prefix) if file.target else file.path)
    aliases = set(install.get("Alias", "").split())
    enabled = _enabled(name, farm, aliases | _default_instance(name, install))
    if enabled:
        return enabled
    configured = ((link, target) for link, target, place in farm.links if place.split()[0] in {"etc", "run"})
    if any(link != name and (target == name or _is_template_of(name, link)) for link, target in configured):
        return "indirect"
    if any(install.get(key) for key in ("WantedBy", "RequiredBy", "UpheldBy", "Alias")):
        return "disabled"
    return "indirect" if install.get("Also") else "static"


def _default_instance(name: str, install: dict[str, str]) -> set[str]:
    """``getty@tty1.service`` for a template whose file says ``DefaultInstance=tty1``."""
    stem, _, kind = name.rpartition(".")
    instance = install.get("DefaultInstance", "")
    return {f"{stem}{instance}.{kind}"} if stem.endswith("@") and instance else set()


def _enabled(name: str, farm: _Farm, names: set[str]) -> str:
    """``enabled`` or ``enabled-runtime`` when a link wants the unit under its own name or one of ``names``; else empty."""
    runtime = False
    for link, target, place in farm.links:
        kind, _, wants = place.partition(" ")
        if kind == "vendor":
            continue
        if (wants and (link == name or link in names)) or (not wants and target == name and link in names):
            if kind == "etc":
                return "enabled"
            runtime = True
    return "enabled-runtime" if runtime else ""


def _is_template_of(template: str, name: str) -> bool:
    stem, dot, kind = template.rpartition(".")
    return bool(dot) and stem.endswith("@") and name != template and name.startswith(stem) and name.endswith(f".{kind}")


def _target(file: _File, prefix: str) -> str:
    if file.target.startswith("/"):
        return prefix + file.target
    return os.path.normpath(os.path.join(os.path.dirname(file.path), file.target))


def _install_section(path: str) -> dict[str, str]:
    """Keys of ``[Install]``, several lines of one key joined; empty when the file cannot be read."""
    try:
        text = Path(path).read_bytes().decode("utf-8", "surrogateescape")
    except OSError:
        return {}
    found: dict[str, str] = {}
    inside = False
    for line in text[text.find("[Install]") if "[Install]" in text else len(text) :].splitlines():
        if line.startswith("["):
            inside = line.strip() == "[Install]"
        elif inside and "=" in line and not line.lstrip().startswith(("#", ";")):
            key, _, value = line.partition("=")
            found[key.strip()] = f"{found.get(key.strip(), '')} {value.strip()}".strip()
    return found


def _presets(prefix: str) -> list[tuple[bool, str]]:
    """Rules in force, first match wins: a file hides those of the same name in later directories (systemd.preset(5))."""
    chosen: dict[str, str] = {}
    for place in _PRESET_PLACES:
        try:
            names = os.listdir(prefix + place)
        except OSError:
            continue
        for name in names:
            if name.endswith(".preset"):
                chosen.setdefault(name, f"{prefix}{place}/{name}")
    rules: list[tuple[bool, str]] = []
    for name in sorted(chosen):
        try:
            text = Path(chosen[name]).read_bytes().decode("utf-8", "surrogateescape")
        except OSError:
            continue
        for line in text.splitlines():
            words = line.split()
            if len(words) >= 2 and words[0] in {"enable", "disable"}:
                rules.append((words[0] == "enable", words[1]))
    return rules


def _preset(name: str, rules: list[tuple[bool, str]]) -> str:
    for enable, pattern in rules:
        if fnmatchcase(name, pattern) or (name.startswith(pattern.partition("@")[0] + "@") and "@" in pattern):
            return "enabled" if enable else "disabled"
    return "enabled"
