"""check --before-reboot: everything of ``check``, and what the boot loader will read, through the boot loader's own eyes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bootkeep.edges.clock import now_utc
from bootkeep.edges.flush import flush
from bootkeep.edges.host import LiveHost
from bootkeep.edges.lanes import ask_in_lanes
from bootkeep.facts.boot_entry import BootEntry, GrubConfig
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.codec import to_json
from bootkeep.facts.kernel import Initramfs, LastGood
from bootkeep.facts.loader_sight import LoaderSight
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.flows.check import CheckResult, check, check_readings
from bootkeep.probes.bootloaders.readback import FLUSHED_KEY, loader_sights, sight_of
from bootkeep.rules.common import all_kernels, default_boot_entry, entries_of, kernel_of_entry, state_path

#: Small files that GRUB reads besides the kernels. The environment block decides which entry is started.
_MENU_FILES = ("grubenv", "bootkeep.cfg", "custom.cfg")
#: A file system that must not be frozen writes its journal into place by itself, XFS every 30 seconds.
SETTLE_S = 40.0
_BETWEEN_S = 5.0

Say = Callable[[str], None]


def check_before_reboot(
    host: LiveHost,
    policy: Policy,
    *,
    say: Say = lambda _text: None,
    deadline_s: float = 120.0,
    settle_s: float = SETTLE_S,
    earlier: Readings | None = None,
) -> CheckResult:
    """Look at a host, flush /boot, read back what the next boot reads, and judge all of it.

    ``say`` gets one line for each thing that takes time. Only a difference makes it wait, up to ``settle_s`` seconds: a file
    system that is not frozen may still be writing its journal into place. Whatever could not be read back is Unknown.
    """
    until = time.monotonic() + deadline_s
    say("looking at the boot files")
    first = check(host, policy, deadline_s=deadline_s / 2, earlier=earlier)
    paths = files_to_read_back(first.state)
    added = _flushed(host.root, say) if paths else {}
    added |= _read_back(host, paths, until, say)
    settled_at = min(until, time.monotonic() + settle_s)
    while (late := _differing(added)) and time.monotonic() + _BETWEEN_S < settled_at:
        say(f"{late[0]} is not in its place on the device yet: waiting for the file system to write it there")
        time.sleep(_BETWEEN_S)
        added |= _flushed(host.root, lambda _text: None)
        added |= _read_back(host, late, until, say)
    # Looked at again, after the read-back: the first look may have been answered from the kernel's own copy, which the flush
    # and GRUB's reading can push out. What differs only in that copy shows above; what the device itself holds shows here.
    say("looking at the boot files again, as they are after the flush")
    last = check(host, policy, deadline_s=max(5.0, until - time.monotonic()))
    readings = Readings({**last.readings.answers, **added})
    return check_readings(readings, policy, taken_at=now_utc())


def files_to_read_back(state: BootState) -> tuple[str, ...]:
    """What GRUB has to read for the default entry and for the way back, the menu first; empty without a GRUB menu."""
    if not isinstance(state.grub, GrubConfig):
        return ()
    paths = [state.grub.path]
    present = state.boot_files if isinstance(state.boot_files, tuple) else ()
    folder = state.grub.path.rpartition("/")[0]
    paths += [f"{folder}/{name}" for name in _MENU_FILES]  # those that are not there have no sight
    entry = default_boot_entry(state)
    if entry is not None:
        paths += _files_of(state, entry)
    for kernel in all_kernels(state):
        if kernel.preserved or _is_last_good(state, kernel.release, kernel.image.sha256):
            paths.append(kernel.image.path)
            if isinstance(kernel.initramfs, Initramfs):
                paths.append(kernel.initramfs.file.path)
    for other in entries_of(state):
        kernel_there = kernel_of_entry(state, other)
        if kernel_there is not None and _is_last_good(state, kernel_there.release, kernel_there.image.sha256):
            paths += _files_of(state, other)
    known = {state_path(state, path) for path in present} | set(present)
    return tuple(
        dict.fromkeys(path for path in paths if path and (path.startswith(folder) or path in known or not present))
    )


def _files_of(state: BootState, entry: BootEntry) -> list[str]:
    return [path for path in (entry.kernel_path, *entry.initramfs_paths) if path.startswith("/")]


def _is_last_good(state: BootState, release: str, sha256: object) -> bool:
    good = state.last_good
    return isinstance(good, LastGood) and good.release == release and (good.image_sha256 == sha256 or not sha256)


def _flushed(root: Path, say: Say) -> dict[str, Reading]:
    say("flushing the file system that holds /boot")
    started = time.monotonic()
    done = flush(root)
    return {FLUSHED_KEY: Reading(Status.OK, to_json(done), seconds=time.monotonic() - started)}


def _read_back(host: LiveHost, paths: tuple[str, ...], until: float, say: Say) -> dict[str, Reading]:
    """One lane a file: a device that hangs costs that file, and a person sees which one it is."""
    answers: dict[str, Reading] = {}
    for number, path in enumerate(paths, start=1):
        say(f"reading back {number}/{len(paths)}: {path}")
        left = until - time.monotonic()
        read = sight_of(path)
        got = ask_in_lanes(host, [read], until=until, patience_s=max(1.0, left))
        answers[read.key] = replace(got[read.key], detail=got[read.key].detail or "")
    return answers


def _differing(answers: dict[str, Reading]) -> tuple[str, ...]:
    sights: tuple[LoaderSight, ...] = loader_sights(Readings(answers))
    return tuple(sight.path for sight in sights if not sight.unknown and not sight.same)
