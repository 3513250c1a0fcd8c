"""B34: grub-pc will install its boot sector somewhere else at its next upgrade.

Debian's grub-pc writes its core image to the devices that debconf remembers. When a remembered device is gone, is a partition
or is empty, the upgrade renews the modules in /boot/grub and leaves the old core image on the disk that boots: next boot
``symbol 'grub_calloc' not found``. AT_RISK on BIOS machines with grub-pc. An answer that was never given is ADVICE: the
installer or an image builder may have run grub-install by hand.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.machine import Firmware
from bootkeep.facts.policy import Policy
from bootkeep.facts.storage import BlockDevice
from bootkeep.facts.unknown import Unknown
from bootkeep.rules.rule import Rule

RULE = Rule("grub-install-device-wrong", "B34")

#: lsblk's TYPE of what carries a boot sector of its own.
_WHOLE = frozenset({"disk", "loop", "mpath", "raid0", "raid1", "raid10", "raid5", "raid6", "dmraid"})


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Resolve each remembered device. Nothing to judge without grub-pc, on UEFI, in a container or in a rescue root."""
    if not _uses_grub_pc(state) or isinstance(state.container, str):
        return
    devices = state.grub_install_devices
    if isinstance(devices, Unknown):
        yield RULE.unknown("where grub-pc installs itself", devices.why)
        return
    if not isinstance(devices, tuple) or not devices:
        yield RULE.finding(
            Severity.ADVICE,
            "debconf remembers no disk for grub-pc: its next upgrade will not renew the boot sector.",
            ("/var/cache/debconf/config.dat", "grub-pc/install_devices is empty"),
            subject="grub-pc/install_devices",
        )
        return
    if not isinstance(state.block_devices, tuple):
        if isinstance(state.block_devices, Unknown):
            yield RULE.unknown("where grub-pc installs itself", state.block_devices.why)
        return
    # Links of mapped devices (dm-name-...) are made without asking the disk. From a rescue shell only a disk's own tell that
    # its links were made at all.
    running = isinstance(state.mounts, tuple)
    linked = any(each.persistent_links for each in state.block_devices if running or each.kind == "disk")
    for path in devices:
        yield from _judge_device(path, state.block_devices, linked)


def _uses_grub_pc(state: BootState) -> bool:
    # In a rescue root the firmware is not known; the package is there for BIOS machines only.
    bios = not isinstance(state.firmware, Firmware) or state.firmware.mode == "bios"
    installed = isinstance(state.packages, tuple) and any(
        package.name == "grub-pc" and package.state == "installed" for package in state.packages
    )
    return bios and installed


def _judge_device(path: str, known: tuple[BlockDevice, ...], linked: bool) -> Iterable[Finding]:
    device = next((each for each in known if path == each.path or path in each.persistent_links), None)
    evidence = ("/var/cache/debconf/config.dat", f"grub-pc/install_devices: {path}")
    if device is None and path.startswith("/dev/disk/") and not linked:
        yield RULE.unknown("where grub-pc installs itself", "the links in /dev/disk could not be read from here")
    elif device is None:
        yield RULE.finding(
            Severity.AT_RISK,
            f"grub-pc is to be installed to {path}, which does not exist: its next upgrade leaves an old boot sector that does "
            "not fit the new modules.",
            evidence,
            subject=path,
        )
    elif device.kind not in _WHOLE:
        yield RULE.finding(
            Severity.AT_RISK,
            f"grub-pc is to be installed to {path}, which is a partition ({device.kind}), not a whole disk.",
            evidence,
            ("lsblk", f"{device.name} {device.kind}"),
            subject=path,
        )
