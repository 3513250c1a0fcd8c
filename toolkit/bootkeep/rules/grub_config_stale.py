"""B09: grub.cfg is missing, empty, unfinished, or does not know the kernels that are here.

Contents are compared, not times: a grub.cfg that is older than a kernel is fine when it has an entry for it (a same-ABI
update writes the same text), and a younger one can be wrong. AT_RISK when an installed kernel has no entry or an entry other
than the default leads to nothing; WILL_NOT_BOOT when GRUB would get no menu at all; ADVICE when GRUB_DEFAULT was changed and
the menu not made again. The default entry is B08's.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_entry import BootEntry, PendingDefault
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.rules.common import (
    OUTSIDE,
    default_boot_entry,
    grub_folder,
    has_grub,
    installed_kernels,
    is_ours,
    menu_path,
    state_path,
)
from bootkeep.rules.rule import Rule

RULE = Rule("grub-config-stale", "B09")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Compare the menu with /boot."""
    grub = state.grub
    if isinstance(grub, Unknown):
        yield RULE.unknown("GRUB's menu", grub.why)
        return
    if isinstance(grub, Absent):
        yield from _without_menu(state)
        return
    if not grub.entries:
        yield RULE.finding(
            Severity.WILL_NOT_BOOT,
            f"{grub.path} has no boot entry ({grub.size_bytes} bytes): GRUB stops at its prompt.",
            (grub.path, f"{grub.size_bytes} bytes, no menuentry"),
            subject=grub.path,
        )
        return
    if isinstance(grub.syntax_error, str) and grub.syntax_error:
        yield RULE.finding(
            Severity.WILL_NOT_BOOT,
            f"{grub.path} does not pass grub-script-check: GRUB stops reading it at the error.",
            ("grub-script-check", grub.syntax_error),
            subject=grub.path,
        )
    if grub.leftovers:
        yield RULE.finding(
            Severity.AT_RISK,
            f"{grub.leftovers[0]} is left over: the last update of the menu did not finish.",
            (grub.folder, "\n".join(grub.leftovers)),
            subject=grub.leftovers[0],
        )
    if isinstance(grub.bls, Absent):  # else the entries are files: loader-entry-missing
        yield from _kernels_without_entry(state, grub.entries)
    yield from _entries_to_nothing(state, grub.entries)
    yield from _default_that_waits(state)


def _default_that_waits(state: BootState) -> Iterable[Finding]:
    """Not this boot's matter, so ADVICE: but the next kernel update runs update-grub, and nobody will think of it then."""
    pending = state.pending_default
    if not isinstance(pending, PendingDefault):
        return
    to = f", which is the entry '{pending.entry.title}'" if isinstance(pending.entry, BootEntry) else ""
    yield RULE.finding(
        Severity.ADVICE,
        f"GRUB_DEFAULT is '{pending.wanted}' now, but the menu was made with '{pending.present}': the next update-grub (every "
        f"kernel update runs it) changes what this machine starts to '{pending.wanted}'{to}.",
        (pending.source, f"GRUB_DEFAULT={pending.wanted}"),
        (menu_path(state), f'set default="{pending.present}"'),
        subject=pending.wanted,
    )


def _without_menu(state: BootState) -> Iterable[Finding]:
    """Another loader may be in charge; only with GRUB's own package here is a missing menu a defect."""
    if isinstance(state.packages, Unknown):
        return  # said by package-transaction-unfinished
    if has_grub(state):
        yield RULE.finding(
            Severity.WILL_NOT_BOOT,
            f"{menu_path(state)} does not exist: GRUB stops at its prompt.",
            (grub_folder(state), "no grub.cfg"),
            subject=menu_path(state),
        )
    elif isinstance(state.kernels, tuple) and not state.kernels:
        yield RULE.unknown("what the boot loader starts", OUTSIDE)
    elif isinstance(state.container, str) or not set(state.loaders.present) - {
        "GRUB"
    }:  # else boot-loader-not-covered names the loader
        yield RULE.unknown(
            "what the boot loader starts", "there is no grub.cfg, and other boot loaders are not understood"
        )


def _kernels_without_entry(state: BootState, entries: tuple[BootEntry, ...]) -> Iterable[Finding]:
    named = {state_path(state, entry.kernel_path) for entry in entries}
    for kernel in installed_kernels(state):
        if kernel.image.path not in named:
            yield RULE.finding(
                Severity.AT_RISK,
                f"GRUB's menu has no entry for the installed kernel {kernel.release}: the menu is older than the kernel.",
                (menu_path(state), "\n".join(entry.kernel_path for entry in entries if entry.kernel_path)),
                ("/boot", kernel.image.path),
                subject=kernel.release,
            )


def _entries_to_nothing(state: BootState, entries: tuple[BootEntry, ...]) -> Iterable[Finding]:
    if not isinstance(state.boot_files, tuple):
        return
    default = default_boot_entry(state)
    told = set(_paths(default)) if default else set()
    for entry in entries:
        for path in () if entry.doubt else _paths(entry):
            if path in told or not is_ours(path) or path in state.boot_files:
                continue
            told.add(path)
            yield RULE.finding(
                Severity.AT_RISK,
                f"The boot entry '{entry.title}' loads {path}, which does not exist: as a way back it leads nowhere.",
                (entry.source, path),
                subject=path,
            )


def _paths(entry: BootEntry) -> tuple[str, ...]:
    return (entry.kernel_path, *entry.initramfs_paths) if entry.kernel_path else ()
