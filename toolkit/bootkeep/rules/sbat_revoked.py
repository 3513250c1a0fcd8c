"""B39: Secure Boot is on, and a boot loader is of a generation that the machine has revoked.

shim compares each image's .sbat section with the SbatLevelRT variable and refuses what is older: ``SBAT self-check failed``. The
same comparison is made here for shim and GRUB on every EFI system partition. On the one that is mounted: WILL_NOT_BOOT. On another:
AT_RISK. Without the variable nothing is revoked.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.loaders import Esp
from bootkeep.facts.machine import Firmware
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Unknown
from bootkeep.rules.rule import Rule

RULE = Rule("sbat-revoked", "B39")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Compare generations, component by component."""
    firmware, esps = state.firmware, state.loaders.esps
    if not isinstance(firmware, Firmware) or firmware.secure_boot is not True or not isinstance(esps, tuple):
        return
    revocations = state.loaders.revocations
    if isinstance(revocations, Unknown):
        yield RULE.unknown("whether a boot loader is revoked", revocations.why)
        return
    if not isinstance(revocations, str):
        return
    wanted = generations(revocations)
    for esp in esps:
        if not isinstance(esp, Esp):
            continue
        for file in esp.files:
            old = [
                f"{component} {generation} (at least {wanted[component]})"
                for component, generation in generations(file.sbat).items()
                if generation < wanted.get(component, 0)
            ]
            if old:
                yield RULE.finding(
                    Severity.WILL_NOT_BOOT if esp.mountpoint else Severity.AT_RISK,
                    f"{file.path} on {esp.device} is revoked (SBAT): {', '.join(old)}. shim refuses it.",
                    (f"{esp.device}: {file.path}", file.sbat.strip()),
                    ("SbatLevelRT", revocations.strip()),
                    subject=f"{esp.device}: {file.path}",
                )


def generations(text: str) -> dict[str, int]:
    """``component,generation,...`` lines of an SBAT section or level (shim's SBAT.md); other lines are passed over."""
    found: dict[str, int] = {}
    for line in text.splitlines():
        words = line.split(",")
        if len(words) > 1 and words[1].isascii() and words[1].isdigit():
            found[words[0]] = int(words[1][:9])
    return found
