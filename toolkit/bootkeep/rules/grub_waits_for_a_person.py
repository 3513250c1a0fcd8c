"""B14: GRUB waits for a person, without end.

GRUB_TIMEOUT=-1 does, and so does a menu that sets no timeout at all (normal/menu.c: then it is -1); GRUB_RECORDFAIL_TIMEOUT=-1
(Ubuntu) after a boot that was not finished, which is just when nobody stands before the machine. Once ``superusers`` is set,
an entry that is not ``--unrestricted`` asks for a user and a password before it starts, the default entry too (normal/auth.c);
Debian's 10_linux marks none. AT_RISK: after the reboot the machine is silent until somebody comes. A person at the console may
want it so: that is what a written acceptance is for.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_entry import GrubConfig
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.loaders import GrubTimeouts
from bootkeep.facts.policy import Policy
from bootkeep.rules.common import default_boot_entry, entries_of, menu_path
from bootkeep.rules.rule import Rule

RULE = Rule("grub-waits-for-a-person", "B14")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Ask the menu's timeouts and its users."""
    yield from _timeouts(state)
    entry = default_boot_entry(state)
    if isinstance(state.grub, GrubConfig) and state.grub.passwords and entry is not None and not entry.unrestricted:
        yield RULE.finding(
            Severity.AT_RISK,
            f"GRUB asks for a user and a password before it starts the default entry '{entry.title}', which is not marked "
            "--unrestricted.",
            (menu_path(state), "set superusers=..."),
            (entry.source, f"menuentry '{entry.title}' without --unrestricted"),
            subject="superusers",
        )


def _timeouts(state: BootState) -> Iterable[Finding]:
    timeouts = state.loaders.timeouts
    if not isinstance(timeouts, GrubTimeouts) or not entries_of(state):
        return
    if timeouts.ordinary is None or timeouts.ordinary < 0:
        said = "no set timeout=" if timeouts.ordinary is None else f"set timeout={timeouts.ordinary}"
        yield RULE.finding(
            Severity.AT_RISK,
            "GRUB's menu waits for a key without end: nobody may be there to press it.",
            (menu_path(state), said),
            subject="timeout",
        )
    elif timeouts.after_failure is not None and timeouts.after_failure < 0:
        yield RULE.finding(
            Severity.AT_RISK,
            "After a boot that was not finished GRUB's menu waits for a key without end.",
            (menu_path(state), f"recordfail: set timeout={timeouts.after_failure}"),
            subject="recordfail",
        )
