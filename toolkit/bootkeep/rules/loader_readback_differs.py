"""B19: GRUB reads other bytes than the running system shows.

The change is in the journal only (GRUB replays none), or the device does not hold what the page cache shows. Judged only
before a reboot, after everything was flushed. A difference in what the default entry loads, or in grub.cfg: WILL_NOT_BOOT;
in the way back: AT_RISK. What could not be read back is UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.loader_sight import LoaderSight
from bootkeep.facts.policy import Policy
from bootkeep.rules.boot_file_system_unreadable import names_the_file_system
from bootkeep.rules.common import default_boot_entry
from bootkeep.rules.rule import Rule

RULE = Rule("loader-readback-differs", "B19")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Every file that was read back."""
    entry = default_boot_entry(state)
    needed = {entry.kernel_path, *entry.initramfs_paths} if entry else set()
    for sight in state.loader_sights:
        if sight.unknown:
            yield RULE.unknown(f"whether GRUB reads {sight.path} as it is", sight.unknown)
        elif not sight.same and not names_the_file_system(sight):
            first = sight.path in needed or sight.path.endswith("/grub.cfg")
            yield RULE.finding(
                Severity.WILL_NOT_BOOT if first else Severity.AT_RISK,
                _summary(sight),
                (sight.path, f"{sight.size_bytes} bytes, sha256 {sight.sha256}"),
                (f"grub-fstest {sight.device} cat (loop0){sight.loader_path}", _seen(sight)),
                *((f"flush of {each.target}", each.note or "frozen and thawed") for each in state.loader_flushed),
                subject=sight.path,
            )


def _summary(sight: LoaderSight) -> str:
    if "not found" in sight.complaint:
        return f"GRUB does not find {sight.path} on {sight.device}: it is there for the running system only."
    if sight.complaint:
        return f"GRUB cannot read {sight.path} from {sight.device}: {sight.complaint}."
    return f"GRUB reads another {sight.path} from {sight.device} than the running system shows."


def _seen(sight: LoaderSight) -> str:
    if sight.complaint:
        return sight.complaint
    return f"{sight.loader_size_bytes} bytes, sha256 {sight.loader_sha256}"
