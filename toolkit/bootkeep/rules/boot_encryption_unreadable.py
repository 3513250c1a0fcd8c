"""B20: /boot lies on an encrypted volume that GRUB cannot open.

GRUB 2.06 opens LUKS1, and LUKS2 only where a key slot uses PBKDF2; it knows no Argon2 (Debian 12, Ubuntu 22.04 and 24.04). When no
slot of the volume below /boot is of that kind, GRUB stops at its rescue prompt: WILL_NOT_BOOT. It is judged only where GRUB is
the loader.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Unknown
from bootkeep.probes.storage.chains import boot_devices
from bootkeep.rules.common import entries_of
from bootkeep.rules.rule import Rule

RULE = Rule("boot-encryption-unreadable", "B20")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Look at the key slots of every encrypted volume below /boot."""
    volumes = [each for each in boot_devices(state) if each.file_system == "crypto_LUKS"]
    if not volumes or not entries_of(state):
        return
    headers = state.stacks.luks
    if not isinstance(headers, tuple):
        why = headers.why if isinstance(headers, Unknown) else "no header was found"
        yield RULE.unknown("whether GRUB can open the encrypted /boot", why)
        return
    for volume in volumes:
        header = next((each for each in headers if each.path == volume.path), None)
        if header is None:
            yield RULE.unknown("whether GRUB can open the encrypted /boot", f"the header of {volume.path} was not read")
        elif not header.kdfs:
            why = f"{volume.path}: {header.problem or 'no key slot'}"
            yield RULE.unknown("whether GRUB can open the encrypted /boot", why)
        elif "pbkdf2" not in header.kdfs:
            yield RULE.finding(
                Severity.WILL_NOT_BOOT,
                f"/boot lies on the LUKS{header.version} volume {volume.path}, whose key slots all use "
                f"{header.kdfs[0]}: GRUB cannot open it.",
                (f"LUKS header of {volume.path}", f"key slots: {', '.join(header.kdfs)}"),
                subject=volume.path,
            )
