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
    if not waiting:
        waiting = _by_fstab(state, targets)
    found: dict[str, BlockDevice] = {}
    while waiting:
        device = waiting.pop(0)
        if device.name not in found:
            found[device.name] = device
            waiting += [by_name[name] for name in device.parents if name in by_name]
    return tuple(found.values())


def _by_fstab(state: BootState, targets: tuple[str, ...]) -> list[BlockDevice]:
    """From a rescue shell nothing of the host is mounted in its place: then its own fstab tells."""
    specs = [line.spec for line in (state.fstab if isinstance(state.fstab, tuple) else ()) if line.target in targets]
    devices = state.block_devices if isinstance(state.block_devices, tuple) else ()
    return [device for device in devices if any(_is_named(spec, device) for spec in specs)]


def _is_named(spec: str, device: BlockDevice) -> bool:
    kind, mark, value = spec.partition("=")
    if mark:
        named = {"UUID": device.uuid, "LABEL": device.label, "PARTUUID": device.partition_uuid}
        return bool(value) and named.get(kind.upper(), "").lower() == value.strip('"').lower()
    words = spec.removeprefix("/dev/").split("/")
    mapped = "-".join(word.replace("-", "--") for word in words)  # /dev/vg0/root is vg0-root of the mapper
    return spec in (device.path, f"/dev/mapper/{device.name}", *device.persistent_links) or mapped == device.name


def initramfs_devices(state: BootState) -> tuple[BlockDevice, ...]:
    """What the initramfs has to bring up: the way to / and to /usr (systemd mounts neither by itself)."""
    return below(state, "/", "/usr")


def boot_devices(state: BootState) -> tuple[BlockDevice, ...]:
    """What the boot loader has to read: the way to the file system that holds /boot."""
    return below(state, "/boot") or below(state, "/")
