"""B24: mdadm.conf, or its copy in an initramfs, names other arrays than the root file system stands on.

Debian's initramfs assembles by its own copy of mdadm.conf. An array that the copy does not name may come up under another
name (md127), read-only or not at all; fstab and the command line by UUID survive that, names like /dev/md0 do not. AT_RISK; with
the default entry or fstab naming /dev/mdN: WILL_NOT_BOOT for the default kernel. An mdadm.conf without any ARRAY line lets
udev assemble everything: that is in order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.kernel import Initramfs
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Unknown
from bootkeep.probes.storage.chains import initramfs_devices
from bootkeep.probes.storage.stacks import parse_raid_config, plain_uuid
from bootkeep.rules.common import all_kernels, default_boot_entry, default_kernel, label
from bootkeep.rules.rule import Rule

RULE = Rule("raid-config-stale", "B24")

_COPIES = ("etc/mdadm/mdadm.conf", "etc/mdadm.conf")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Compare the arrays below the root with the configuration and its copies."""
    needed = {
        plain_uuid(each.uuid): each.path
        for each in initramfs_devices(state)
        if each.file_system == "linux_raid_member" and each.uuid
    }
    if not needed:
        return
    config = state.stacks.raid_config
    if isinstance(config, Unknown):
        yield RULE.unknown("whether mdadm.conf names the arrays of the root file system", config.why)
        return
    missing = sorted(set(needed) - set(config)) if isinstance(config, tuple) and config else []
    if missing:
        yield RULE.finding(
            Severity.AT_RISK,
            f"mdadm.conf does not name the array that the root file system stands on ({', '.join(missing)}): the next "
            "initramfs will not assemble it under its name.",
            ("/etc/mdadm/mdadm.conf", f"ARRAY UUIDs: {', '.join(config) if isinstance(config, tuple) else 'none'}"),
            subject="/etc/mdadm/mdadm.conf",
        )
    yield from _copies(state, set(needed))


def _copies(state: BootState, needed: set[str]) -> Iterable[Finding]:
    default = default_kernel(state)
    for kernel in all_kernels(state):
        image = kernel.initramfs
        if not isinstance(image, Initramfs) or not isinstance(image.texts, tuple):
            continue
        texts = dict(image.texts)
        copy = next((path for path in _COPIES if path in texts), "")
        inside = parse_raid_config(texts.get(copy, ""))
        if not inside or needed <= set(inside):
            continue
        dies = kernel is default and _by_name(state)
        yield RULE.finding(
            Severity.WILL_NOT_BOOT if dies else Severity.AT_RISK,
            f"The initramfs of {label(kernel)} has an mdadm.conf that names other arrays than the root file system stands on.",
            (f"{image.file.path}: {copy}", ", ".join(inside)),
            ("lsblk", ", ".join(sorted(needed))),
            subject=kernel.release,
        )


def _by_name(state: BootState) -> bool:
    """Whether somebody asks for the array by its name."""
    entry = default_boot_entry(state)
    by_entry = entry is not None and re.search(r"(?:^|\s)root=/dev/md", entry.arguments) is not None
    lines = state.fstab if isinstance(state.fstab, tuple) else ()
    return by_entry or any(line.target in ("/", "/usr") and line.spec.startswith("/dev/md") for line in lines)
