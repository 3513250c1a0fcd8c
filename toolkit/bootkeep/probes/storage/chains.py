"""What a mount point stands on, device by device down to the disks."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.storage import BlockDevice


def below(state: BootState, *targets: str) -> tuple[BlockDevice, ...]:
    """The devices that carry these mount points, and all that they stand on, each once; empty where lsblk was not read."""
    if not isinstance(state.block_devices, tuple):
        return ()
    by_name = {device.name: device for device in state.block_devices}
    sources = {
        mount.source
        for mount in (state.mounts if isinstance(state.mounts, tuple) else ())
        if mount.target in targets and mount.source.startswith("/dev/")
    }
    waiting = [
        device
        for device in state.block_devices
        if set(device.mountpoints) & set(targets) or device.path in sources or sources & {*device.persistent_links}
    ]
    found: dict[str, BlockDevice] = {}
    while waiting:
        device = waiting.pop(0)
        if device.name not in found:
            found[device.name] = device
            waiting += [by_name[name] for name in device.parents if name in by_name]
    return tuple(found.values())


def initramfs_devices(state: BootState) -> tuple[BlockDevice, ...]:
    """What the initramfs has to bring up: the way to / and to /usr (systemd mounts neither by itself)."""
    return below(state, "/", "/usr")


def boot_devices(state: BootState) -> tuple[BlockDevice, ...]:
    """What the boot loader has to read: the way to the file system that holds /boot."""
    return below(state, "/boot") or below(state, "/")
