"""The disks that grub-pc installs its core image to: existing, whole, and holding /boot (B34).

A GRUB update rewrites /boot/grub's modules and embeds a new core image into the disks that debconf's
``grub-pc/install_devices`` names. When they are wrong, old core and new modules meet at the next start:
``symbol 'grub_calloc' not found``. Salt runs apt non-interactively, so nobody is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.files import replace_file
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.converged import Converged, StateChange
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.machine import Firmware, OsRelease
from bootkeep.facts.storage import BlockDevice, Mount
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.flows.loader_configuration import save_loader_configuration, set_answers

#: SUSE's answer to the same question (perl-Bootloader, update-bootloader(8)).
SUSE_FILE = Path("/etc/default/grub_installdevice")
#: What a boot sector can be written to. A partition is none of them; md and LVM stand on disks.
WHOLE = frozenset({"disk", "mpath", "dmraid"})
#: Names below /dev/disk/by-id in the order of preference: those that tell a person which disk to pull first.
PREFERRED = ("ata-", "nvme-", "virtio-", "scsi-", "usb-", "mmc-", "wwn-")


@dataclass(frozen=True, slots=True)
class DevicesPlan:
    """What debconf names now, what it should name, and why."""

    present: tuple[str, ...]
    wanted: tuple[str, ...]
    wrong: tuple[str, ...]  # sentences, one for each thing that is wrong; empty when all is right


def plan_install_devices(state: BootState) -> DevicesPlan | None:
    """The plan, or None when grub-pc is not installed. Raises BootkeepError when the machine does not say where /boot is."""
    if isinstance(state.packages, Unknown):
        raise _cannot(f"the installed packages are not known: {state.packages.why}")
    if isinstance(state.packages, Absent) or not any(
        package.name == "grub-pc" and package.state == "installed" for package in state.packages
    ):
        return None
    return _plan(state)


def _plan(state: BootState) -> DevicesPlan:
    if isinstance(state.grub_install_devices, Unknown):
        raise _cannot(f"the disks named now are not known: {state.grub_install_devices.why}")
    if isinstance(state.block_devices, (Unknown, Absent)):
        raise _cannot("the block devices are not known")
    present = () if isinstance(state.grub_install_devices, Absent) else state.grub_install_devices
    devices = {device.name: device for device in state.block_devices}
    # Firmware RAID (imsm, ddf): the array itself is partitioned, and its boot sector is the array's.
    arrays = {
        parent for device in state.block_devices if device.kind in {"part", "md"} for parent in device.parents
    } & {device.name for device in state.block_devices if device.kind.startswith("raid")}
    holding = _disks_of_boot(state, devices, arrays)
    wrong: list[str] = []
    kept: list[str] = []
    covered: set[str] = set()
    for path in present:
        device = _device_of(path, devices.values())
        if device is None:
            wrong.append(f"{path} does not exist.")
        elif not is_whole(device) and device.name not in arrays:
            wrong.append(f"{path} is a {device.kind}, not a whole disk.")
        else:
            kept.append(path)
            covered.add(device.name)
    missing = [device for device in holding if device.name not in covered]
    wrong += [f"{stable_name(device)} holds /boot and is not named." for device in missing]
    return DevicesPlan(present, (*kept, *(stable_name(device) for device in missing)), tuple(wrong))


def make_install_devices_right(state: BootState, *, dry_run: bool) -> Converged:
    """Answer grub-pc's question with the disks that hold /boot; nothing when grub-pc is not installed or all is right."""
    family = state.os_release.family if isinstance(state.os_release, OsRelease) else ""
    if family == "suse":
        return _make_suse_right(state, dry_run=dry_run)
    plan = plan_install_devices(state)
    if plan is None and family == "redhat":
        return Converged(True, "An update of EL's GRUB writes to no disk by itself: there is nothing to name.")
    if plan is None:
        return Converged(True, "grub-pc is not installed: no boot sector is debconf's to write.")
    named = ", ".join(plan.present) or "nothing"
    if not plan.wrong:
        return Converged(True, f"grub-pc/install_devices names whole disks that exist and hold /boot: {named}.")
    wanted = ", ".join(plan.wanted)
    change = StateChange("grub-pc/install_devices", ", ".join(plan.present), wanted)
    if not dry_run:
        save_loader_configuration("before grub-pc/install_devices")
        set_answers(
            (
                f"grub-pc grub-pc/install_devices multiselect {wanted}",
                "grub-pc grub-pc/install_devices_empty boolean false",
            )
        )
    return Converged(
        True, f"grub-pc/install_devices names {named}. {' '.join(plan.wrong)} Right is: {wanted}.", (change,)
    )


