"""B43: SELinux will stop the machine: no policy to load, or no labels on what starts first.

systemd loads the policy of SELINUXTYPE before anything else and freezes when it cannot while enforcing ("Failed to load SELinux
policy, freezing"): WILL_NOT_BOOT. Files without a label (restored from a backup, written from a rescue shell) are refused by an
enforced policy: AT_RISK, unless /.autorelabel has the next boot label everything.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.machine import OsRelease
from bootkeep.facts.policy import Policy
from bootkeep.facts.surroundings import Selinux
from bootkeep.facts.unknown import Unknown
from bootkeep.rules.common import default_boot_entry
from bootkeep.rules.rule import Rule

RULE = Rule("selinux-policy-broken", "B43")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Ask what the next boot will find."""
    selinux = state.around.selinux
    # Elsewhere nobody enforces it unasked, and a snapshot of before is no reason to call a Debian machine UNKNOWN.
    expected = isinstance(state.os_release, OsRelease) and state.os_release.family == "redhat"
    if isinstance(selinux, Unknown) and expected:
        yield RULE.unknown("whether SELinux lets this machine come up", selinux.why)
    if not isinstance(selinux, Selinux) or selinux.mode != "enforcing" or isinstance(state.container, str):
        return
    entry = default_boot_entry(state)
    words = entry.arguments.split() if entry is not None else []
    if "selinux=0" in words or "enforcing=0" in words:
        return
    if not selinux.policies:
        yield RULE.finding(
            Severity.WILL_NOT_BOOT,
            f"SELinux is enforcing, and there is no policy of the type {selinux.policy_type}: systemd freezes at once.",
            ("/etc/selinux/config", f"SELINUX={selinux.mode}\nSELINUXTYPE={selinux.policy_type}"),
            (f"/etc/selinux/{selinux.policy_type}/policy", "no policy file"),
            subject=selinux.policy_type,
        )
        return
    bare = [path for path, label in selinux.labels if not label]
    if bare and not selinux.relabel:
        yield RULE.finding(
            Severity.AT_RISK,
            f"SELinux is enforcing, and {bare[0]} has no label: what it is needed for will be refused at the next boot.",
            ("getfattr -n security.selinux", "\n".join(f"{path}: {label or 'none'}" for path, label in selinux.labels)),
            subject=bare[0],
        )
