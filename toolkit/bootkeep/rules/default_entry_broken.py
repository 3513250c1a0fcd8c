"""B08: what the boot loader starts by itself is not there, or is not what was meant.

Resolved exactly as GRUB does it (saved_entry, next_entry, index, id, title, submenus). A missing or cut kernel or initramfs
of the entry that will be started: WILL_NOT_BOOT. A choice that names no entry: AT_RISK, because GRUB then silently starts the
first entry, which may be another kernel than the administrator pinned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bootkeep.facts.boot_entry import BootEntry, DefaultEntry
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.rules.common import (
    default_boot_entry,
    grub_folder,
    has_modules,
    is_ours,
    kernel_of_entry,
    menu_path,
    needs_no_initramfs,
    state_path,
)
from bootkeep.rules.rule import Rule

RULE = Rule("default-entry-broken", "B08")

#: Names of a root file system that no kernel resolves by itself (its own: device nodes, PARTUUID=, PARTLABEL=; init/do_mounts.c).
_ROOT_BY_UDEV = re.compile(r"(?:^|\s)root=(?:\"?(?:UUID|LABEL)=|/dev/(?:mapper|disk)/)")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Follow the default entry to its files."""
    default = state.default_entry
    if isinstance(default, Unknown):
        yield RULE.unknown("which entry the boot loader starts", default.why)
        return
    if not isinstance(default, DefaultEntry):
        return  # no grub.cfg at all: grub-config-stale says so
    started = default_boot_entry(state)
    if isinstance(default.entry, Absent) and started is not None:
        yield RULE.finding(
            Severity.AT_RISK,
            f"The default boot entry '{default.wanted}' ({default.chosen_by}) is not in the menu: GRUB silently starts the "
            f"first entry instead, '{started.title}'.",
            (_source(state, default), default.wanted),
            subject=default.wanted,
        )
    entry = started
    if entry is None or not isinstance(state.boot_files, tuple):
        why = state.boot_files.why if isinstance(state.boot_files, Unknown) else "the menu has no entry"
        yield RULE.unknown("whether the default entry's files are there", why)
        return
    yield from _files(state, entry, state.boot_files)


def _source(state: BootState, default: DefaultEntry) -> str:
    saved = default.chosen_by in ("saved_entry", "next_entry")
    return f"{grub_folder(state)}/grubenv" if saved else menu_path(state)


def _files(state: BootState, entry: BootEntry, present: tuple[str, ...]) -> Iterable[Finding]:
    if not entry.kernel_path:
        yield RULE.finding(
            Severity.ADVICE,
            f"The default boot entry '{entry.title}' loads no Linux kernel (a chain to another system, or a tool).",
            (entry.source, entry.title),
            subject=entry.full_id,
        )
        return
    if entry.doubt:
        yield RULE.unknown("the default entry", entry.doubt)
        return
    paths = (entry.kernel_path, *entry.initramfs_paths)
    foreign = [path for path in paths if not is_ours(path)]
    if foreign:
        yield RULE.unknown("the default entry", f"it loads {foreign[0]} from outside this machine's /boot")
        return
    missing = [path for path in paths if path not in present]
    if missing:
        yield RULE.finding(
            Severity.WILL_NOT_BOOT,
            f"The default boot entry '{entry.title}' loads {missing[0]}, which does not exist.",
            (entry.source, f"linux {entry.kernel_path}\ninitrd {' '.join(entry.initramfs_paths)}"),
            ("/boot", "\n".join(present)),
            subject=missing[0],
        )
        return
    yield from _kernel(state, entry)
    yield from _root(state, entry)


def _root(state: BootState, entry: BootEntry) -> Iterable[Finding]:
    """Whether the root file system that the entry names is here: a clone, a new mkfs, an old menu.

    Only on the running machine, and only where lsblk knows the identifiers at all: a rescue shell may not have opened it yet.
    """
    named = re.findall(r"(?:^|\s)root=\"?(UUID|PARTUUID|LABEL|PARTLABEL)=([^\s\"]+)", entry.arguments)
    here = isinstance(state.running_release, str) and not isinstance(state.container, str)
    if not named or not here or not isinstance(state.mounts, tuple) or not isinstance(state.block_devices, tuple):
        return
    tag, value = named[-1]  # of several the kernel takes the last
    value = re.sub(
        r"\\x([0-9a-fA-F]{2})", lambda match: chr(int(match[1], 16)), value
    )  # a blank in a label: udev's way
    field = {"UUID": "uuid", "PARTUUID": "partition_uuid", "LABEL": "label", "PARTLABEL": "partition_label"}[tag]
    sources = {mount.source for mount in state.mounts if mount.target == "/"}
    running = [each for each in state.block_devices if each.path in sources or "/" in each.mountpoints]
    # A file system may have no label, but the one that runs has a UUID: where lsblk knows neither, it knows nothing.
    if not any(each.uuid if "LABEL" in tag else getattr(each, field) for each in running):
        return
    known = {str(getattr(each, field)) for each in state.block_devices}
    if value in known or ("LABEL" not in tag and value.lower() in {each.lower() for each in known}):
        return
    yield RULE.finding(
        Severity.WILL_NOT_BOOT,
        f"The default boot entry '{entry.title}' wants the root file system {tag}={value}, and this machine has none of that name.",
        (entry.source, entry.arguments),
        ("lsblk", "\n".join(f"{each.path} {getattr(each, field)}" for each in running)),
        subject=f"{tag}={value}",
    )


def _kernel(state: BootState, entry: BootEntry) -> Iterable[Finding]:
    kernel = kernel_of_entry(state, entry)
    if kernel is None:
        if not state_path(state, entry.kernel_path).startswith("/boot/"):
            yield RULE.unknown(
                "the default entry", f"{entry.kernel_path} lies outside /boot, where kernels are not looked at"
            )
        elif isinstance(state.kernels, tuple):
            yield RULE.finding(
                Severity.WILL_NOT_BOOT,
                f"The default boot entry '{entry.title}' loads {entry.kernel_path}, which is no kernel image.",
                (entry.source, f"linux {entry.kernel_path}"),
                subject=entry.kernel_path,
            )
        return
    if kernel.image_error:
        yield RULE.finding(
            Severity.WILL_NOT_BOOT,
            f"The default boot entry '{entry.title}' loads {kernel.image.path}, which is damaged: {kernel.image_error}.",
            (kernel.image.path, kernel.image_error),
            subject=kernel.image.path,
        )
    elif not isinstance(kernel.modules, Unknown) and not has_modules(kernel) and not needs_no_initramfs(kernel):
        yield RULE.finding(
            Severity.AT_RISK,
            f"The default kernel {kernel.release} has no whole modules tree in /lib/modules: it would come up without "
            "drivers (network, file systems).",
            ("/lib/modules", f"{kernel.release}: no modules.dep or no kernel directory"),
            subject=kernel.release,
        )
    elif not entry.initramfs_paths and (_ROOT_BY_UDEV.search(entry.arguments) or not needs_no_initramfs(kernel)):
        yield RULE.finding(
            Severity.WILL_NOT_BOOT if _ROOT_BY_UDEV.search(entry.arguments) else Severity.AT_RISK,
            f"The default boot entry '{entry.title}' loads no initramfs, but the kernel {kernel.release} needs one to find its "
            "root file system.",
            (entry.source, f"linux {entry.kernel_path} {entry.arguments}"),
            subject=entry.full_id,
        )
