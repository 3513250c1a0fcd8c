"""B44: the first program cannot be started: its file, its interpreter or one of its libraries is missing.

A C library or systemd that was replaced half-way: ``Kernel panic - not syncing: No working init found`` or ``Attempted to kill
init``.
Read from the files as ld.so would search them, without starting anything. WILL_NOT_BOOT. A first program that is no ELF file
for this reader (a script, another byte order) is UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.facts.surroundings import InitProgram
from bootkeep.facts.unknown import Unknown
from bootkeep.rules.common import default_boot_entry
from bootkeep.rules.rule import Rule

RULE = Rule("init-program-broken", "B44")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Pass on what is missing. An entry with init= of its own starts another program: not judged."""
    entry = default_boot_entry(state)
    if entry is None or any(word.startswith("init=") for word in entry.arguments.split()):
        return
    init = state.around.init
    if isinstance(init, Unknown):
        yield RULE.unknown("whether the first program can be started", init.why)
    elif isinstance(init, InitProgram) and init.missing:
        yield RULE.finding(
            Severity.WILL_NOT_BOOT,
            f"The first program {init.program} cannot be started: {init.missing[0]} is missing"
            + (f", and {len(init.missing) - 1} more." if len(init.missing) > 1 else "."),
            (init.program, "\n".join(init.missing)),
            subject=init.program,
        )
