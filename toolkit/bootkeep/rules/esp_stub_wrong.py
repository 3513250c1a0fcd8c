"""B11: GRUB's stub on the EFI system partition leads to another file system than /boot.

Debian's signed GRUB reads EFI/debian/grub.cfg: three lines that search a file system by its UUID and go on with the grub.cfg
there. After a clone or a new mkfs the UUID is gone: ``grub>``, no menu. AT_RISK while another partition's stub is right,
WILL_NOT_BOOT when none is. Only stubs with a ``search`` by UUID are judged, on UEFI machines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.loaders import Esp
from bootkeep.facts.machine import Firmware
from bootkeep.facts.policy import Policy
from bootkeep.rules.rule import Rule

RULE = Rule("esp-stub-wrong", "B11")

_SEARCH = re.compile(
    r"^\s*search(?:\.fs_uuid|\s+(?:--\S+\s+)*--fs-uuid(?:\s+--\S+)*)\s+(?:--set=\S+\s+)?(\S+)", re.MULTILINE
)


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Resolve the UUID of every stub."""
    esps = state.loaders.esps
    if not isinstance(esps, tuple) or not isinstance(state.block_devices, tuple):
        return
    if not isinstance(state.firmware, Firmware) or state.firmware.mode != "uefi":
        return
    known = {device.uuid.lower() for device in state.block_devices if device.uuid}
    stubs = [
        (esp, path, match[1])
        for esp in esps
        if isinstance(esp, Esp)
        for path, text in esp.texts
        if path.lower().startswith("efi/") and (match := _SEARCH.search(text))
    ]
    wrong = [stub for stub in stubs if stub[2].lower() not in known]
    for esp, path, uuid in wrong:
        yield RULE.finding(
            Severity.WILL_NOT_BOOT if len(wrong) == len(stubs) else Severity.AT_RISK,
            f"{path} on {esp.device} sends GRUB to the file system {uuid}, which this machine has not: GRUB stops at its prompt.",
            (f"{esp.device}: {path}", uuid),
            subject=f"{esp.device}: {path}",
        )
