"""B05: the next boot lands in a kernel of another flavour than the one that runs.

generic, cloud, aws, kvm, rt, unsigned: another flavour has other drivers. Some change it on purpose; then a written acceptance
says so (policy: accepted). AT_RISK: the machine may come up without its network or disks, and nobody meant it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Unknown
from bootkeep.rules.common import default_kernel
from bootkeep.rules.rule import Rule

RULE = Rule("kernel-flavour-changes", "B05")

#: Numbers, ABI and local version; what follows is the flavour: ``cloud-amd64`` of ``6.1.0-56-cloud-amd64``.
_FLAVOUR = re.compile(
    r"^[0-9][0-9.]*(?:[+~][A-Za-z0-9.+~]+)?(?:-rc[0-9]+)?-(?:[0-9][A-Za-z0-9.+~]*-)?(?P<flavour>(?!rc[0-9])[a-z].*)$"
)


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Compare the two releases' endings."""
    default = default_kernel(state)
    if default is None or isinstance(state.container, str):
        return
    # From a rescue shell nothing that runs is known: initramfs-driver-missing says so once for all.
    if isinstance(state.running_release, Unknown) and isinstance(state.running_arguments, str):
        yield RULE.unknown("whether the flavour of the kernel stays", state.running_release.why)
    if not isinstance(state.running_release, str):
        return
    running, wanted = flavour_of(state.running_release), flavour_of(default.release)
    if running and wanted and running != wanted:
        yield RULE.finding(
            Severity.AT_RISK,
            f"The next boot starts a kernel of another flavour: {default.release}, while {state.running_release} runs.",
            ("/proc/sys/kernel/osrelease", state.running_release),
            ("default entry", default.release),
            subject=default.release,
        )


def flavour_of(release: str) -> str:
    """The flavour in a kernel release; empty when it has none."""
    match = _FLAVOUR.match(release)
    return match["flavour"] if match else ""