def _make_suse_right(state: BootState, *, dry_run: bool) -> Converged:
    """update-bootloader installs to what this file names, one a line; on UEFI it asks nobody."""
    if isinstance(state.firmware, Firmware) and state.firmware.mode == "uefi":
        return Converged(True, "This host starts by UEFI: no boot sector is anybody's to write.")
    if isinstance(state.grub_install_devices, Absent):
        return Converged(True, f"There is no {SUSE_FILE}: update-bootloader finds the disk itself.")
    plan = _plan(state)
    named = ", ".join(plan.present) or "nothing"
    if not plan.wrong:
        return Converged(True, f"{SUSE_FILE} names whole disks that exist and hold /boot: {named}.")
    change = StateChange(str(SUSE_FILE), ", ".join(plan.present), ", ".join(plan.wanted))
    if not dry_run:
        save_loader_configuration(f"before {SUSE_FILE}")
        text = SUSE_FILE.read_text("utf-8", "surrogateescape")
        # activate, generic_mbr and comments stay; only the disks are others.
        rest = [line for line in text.splitlines() if not line.strip().startswith("/dev/")]
        content = "\n".join((*plan.wanted, *rest, ""))
        replace_file(SUSE_FILE, content.encode("utf-8", "surrogateescape"), mode=SUSE_FILE.stat().st_mode & 0o7777)
    wanted = ", ".join(plan.wanted)
    return Converged(True, f"{SUSE_FILE} names {named}. {' '.join(plan.wrong)} Right is: {wanted}.", (change,))


def is_whole(device: BlockDevice) -> bool:
    """Whether a boot sector belongs on it. A loop device stands for a disk when it is one itself, not a partition of one."""
    return device.kind in WHOLE or (device.kind == "loop" and not device.parents)


def stable_name(device: BlockDevice) -> str:
    """Its name that does not move: below /dev/disk/by-id when there is one, else its path."""
    by_id = [link for link in device.persistent_links if link.startswith("/dev/disk/by-id/")]

    def preference(link: str) -> tuple[int, str]:
        name = link.removeprefix("/dev/disk/by-id/")
        return next((rank for rank, start in enumerate(PREFERRED) if name.startswith(start)), len(PREFERRED)), name

    return min(by_id, key=preference, default=device.path)


def _disks_of_boot(state: BootState, devices: Mapping[str, BlockDevice], arrays: Set[str]) -> list[BlockDevice]:
    """The whole disks below the file system that holds /boot: every member of a RAID; a partitioned array is one disk."""
    if isinstance(state.mounts, (Unknown, Absent)):
        raise _cannot("the mounts are not known")
    # The last mount on a target is the one that is seen.
    mounts = {mount.target: mount for mount in state.mounts}
    mount = mounts.get("/boot") or mounts.get("/")
    bottom = _mounted_device(mount, devices.values()) if mount else None
    if mount is None or bottom is None:
        source = f"{mount.source} ({mount.file_system})" if mount else "nothing"
        raise _cannot(f"/boot is on {source}, which is no block device of this machine")
    whole: dict[str, BlockDevice] = {}
    queue = [bottom]
    while queue:
        device = queue.pop()
        if is_whole(device) or device.name in arrays:
            whole[device.name] = device
            continue
        above = [devices[name] for name in device.parents if name in devices]
        if len(above) < len(device.parents) or not above:
            raise _cannot(f"what {device.path} stands on is not listed")
        queue += above
    return [whole[name] for name in sorted(whole)]


def _mounted_device(mount: Mount, devices: Iterable[BlockDevice]) -> BlockDevice | None:
    if not mount.source.startswith("/dev/"):  # overlay, tmpfs, a network file system: no disk of this machine
        return None
    devices = tuple(devices)
    # /dev/root and names that udev has since renamed lead nowhere; lsblk still knows what is mounted where.
    mounted = (each for each in devices if mount.target in each.mountpoints)
    return _device_of(mount.source, devices) or next(mounted, None)


def _device_of(path: str, devices: Iterable[BlockDevice]) -> BlockDevice | None:
    devices = tuple(devices)
    for device in devices:
        if path == device.path or path in device.persistent_links:
            return device
    # A link that the listing does not know (by-uuid, /dev/vg/lv): where it leads to.
    resolved = str(Path(path).resolve()) if path.startswith("/dev/") else ""
    return next((device for device in devices if resolved in {device.path, f"/dev/{device.name}"}), None)


def _cannot(why: str) -> BootkeepError:
    return BootkeepError(
        why,
        where="the disks that GRUB is installed to",
        next_step="Look with `lsblk` (Debian: `debconf-show grub-pc` too); nothing was changed.",
    )
