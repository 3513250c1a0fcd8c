"""B20: GRUB cannot read the file system that holds /boot: it has features that are newer than GRUB's driver.

Not judged by a list of features, which would be wrong with the next patch of a distribution's GRUB: GRUB's own driver is
asked (``grub-fstest``). Judged only before a reboot.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.loader_sight import LoaderSight
from bootkeep.facts.policy import Policy
from bootkeep.rules.rule import Rule

RULE = Rule("boot-file-system-unreadable", "B20")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Once for each file system, however many files lie on it."""
    told: set[str] = set()
    for sight in state.loader_sights:
        if names_the_file_system(sight) and sight.device not in told:
            told.add(sight.device)
            yield RULE.finding(
                Severity.WILL_NOT_BOOT,
                f"GRUB cannot read the {sight.file_system} file system on {sight.device}, which holds {sight.path}: "
                f"{sight.complaint}.",
                (f"grub-fstest {sight.device} cat (loop0){sight.loader_path}", sight.complaint),
                (sight.path, f"{sight.size_bytes} bytes, sha256 {sight.sha256}"),
                subject=sight.device,
            )


def names_the_file_system(sight: LoaderSight) -> bool:
    """Whether GRUB's complaint is about the file system as a whole and not about one file."""
    return "unknown filesystem" in sight.complaint
