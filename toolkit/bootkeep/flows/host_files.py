"""Files of ours that a host needs outside Python: hooks, units, the menu's script. From package data, with this host's values."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from bootkeep.edges.files import replace_file
from bootkeep.facts.converged import StateChange
from bootkeep.facts.errors import BootkeepError


@dataclass(frozen=True, slots=True)
class HostFile:
    """One file: its name in the package's data, where it goes, and its mode."""

    resource: str  # name in bootkeep/hooks/files
    path: str
    mode: int


#: Shims before what calls them: a package manager that starts between the two finds either no hook or a whole one.
HOOKS = (
    HostFile("apt-hook", "/usr/lib/bootkeep/apt-hook", 0o755),
    HostFile("dpkg-hook", "/usr/lib/bootkeep/dpkg-hook", 0o755),
    HostFile("bootkeep-settle.service", "/etc/systemd/system/bootkeep-settle.service", 0o644),
    HostFile("bootkeep-settle.timer", "/etc/systemd/system/bootkeep-settle.timer", 0o644),
    HostFile("zz-bootkeep", "/etc/apt/apt.conf.d/zz-bootkeep", 0o644),
    HostFile("dpkg-cfg-bootkeep", "/etc/dpkg/dpkg.cfg.d/bootkeep", 0o644),
)


def values(hook_deadline_s: float) -> dict[str, str]:
    """What the marks in the files stand for on this host: the Python that runs this, and the hooks' deadline."""
    return {"@PYTHON@": sys.executable, "@DEADLINE@": f"{hook_deadline_s:g}"}


def put_files(
    files: Iterable[HostFile], marks: Mapping[str, str], *, root: Path = Path("/"), dry_run: bool
) -> tuple[StateChange, ...]:
    """Write those that differ, in order; returns what was, or would be, changed."""
    changes: list[StateChange] = []
    for each in files:
        wanted = _text(each, marks)
        target = root / each.path.lstrip("/")
        try:
            present = target.read_text("utf-8", "surrogateescape")
            same = present == wanted and target.stat().st_mode & 0o7777 == each.mode
        except FileNotFoundError:
            present, same = "", False
        if same:
            continue
        changes.append(StateChange(each.path, present, wanted if present != wanted else f"mode {each.mode:04o}"))
        if not dry_run:
            target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            replace_file(target, wanted.encode("utf-8", "surrogateescape"), mode=each.mode)
    return tuple(changes)


def take_files(files: Iterable[HostFile], *, root: Path = Path("/"), dry_run: bool) -> tuple[StateChange, ...]:
    """Remove those that are there, last first: what calls a shim goes before the shim."""
    changes: list[StateChange] = []
    for each in reversed(tuple(files)):
        target = root / each.path.lstrip("/")
        if target.is_file() or target.is_symlink():
            changes.append(StateChange(each.path, target.read_text("utf-8", "replace"), ""))
            if not dry_run:
                target.unlink()
    return tuple(changes)


def _text(each: HostFile, marks: Mapping[str, str]) -> str:
    try:
        text = resources.files("bootkeep.hooks").joinpath("files", each.resource).read_text("utf-8")
    except FileNotFoundError as error:
        raise BootkeepError(
            f"the installed toolkit has no file {each.resource}",
            where="bootkeep/hooks/files",
            next_step="Install the toolkit again: state.apply bootkeep.install.",
        ) from error
    for mark, value in marks.items():
        text = text.replace(mark, value)
    return text
