"""B21: /vmlinuz, /initrd.img or their twins in /boot lead nowhere.

extlinux, kernelstub, PXE and kexec configurations, and cloud providers' own loaders, start what those links name. GRUB's menu
names files, and default-entry-broken follows it: with GRUB alone ADVICE, with extlinux AT_RISK. ``.old`` links are not judged:
with one kernel they have nothing to lead to.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.rules.rule import Rule

RULE = Rule("boot-link-dangling", "B21")

_LINKS = frozenset({"/vmlinuz", "/initrd.img", "/boot/vmlinuz", "/boot/initrd.img", "/boot/initrd", "/boot/image"})


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Follow each link."""
    if not isinstance(state.boot_files, tuple):
        return
    for link, target in state.boot_links:
        if link in _LINKS and link not in state.boot_files and target.startswith("/boot/"):
            uses = "extlinux" in state.loaders.present
            yield RULE.finding(
                Severity.AT_RISK if uses else Severity.ADVICE,
                f"{link} leads to {target}, which does not exist"
                + (": extlinux starts what it names." if uses else "; loaders other than GRUB start what it names."),
                (link, f"-> {target}"),
                subject=link,
            )
