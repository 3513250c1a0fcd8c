"""The last-good kernel is preserved, and every boot is recorded: files, units, record and copy brought into place."""

from __future__ import annotations

import contextlib
from pathlib import Path

from bootkeep.edges.known_digests import sha256_of
from bootkeep.edges.preserved import (
    BOOT_FOLDER,
    MODULES_FOLDER,
    is_whole,
    preserved_kernels,
    put_back_record,
    remove_preserved,
)
from bootkeep.edges.store import Store
from bootkeep.facts.converged import Converged, StateChange
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.kernel import LastGood
from bootkeep.flows.custom_cfg import unsource
from bootkeep.flows.grub_menu import update_grub
from bootkeep.flows.host_files import HostFile, put_files, take_files, values
from bootkeep.flows.last_good import NotHealthy, mark_last_good
from bootkeep.flows.loader_configuration import save_loader_configuration
from bootkeep.flows.preserve import (
    MENU,
    chosen_keys,
    kernel_files,
    menu_of,
    preserve_kernel,
    running_preserved,
    same_as_packaged,
    write_menu,
)
from bootkeep.flows.preserved_bls import entry_keys, has_bls_menu, take_entries
from bootkeep.flows.units import enabled, reload_units, systemctl

ROOT = Path("/")
UNITS = ("bootkeep-modules.service", "bootkeep-booted.service")
MENU_SCRIPT = "/etc/grub.d/42_bootkeep"
#: What a unit starts comes before the unit.
FILES = (
    HostFile("preserved-modules", "/usr/lib/bootkeep/preserved-modules", 0o755),
    HostFile("bootkeep-modules.service", "/etc/systemd/system/bootkeep-modules.service", 0o644),
    HostFile("bootkeep-booted.service", "/etc/systemd/system/bootkeep-booted.service", 0o644),
    HostFile("42_bootkeep", MENU_SCRIPT, 0o755),
)


def keep_last_good_preserved(*, hook_deadline_s: float, dry_run: bool) -> Converged:
    """Put the files and units in place, record what runs when it is proven, and preserve the last-good kernel.

    A boot that is not complete yet, or not healthy, records nothing and fails nothing: the unit does it later. A last-good
    kernel whose files are gone and of which no copy exists fails.
    """
    changes = _files(hook_deadline_s, dry_run=dry_run)
    changes += _units(dry_run=dry_run)
    comments: list[str] = []
    store = Store()
    record = store.last_good()
    try:
        marked = mark_last_good(store, dry_run=dry_run)
        if marked.changed:
            old = record.release if isinstance(record, LastGood) else ""
            changes += (StateChange("last-good kernel", old, _words(marked.last_good)),)
        record = marked.last_good
    except NotHealthy as why:
        comments.append(f"The running kernel is not recorded as last-good: {why}")
    if not isinstance(record, LastGood):
        comments.append(
            "No last-good kernel is on record yet; bootkeep-booted.service records one after a healthy boot."
        )
        return Converged(True, " ".join(comments), changes)
    kept, more = _copy(record, dry_run=dry_run)
    comments.append(kept)
    return Converged(True, " ".join(comments), (*changes, *more))


