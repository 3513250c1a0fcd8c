"""B11: GRUB's stub on the EFI system partition leads to another file system than /boot.

Debian's signed GRUB reads EFI/debian/grub.cfg: three lines that search a file system by its UUID and go on with the grub.cfg
there. After a clone or a new mkfs the UUID is gone: ``grub>``, no menu.
AT_RISK while another partition's stub is right, WILL_NOT_BOOT when none is. On EL 9 and newer a stub that a whole menu has taken
the place of is AT_RISK. Only stubs with a ``search`` by UUID are judged, on UEFI machines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.loaders import Esp
from bootkeep.facts.machine import Firmware, OsRelease
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.rules.rule import Rule

RULE = Rule("esp-stub-wrong", "B11")

_SEARCH = re.compile(
    r"^\s*search(?:\.fs_uuid|\s+(?:--\S+\s+)*--fs-uuid(?:\s+--\S+)*)\s+(?:--set=\S+\s+)?(\S+)", re.MULTILINE
)


_MENU = re.compile(r"^\s*(?:menuentry|submenu|blscfg)\b", re.MULTILINE)


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Resolve the UUID of every stub."""
    esps = state.loaders.esps
    if not isinstance(esps, tuple) or not isinstance(state.block_devices, tuple):
        return
    if not isinstance(state.firmware, Firmware) or state.firmware.mode != "uefi":
        return
    yield from _overwritten(state, esps)
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


def _overwritten(state: BootState, esps: tuple[Maybe[Esp], ...]) -> Iterable[Finding]:
    """EL 9 and newer: grub2-mkconfig was pointed at the stub, as older instructions have it (rhboot/grub2#183).

    The copy has a menu of its own, with a default and an environment of its own: from now on no kernel update reaches it.
    """
    rpm = isinstance(state.os_release, OsRelease) and state.os_release.family in ("redhat", "suse")
    if not rpm or isinstance(state.grub, (Absent, Unknown)) or not state.grub.path.startswith("/boot/"):
        return  # EL 8 keeps its menu there on purpose
    for esp in esps:
        if not isinstance(esp, Esp):
            continue
        for path, text in esp.texts:
            if path.lower().startswith("efi/") and _MENU.search(text):
                yield RULE.finding(
                    Severity.AT_RISK,
                    f"{path} on {esp.device} is a whole menu, not a stub of three lines: GRUB uses it, and no kernel update does.",
                    (f"{esp.device}: {path}", f"{len(text.splitlines())} lines, with blscfg or menuentry"),
                    subject=f"{esp.device}: {path}",
                )
