"""B41: fstab gives a file system another type than it has.

The device is there, and mounting it fails ("wrong fs type, bad option, bad superblock"): a disk that was formatted anew, a type
that was typed wrong, the container of an encrypted volume instead of what is in it. systemd then stops in emergency mode:
WILL_NOT_BOOT; AT_RISK for swap and what the boot goes on without. Types are compared by the driver that mounts them (ext2, ext3
and ext4 are one), and only those that every kernel tells apart. A line that was saved with a carriage return has it in its last
word: no kernel knows such a type or option.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.facts.storage import FstabLine
from bootkeep.rules.fstab_device_missing import goes_on_without, resolves, waits_for_nobody
from bootkeep.rules.rule import Rule

RULE = Rule("fstab-type-wrong", "B41")

#: Type in fstab or in lsblk -> what mounts it.
_DRIVERS = {
    **dict.fromkeys(("ext2", "ext3", "ext4"), "ext"),
    **dict.fromkeys(("vfat", "msdos", "fat"), "fat"),
    **{name: name for name in ("xfs", "btrfs", "f2fs", "jfs", "reiserfs", "swap", "exfat")},
}
#: What lsblk calls a device that holds no file system itself, but a layer.
_LAYERS = frozenset({"crypto_LUKS", "LVM2_member", "linux_raid_member", "zfs_member"})


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Compare each line's type with what lies on its device."""
    if (
        not isinstance(state.fstab, tuple)
        or not isinstance(state.block_devices, tuple)
        or isinstance(state.container, str)
    ):
        return
    for line in state.fstab:
        if (
            not waits_for_nobody(line)
            and line.file_system != "swap"
            and any("\r" in word for word in _mounted_by(line))
        ):
            yield RULE.finding(
                Severity.AT_RISK if goes_on_without(line) else Severity.WILL_NOT_BOOT,
                f"fstab line {line.number}, of {line.target.rstrip()}, ends with a carriage return: mount refuses it.",
                ("/etc/fstab", repr(" ".join((line.spec, line.target, *_mounted_by(line))))),
                subject=line.target,
            )
            continue
        wanted = _DRIVERS.get(line.file_system)
        device = next((each for each in state.block_devices if resolves(line.spec, (each,))), None)
        if wanted is None or device is None or waits_for_nobody(line):
            continue
        present = _DRIVERS.get(device.file_system) or (device.file_system if device.file_system in _LAYERS else "")
        if present and present != wanted:
            yield RULE.finding(
                Severity.AT_RISK if goes_on_without(line) else Severity.WILL_NOT_BOOT,
                f"fstab line {line.number} mounts {line.spec} on {line.target} as {line.file_system}, and it is "
                f"{device.file_system}: "
                + ("the boot goes on without it." if goes_on_without(line) else "the boot ends in emergency mode."),
                (
                    "/etc/fstab",
                    f"{line.spec} {line.target} {line.file_system} {','.join(line.options)} 0 {line.passno}",
                ),
                ("lsblk", f"{device.path} {device.file_system}"),
                subject=line.target if line.file_system != "swap" else line.spec,
            )


def _mounted_by(line: FstabLine) -> tuple[str, ...]:
    """The words that mount(8) hands on: a carriage return behind the numbers does no harm."""
    return (line.file_system, *line.options)
