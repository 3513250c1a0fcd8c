"""B35: the boot loaders on the EFI system partitions are not those of the installed packages, or not the same everywhere.

Several disks with an ESP each: the firmware takes the first that answers. A stale copy loads newer modules and stops, or is
revoked. The installed one is the reference: a file of the mounted ESP's loader folder that another ESP has in another version, or
not at all, is AT_RISK. On the mounted one a GRUB that is neither grub-install's last image nor the package's signed one is AT_RISK.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.loaders import Esp
from bootkeep.facts.machine import Firmware
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Unknown
from bootkeep.rules.rule import Rule

RULE = Rule("esp-copies-differ", "B35")

_LOADER = re.compile(r"^efi/[^/]+/(?:shim|grub|mm|fb)[a-z0-9]*\.efi$")
_GRUB = re.compile(r"^efi/(?!boot/)[^/]+/grub(?:x64|aa64|ia32)\.efi$")
_REFERENCE = re.compile(r"/(?:core\.efi|grub(?:x64|aa64|ia32)\.efi(?:\.signed)?)$")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Compare the mounted partition with the packages, and the others with it."""
    esps = state.loaders.esps
    if not isinstance(state.firmware, Firmware) or state.firmware.mode != "uefi" or not isinstance(esps, tuple):
        return
    for unread in esps:
        if isinstance(unread, Unknown):
            yield RULE.unknown("whether the boot loaders on the EFI system partitions are the same", unread.why)
    known = [esp for esp in esps if isinstance(esp, Esp)]
    mounted = next((esp for esp in known if esp.mountpoint), None)
    if mounted is None:
        return
    yield from _against_packages(state, mounted)
    for other in known:
        if other is not mounted:
            yield from _against(mounted, other)


def _against_packages(state: BootState, esp: Esp) -> Iterable[Finding]:
    packaged = state.loaders.packaged
    if isinstance(packaged, Unknown):
        yield RULE.unknown("whether the GRUB on the EFI system partition is the installed one", packaged.why)
    wanted = {digest for path, digest in packaged if _REFERENCE.search(path)} if isinstance(packaged, tuple) else set()
    if not wanted:
        return
    for file in esp.files:
        if _GRUB.match(file.path.lower()) and file.sha256 not in wanted:
            yield RULE.finding(
                Severity.AT_RISK,
                f"{file.path} on {esp.device} is not the GRUB that is installed: the last update did not reach it.",
                (f"{esp.mountpoint}/{file.path}", file.sha256),
                subject=f"{esp.device}: {file.path}",
            )


def _against(mounted: Esp, other: Esp) -> Iterable[Finding]:
    loaders = [file for file in mounted.files if _LOADER.match(file.path.lower())]
    if not any(_LOADER.match(file.path.lower()) for file in other.files):
        return  # an ESP that never carried a loader: of another system, or a spare
    wrong = []
    for file in loaders:
        twin = other.file(file.path)
        if twin is None or twin.sha256 != file.sha256:
            wrong.append(file.path)
    if wrong:
        yield RULE.finding(
            Severity.AT_RISK,
            f"The EFI system partition {other.device} has other boot loaders than "
            f"{mounted.device}: the firmware may start the old ones.",
            (other.device, "\n".join(wrong)),
            subject=other.device,
        )
