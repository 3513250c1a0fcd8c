"""B34: the core image on a disk is not the one that belongs to the modules in /boot/grub.

grub-install renews both together. A core that was left behind (another disk was named, a disk was replaced or cloned) loads newer
modules and stops: ``symbol 'grub_calloc' not found``, ``grub rescue>``. Compared byte by byte with
/boot/grub/i386-pc/core.img. AT_RISK: an older core of the same version may still work. A disk of an array without GRUB: AT_RISK,
the machine does not start from it alone. No GRUB on any disk: something else starts this machine, UNKNOWN; but WILL_NOT_BOOT
where their first sectors hold no code at all and there is no other disk.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.loaders import BootSector
from bootkeep.facts.machine import Firmware
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Unknown
from bootkeep.rules.common import entries_of
from bootkeep.rules.rule import Rule

RULE = Rule("grub-core-differs", "B34")

_QUESTION = "whether the boot sectors fit GRUB's modules"


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Compare each disk below /boot. Only on BIOS machines with grub-pc, and not in containers."""
    if isinstance(state.container, str) or not _uses_grub_pc(state) or not entries_of(state):
        return
    sectors = state.loaders.sectors
    if not isinstance(sectors, tuple):
        if isinstance(sectors, Unknown):
            yield RULE.unknown(_QUESTION, sectors.why)
        return
    for unread in sectors:
        if isinstance(unread, Unknown):
            yield RULE.unknown(_QUESTION, unread.why)
    known = [sector for sector in sectors if isinstance(sector, BootSector)]
    if known and len(known) == len(sectors) and not any(sector.grub for sector in known):
        disks = ", ".join(sector.disk for sector in known)
        if all(sector.empty for sector in known) and not _other_disks(state, {sector.disk for sector in known}):
            yield RULE.finding(
                Severity.WILL_NOT_BOOT,
                f"There is no boot code on {disks}, and no other disk is here that could start this machine.",
                *((sector.disk, "the first 440 bytes are zero") for sector in known),
                subject=known[0].disk,
            )
            return
        yield RULE.unknown("what starts this machine", f"no disk below /boot ({disks}) carries GRUB's boot code")
        return
    for sector in known:
        if not sector.grub:
            yield RULE.finding(
                Severity.AT_RISK,
                f"{sector.disk} carries /boot, but not GRUB: when the other disk fails the machine does not start.",
                (sector.disk, "no GRUB in the first sector"),
                subject=sector.disk,
            )
        elif sector.core_image and sector.core != "same":
            yield RULE.finding(
                Severity.AT_RISK,
                f"GRUB's core image on {sector.disk} is not the one that belongs to /boot/grub/i386-pc: with modules of another "
                "version GRUB stops at its rescue prompt.",
                (sector.disk, "differs from /boot/grub/i386-pc/core.img"),
                subject=sector.disk,
            )


def _other_disks(state: BootState, below_boot: set[str]) -> bool:
    devices = state.block_devices if isinstance(state.block_devices, tuple) else ()
    return not devices or any(
        each.kind in ("disk", "mpath") and not each.parents and not each.removable and each.path not in below_boot
        for each in devices
    )


def _uses_grub_pc(state: BootState) -> bool:
    # Where the firmware could not be asked the package tells: grub-pc is there for BIOS machines only.
    bios = not isinstance(state.firmware, Firmware) or state.firmware.mode == "bios"
    return (
        bios
        and isinstance(state.packages, tuple)
        and any(package.name == "grub-pc" and package.state == "installed" for package in state.packages)
    )
