"""B18: fstab has a /boot or an ESP that is not mounted, or is mounted read-only.

A kernel that is installed now lands under the mount point, where the loader never looks. AT_RISK; ADVICE for lines marked
``noauto`` or ``x-systemd.automount``, where the administrator mounts it by hand or systemd does on first touch, and in
containers, where systemd passes over fstab's devices.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.facts.storage import FstabLine, Mount
from bootkeep.facts.unknown import Unknown
from bootkeep.rules.rule import Rule

RULE = Rule("boot-not-mounted", "B18")

_TARGETS = ("/boot", "/boot/efi", "/efi")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Compare fstab with what is mounted. A rescue root has no mounts of its own: what fstab asks for is UNKNOWN there."""
    if isinstance(state.fstab, Unknown):
        yield RULE.unknown("whether /boot is mounted", state.fstab.why)
    if not isinstance(state.fstab, tuple):
        return
    if not isinstance(state.mounts, tuple):
        if any(line.target in _TARGETS for line in state.fstab):
            why = state.mounts.why if isinstance(state.mounts, Unknown) else "/proc is not mounted"
            yield RULE.unknown("whether /boot is mounted", why)
        return
    for line in state.fstab:
        if line.target not in _TARGETS or line.file_system == "swap":
            continue
        mounted = [mount for mount in state.mounts if mount.target == line.target]
        if not mounted:
            yield _not_mounted(line, isinstance(state.container, str))
        elif "ro" in mounted[-1].options and "ro" not in line.options:
            yield _read_only(mounted[-1])


def _not_mounted(line: FstabLine, container: bool) -> Finding:
    by_hand = bool({"noauto", "x-systemd.automount"} & set(line.options)) or container
    return RULE.finding(
        Severity.ADVICE if by_hand else Severity.AT_RISK,
        f"{line.target} is in fstab but not mounted: kernels and menus written now land under the mount point, where the boot "
        "loader does not look, and what the loader sees cannot be judged.",
        ("/etc/fstab", f"{line.spec} {line.target} {line.file_system} {','.join(line.options)}"),
        ("/proc/self/mountinfo", f"no mount on {line.target}"),
        subject=line.target,
    )


def _read_only(mount: Mount) -> Finding:
    return RULE.finding(
        Severity.AT_RISK,
        f"{mount.target} is mounted read-only, though fstab says otherwise: the kernel found an error on it, or somebody "
        "remounted it. No update of the boot files can succeed.",
        ("/proc/self/mountinfo", f"{mount.source} {mount.target} {','.join(mount.options)}"),
        subject=mount.target,
    )
