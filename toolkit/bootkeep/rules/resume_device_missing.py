"""B26: the machine would wait for a device to resume from that is not there.

Asked for by ``resume=`` in the default entry and by RESUME= of initramfs-tools, which an initramfs keeps a copy of.
initramfs-tools waits half a minute and goes on: ADVICE. dracut with systemd 256 and newer waits without end
(systemd#35180): AT_RISK where the image is dracut's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.rules.common import default_boot_entry, default_kernel, initramfs_of
from bootkeep.rules.fstab_device_missing import resolves
from bootkeep.rules.rule import Rule

RULE = Rule("resume-device-missing", "B26")

_NOWHERE = frozenset({"", "none", "auto"})


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Resolve what would be resumed from."""
    if not isinstance(state.block_devices, tuple) or isinstance(state.container, str):
        return
    entry = default_boot_entry(state)
    asked: dict[str, str] = {}
    if isinstance(state.swap_and_resume, str):
        asked[state.swap_and_resume] = "/etc/initramfs-tools: RESUME="
    if entry is not None:
        words = re.findall(r"(?:^|\s)resume=(\S+)", entry.arguments)
        if "noresume" in entry.arguments.split():
            return
        asked |= dict.fromkeys(words[-1:], entry.source)
    kernel = default_kernel(state)
    image = initramfs_of(kernel) if kernel else None
    dracut = image is not None and image.generator == "dracut"
    for spec, source in asked.items():
        if spec in _NOWHERE or resolves(spec, state.block_devices) is not False:
            continue
        yield RULE.finding(
            Severity.AT_RISK if dracut else Severity.ADVICE,
            f"The machine is told to resume from {spec}, which does not exist: every boot waits for it"
            + (" without end." if dracut else " for half a minute."),
            (source, f"resume={spec}"),
            subject=spec,
        )
