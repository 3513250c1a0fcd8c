"""B13: the arguments that the next kernel will get do not start this machine.

kernel-install writes each new kernel's entry with the words of /etc/kernel/cmdline. A root= there of another machine (an image
built elsewhere, a repair from a rescue medium) does no harm until the next kernel comes. AT_RISK when it names no root file
system, or one that this machine has not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bootkeep.facts.boot_entry import Bls
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.rules.fstab_device_missing import resolves
from bootkeep.rules.rule import Rule

RULE = Rule("next-command-line-wrong", "B13")

_ROOT = re.compile(r"(?:^|\s)root=\"?(\S+?)\"?(?=\s|$)")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Resolve root= of the arguments to come."""
    if isinstance(state.grub, (Absent, Unknown)) or not isinstance(state.grub.bls, Bls):
        return  # the file means nothing where update-grub or grub2-mkconfig writes the menu
    following = state.around.next_arguments
    if isinstance(following, Unknown):
        yield RULE.unknown("which arguments the next kernel gets", following.why)
    if not isinstance(following, tuple) or isinstance(state.container, str):
        return
    path, words = following
    roots = _ROOT.findall(words)
    if not roots:
        if not re.search(r"(?:^|\s)(?:rd\.|mount\.usr|systemd\.|nfsroot|root)", words):
            yield _finding(path, words, f"{path} names no root file system: the next kernel will not find it.", "root=")
        return
    wanted = roots[-1]
    if not isinstance(state.block_devices, tuple) or not wanted.startswith(("UUID=", "PARTUUID=", "LABEL=", "/dev/")):
        return
    if resolves(wanted, state.block_devices) is False:
        yield _finding(
            path,
            words,
            f"{path} gives the next kernel root={wanted}, and this machine has no such file system.",
            wanted,
        )


def _finding(path: str, words: str, summary: str, subject: str) -> Finding:
    return RULE.finding(Severity.AT_RISK, summary, (path, words), subject=subject)
