"""B18: files lie in the directory under a mounted /boot or EFI system partition.

They were written while the mount was missing, and the boot loader never sees them. AT_RISK when a kernel or an initramfs is
among them that the mounted /boot has not: an update went past it. Else ADVICE: they only take room.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Unknown
from bootkeep.rules.rule import Rule

RULE = Rule("boot-files-hidden", "B18")

_BOOTS = re.compile(r"^(?:vmlinuz|initrd\.img|initrd|initramfs|vmlinux)-.")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Compare what is hidden with what is there."""
    hidden = state.around.hidden
    if not isinstance(hidden, tuple):
        own = isinstance(state.mounts, tuple) and any(mount.target == "/boot" for mount in state.mounts)
        if isinstance(hidden, Unknown) and own and not isinstance(state.container, str):
            yield RULE.unknown("whether files are hidden under /boot", hidden.why)
        return
    present = {path.rpartition("/")[2] for path in state.boot_files} if isinstance(state.boot_files, tuple) else None
    for target, names in hidden:
        if not names:
            continue
        past = [
            name
            for name in names
            if target == "/boot" and _BOOTS.match(name) and present is not None and name not in present
        ]
        shown = ", ".join((past or list(names))[:5])
        yield RULE.finding(
            Severity.AT_RISK if past else Severity.ADVICE,
            f"Under the mounted {target} lie {len(names)} files that the boot loader never sees: {shown}"
            + (". An update was written past the mount." if past else "."),
            (f"open_tree(2): below {target}", "\n".join(names[:20])),
            subject=target,
        )