def withdraw_preserving(*, dry_run: bool) -> Converged:
    """Take the units, the menu's script, the entries, and the copies of kernels that stand in /boot as they were.

    The copy of a kernel that is there no more stays: it may be the last way back.
    """
    if needed := sorted(chosen_keys(ROOT) | ({running_preserved(ROOT)} - {""})):
        raise BootkeepError(
            f"the preserved kernel {', '.join(needed)} runs, or is the default entry: without its entry this host would start "
            "another kernel, unasked",
            where=str(ROOT / menu_of(ROOT)),
            next_step="Make another entry the default (grub-set-default) and start it, then run this again.",
        )
    there = [unit for unit in UNITS if enabled(unit)]
    menu = ROOT / menu_of(ROOT)
    entries = entry_keys(ROOT)
    script = Path(MENU_SCRIPT).exists()
    records = preserved_kernels(ROOT)
    needless = [one.key for one in records if same_as_packaged(ROOT, one) and not put_back_record(ROOT, one.key)]
    stay = sorted({one.key for one in records} - set(needless))
    changes = [StateChange(unit, "enabled", "") for unit in there]
    changes += [StateChange(str(menu), "entries of preserved kernels", "")] if menu.exists() else []
    changes += [StateChange(f"boot entry of {key}", "preserved kernel", "") for key in sorted(entries)]
    if not dry_run:
        if script or entries or menu.exists():
            save_loader_configuration("before the preserved kernels' entries go")
        for unit in there:
            systemctl("disable", unit)
        menu.unlink(missing_ok=True)
        take_entries(ROOT)
        unsource(menu.with_name("custom.cfg"))
        for key in needless:
            remove_preserved(ROOT, key)
    changes += [StateChange(f"copy of {key}", "preserved", "") for key in sorted(needless)]
    changes += take_files(FILES, dry_run=dry_run)
    if changes and not dry_run:
        reload_units()
        if script:
            update_grub()
    if not dry_run:
        for folder in (BOOT_FOLDER, MODULES_FOLDER, str(Path(MODULES_FOLDER).parent)):
            with contextlib.suppress(OSError):  # not there, or something is in it
                (ROOT / folder).rmdir()
    kept = f" These copies stay, their kernels are not in /boot as they were: {', '.join(stay)}." if stay else ""
    if not changes:
        return Converged(True, f"There are no entries and units.{kept}")
    words = "would be taken away" if dry_run else "are gone"
    return Converged(True, f"The entries, units and needless copies {words}.{kept}", tuple(changes))


def _files(hook_deadline_s: float, *, dry_run: bool) -> tuple[StateChange, ...]:
    marks = values(hook_deadline_s)
    files = _wanted_files()
    pending = put_files(files, marks, dry_run=True)
    if not pending or dry_run:
        return pending
    if any(change.subject == MENU_SCRIPT for change in pending):
        save_loader_configuration(f"before {MENU_SCRIPT}")
    put_files(files, marks, dry_run=False)
    reload_units()
    return pending


def _wanted_files() -> tuple[HostFile, ...]:
    """The rpm families need no script for grub-mkconfig: entries are files there, or custom.cfg sources ours."""
    if not has_bls_menu(ROOT) and menu_of(ROOT) == MENU:
        return FILES
    return tuple(each for each in FILES if each.path != MENU_SCRIPT)


def _units(*, dry_run: bool) -> tuple[StateChange, ...]:
    missing = [unit for unit in UNITS if not enabled(unit)]
    if not dry_run:
        for unit in missing:
            systemctl("enable", unit)
    return tuple(StateChange(unit, "", "enabled") for unit in missing)


def _copy(record: LastGood, *, dry_run: bool) -> tuple[str, tuple[StateChange, ...]]:
    """The preserved copy of the last-good kernel: there, or made; raises BootkeepError when it cannot be made."""
    for copy in preserved_kernels(ROOT):
        if copy.image_sha256 == record.image_sha256 and is_whole(ROOT, copy):
            if not dry_run:
                write_menu(ROOT)
            return f"The last-good kernel {_words(record)} is preserved as {copy.key}.", ()
    files = kernel_files(ROOT, record.release)
    if files is None or sha256_of(ROOT / files.image[1:]) != record.image_sha256:
        raise BootkeepError(
            f"the last-good kernel {_words(record)} is gone: its files were replaced or removed, and no copy was kept",
            where="/boot",
            next_step="Reboot into a kernel that is there; once that boot is healthy it becomes the last-good one.",
        )
    change = (StateChange("preserved kernel", "", files.key),)
    if dry_run:
        return f"The last-good kernel {_words(record)} would be preserved as {files.key}.", change
    made = preserve_kernel(ROOT, record.release)
    return f"The last-good kernel {_words(record)} was preserved as {made.key}.", change


def _words(record: LastGood) -> str:
    return f"{record.release} ({record.package_version})" if record.package_version else record.release
