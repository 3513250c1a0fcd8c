"""B17: no room on the EFI system partition for the next update of what it holds.

GRUB and shim are copied over the old files, one after the other: room for the largest file of the loader's folder is enough.
systemd-boot and unified kernel images keep whole kernels there: then the largest of them has to fit once more, times
``policy.boot_free_factor``. AT_RISK below it: an update that ends half-way leaves a loader that is cut short.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.loaders import Esp
from bootkeep.facts.policy import Policy
from bootkeep.rules.rule import Rule

RULE = Rule("esp-space-low", "B17")

#: A file that is smaller is no loader.
_LEAST = 64 * 1024


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Compare each mounted partition's free space with its largest file."""
    esps = state.loaders.esps
    if not isinstance(esps, tuple):
        return
    spaces = {space.target: space for space in state.space}
    for esp in esps:
        if not isinstance(esp, Esp):
            continue
        if esp.mountpoint == "/boot/efi" and esp.mountpoint not in spaces:
            yield RULE.unknown(f"the room in {esp.mountpoint}", "free space could not be asked")
        if esp.mountpoint not in spaces:
            continue
        largest = max((file.size_bytes for file in esp.files), default=0)
        wanted = int(largest * policy.boot_free_factor)
        space = spaces[esp.mountpoint]
        if largest >= _LEAST and space.free_bytes < wanted:
            yield RULE.finding(
                Severity.AT_RISK,
                f"{esp.mountpoint} has {space.free_bytes // 1024} KiB free; the next update of what lies there needs "
                f"{-(-wanted // 1024)} KiB.",
                (f"statvfs {esp.mountpoint}", f"{space.free_bytes} of {space.size_bytes} bytes are free"),
                subject=esp.mountpoint,
            )
