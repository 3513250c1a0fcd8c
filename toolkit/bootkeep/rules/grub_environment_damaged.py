"""B12: grubenv is not an environment block any more.

GRUB says ``invalid environment block`` and goes on without what it remembered: the saved default is lost, and grub-reboot and
grub-set-default no longer work. AT_RISK where the menu asks it for the default, else ADVICE. A missing grubenv is in order
unless the menu asks for it (B08 says what starts then). Where the entries take their arguments from it (EL 8: kernelopts), their
loss is WILL_NOT_BOOT.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_entry import Bls
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.loaders import GrubEnvironment
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.rules.common import default_boot_entry, entries_of, grub_folder
from bootkeep.rules.rule import Rule

RULE = Rule("grub-environment-damaged", "B12")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Pass on what the block's own form says."""
    yield from _options_lost(state)
    environment = state.loaders.environment
    if not isinstance(environment, GrubEnvironment) or not environment.damage or not entries_of(state):
        return
    yield RULE.finding(
        Severity.AT_RISK if state.loaders.asks_environment else Severity.ADVICE,
        f"GRUB's environment block {grub_folder(state)}/grubenv is damaged: what was saved as default is lost, "
        "and grub-reboot fails.",
        (f"{grub_folder(state)}/grubenv", environment.damage),
        subject=f"{grub_folder(state)}/grubenv",
    )


def _options_lost(state: BootState) -> Iterable[Finding]:
    """EL 8: the entries take all their arguments, root= among them, from grubenv's kernelopts."""
    if isinstance(state.grub, (Absent, Unknown)) or not isinstance(state.grub.bls, Bls):
        return
    entry = default_boot_entry(state)
    if entry is None or not state.grub.bls.kernel_options or state.grub.bls.kernel_options_from:
        return
    if "root=" not in entry.arguments:
        yield RULE.finding(
            Severity.WILL_NOT_BOOT,
            f"The boot entries take their arguments from GRUB's variable kernelopts, and nothing sets it: '{entry.title}' starts "
            "its kernel without root=.",
            (entry.source, "options $kernelopts"),
            (f"{grub_folder(state)}/grubenv", "no kernelopts"),
            subject="kernelopts",
        )
