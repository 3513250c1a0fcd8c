"""B15: GRUB speaks on a serial line, and the kernel that it starts does not.

Whoever watches the line sees the menu, then nothing: no panic, no passphrase prompt, no emergency shell. It does not stop a boot,
it decides how long a failed one takes: ADVICE. A root account without a password is named with it, because the emergency
shell refuses it too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.rules.common import default_boot_entry
from bootkeep.rules.rule import Rule

RULE = Rule("console-silent", "B15")

_SERIAL = re.compile(r"(?:^|\s)console=(?:ttyS|ttyAMA|hvc|ttyUSB|uart)")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Compare GRUB's terminals with the default entry's consoles."""
    entry = default_boot_entry(state)
    if entry is None or not any(word.startswith("serial") for word in state.loaders.terminals):
        return
    if _SERIAL.search(entry.arguments):
        return
    locked = (
        " Nor would the emergency shell let anybody in: root's account is locked." if state.root_locked is True else ""
    )
    yield RULE.finding(
        Severity.ADVICE,
        "GRUB shows its menu on a serial line, but the default boot entry gives the kernel no serial console." + locked,
        ("/boot/grub/grub.cfg", f"terminal: {' '.join(state.loaders.terminals)}"),
        (entry.source, entry.arguments),
        subject=entry.full_id,
    )
