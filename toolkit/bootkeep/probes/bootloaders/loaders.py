"""Boot loaders as they lie on disks and EFI system partitions, and what GRUB remembers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.loaders import BootSector, Esp, EspFile, GrubEnvironment, GrubTimeouts, Loaders
from bootkeep.facts.reading import Readings
from bootkeep.facts.storage import BlockDevice
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.answers import object_of, rows_of, text_of
from bootkeep.probes.bootloaders.grub import DEFAULTS
from bootkeep.probes.bootloaders.grub_cfg import Included, parse_grub_cfg
from bootkeep.probes.bootloaders.grubenv import parse_grubenv
from bootkeep.probes.bootloaders.places import PLACES, place_of
from bootkeep.probes.bootloaders.settings_damage import settings_damage
from bootkeep.probes.read import Digest, Listing, Native, Probe, Read
from bootkeep.probes.storage.block import block_devices

#: UEFI specification 2.10, table 5-7, and the MBR's type.
ESP_TYPES = frozenset({"c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "0xef", "ef"})
#: What packages bring for grub-install to copy; digests to compare the ESP with.
PACKAGED = (
    Digest("/usr/lib/grub/x86_64-efi-signed/*"),
    Digest("/usr/lib/shim/*"),
    Digest("/boot/grub/x86_64-efi/core.efi"),
    Digest("/usr/lib/systemd/boot/efi/*"),
)
SBAT_LEVEL = Native("sbat-level")
EXTLINUX = Listing("/boot/extlinux/*")
LOADER_ENTRIES = Listing("/boot/loader/*")

_ASKS = re.compile(r"set default=\"?\$\{?saved_entry")
_TERMINAL = re.compile(r"^\s*terminal_(?:input|output)\s+(.+)$", re.MULTILINE)


def boot_sector_of(disk: str) -> Native:
    """The read of one disk's boot code."""
    return Native(f"boot-sector:{disk}")


def esp_of(device: str, mountpoint: str) -> Native:
    """The read of one EFI system partition."""
    return Native(f"esp:{device}|{mountpoint}" if mountpoint else f"esp:{device}")


def is_esp(device: BlockDevice) -> bool:
    """By the partition's type, or because it is mounted where an ESP belongs."""
    return device.partition_type.lower() in ESP_TYPES or any(
        point in ("/boot/efi", "/efi") for point in device.mountpoints
    )


def boot_disks(devices: tuple[BlockDevice, ...]) -> tuple[BlockDevice, ...]:
    """Whole disks below the file system that holds /boot."""
    by_name = {device.name: device for device in devices}
    holder = next((d for target in ("/boot", "/") for d in devices if target in d.mountpoints), None)
    found: dict[str, BlockDevice] = {}
    waiting = [holder] if holder else []
    while waiting:
        device = waiting.pop(0)
        below = [by_name[name] for name in device.parents if name in by_name]
        if not below and device.kind in ("disk", "loop", "mpath"):
            found.setdefault(device.name, device)
        waiting += below
    return tuple(found.values())


def timeouts_of(text: str, environment: Mapping[str, str], included: Iterable[Included] = ()) -> Maybe[GrubTimeouts]:
    """How long the menu waits, and how long after a boot that was not finished (Ubuntu's recordfail). -1: without end.

    As normal/menu.c: a value that is no number counts as none, and without one the menu waits for a key.
    """
    included = tuple(included)
    try:
        ordinary, failed = (
            _waits(parse_grub_cfg(text, where="grub.cfg", locate=_as_is, environment=each, included=included).timeouts)
            for each in ({**environment, "recordfail": ""}, {**environment, "recordfail": "1"})
        )
    except (NotUnderstood, RecursionError) as error:
        return Unknown(str(error))
    return GrubTimeouts(ordinary, failed if "recordfail" in text else None)


def _as_is(path: str, _uuid: str) -> str:
    return path


def _waits(values: tuple[str, ...]) -> int | None:
    """The worst of what may be set; None where nothing sets it."""
    numbers = [re.match(r"[0-9]{1,6}", value.strip()) for value in values if "$" not in value]
    return min((int(number[0]) if number else -1 for number in numbers), default=0 if values else None)


def loaders(readings: Readings) -> Loaders:
    """What is where."""
    devices = block_devices(readings)
    menu = place_of(readings).menu
    text = text_of(readings, menu, menu.path)
    words = [word for line in _TERMINAL.findall(text) for word in line.split()] if isinstance(text, str) else []
    esps = _esps(readings, devices)
    environment = _environment(readings)
    return Loaders(
        esps=esps,
        sectors=_sectors(readings, devices),
        environment=environment,
        timeouts=_timeouts(readings, text, environment),
        asks_environment=isinstance(text, str) and _ASKS.search(text) is not None,
        terminals=tuple(dict.fromkeys(words)),
        packaged=_packaged(readings),
        revocations=text_of(readings, SBAT_LEVEL, "the SbatLevelRT variable"),
        settings_damage=_settings_damage(readings),
        present=_present(readings, esps, isinstance(text, str)),
    )


def _settings_damage(readings: Readings) -> Maybe[str]:
    text = text_of(readings, DEFAULTS, DEFAULTS.path)
    return settings_damage(text) if isinstance(text, str) else text


def _timeouts(readings: Readings, text: Maybe[str], environment: Maybe[GrubEnvironment]) -> Maybe[GrubTimeouts]:
    if not isinstance(text, str):
        return text
    place = place_of(readings)
    variables = dict(environment.variables) if isinstance(environment, GrubEnvironment) else {}
    parts = [
        Included(each.path, readings[each.key].text) for each in (place.custom, place.ours) if readings[each.key].ok
    ]
    return timeouts_of(text, variables, parts)


def _environment(readings: Readings) -> Maybe[GrubEnvironment]:
    environment = place_of(readings).environment
    text = text_of(readings, environment, environment.path)
    if not isinstance(text, str):
        return text
    try:
        return GrubEnvironment(tuple(sorted(parse_grubenv(text, where=environment.path).items())), "")
    except NotUnderstood as error:
        return GrubEnvironment((), str(error))


def _packaged(readings: Readings) -> Maybe[tuple[tuple[str, str], ...]]:
    found: dict[str, str] = {}
    for read in PACKAGED:
        plain = object_of(readings, read, read.pattern)
        if isinstance(plain, Unknown):
            return plain
        if isinstance(plain, dict):
            found |= {str(path): str(digest) for path, digest in plain.items()}
    return tuple(sorted(found.items()))


def _sectors(readings: Readings, devices: Maybe[tuple[BlockDevice, ...]]) -> Maybe[tuple[Maybe[BootSector], ...]]:
    if isinstance(devices, (Absent, Unknown)):
        return devices
    found: list[Maybe[BootSector]] = []
    for disk in boot_disks(devices):
        plain = object_of(readings, boot_sector_of(disk.path), f"the boot sector of {disk.path}")
        if isinstance(plain, dict):
            found.append(
                BootSector(
                    disk.path,
                    plain.get("grub") is True,
                    str(plain.get("core", "none")),
                    plain.get("core_image") is True,
                    plain.get("empty") is True,
                )
            )
        else:
            found.append(plain)
    return tuple(found)


def _esps(readings: Readings, devices: Maybe[tuple[BlockDevice, ...]]) -> Maybe[tuple[Maybe[Esp], ...]]:
    if isinstance(devices, (Absent, Unknown)):
        return devices
    return tuple(_esp(readings, device) for device in devices if is_esp(device))


def _esp(readings: Readings, device: BlockDevice) -> Maybe[Esp]:
    mountpoint = device.mountpoints[0] if device.mountpoints else ""
    plain = object_of(readings, esp_of(device.path, mountpoint), f"the EFI system partition {device.path}")
    if isinstance(plain, (Absent, Unknown)):
        return plain
    try:
        files = tuple(
            EspFile(
                str(row["path"]),
                int(row["size"]),
                str(row["sha256"]),
                row["signed"] if isinstance(row["signed"], bool) else None,
                str(row["sbat"]),
            )
            for row in plain["files"]
        )
        texts = tuple((str(path), str(text)) for path, text in sorted(plain["texts"].items()))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return Unknown(f"what lies on {device.path} was not understood: {error!r}")
    return Esp(device.path, device.partition_uuid, mountpoint, files, texts)


def _present(readings: Readings, esps: Maybe[tuple[Maybe[Esp], ...]], has_menu: bool) -> tuple[str, ...]:
    names = ["GRUB"] if has_menu else []
    paths = [
        file.path.lower()
        for esp in (esps if isinstance(esps, tuple) else ())
        if isinstance(esp, Esp)
        for file in esp.files
    ]
    if any("systemd-boot" in path for path in paths):
        names.append("systemd-boot")
    if any(path.startswith("efi/linux/") and path.endswith(".efi") for path in paths):
        names.append("unified kernel image")
    rows = rows_of(readings, EXTLINUX, "/boot/extlinux")
    if isinstance(rows, tuple) and any(str(row.get("path", "")).endswith("/extlinux.conf") for row in rows):
        names.append("extlinux")
    return tuple(names)


def _follow_ups(readings: Readings) -> tuple[Read, ...]:
    devices = block_devices(readings)
    if isinstance(devices, (Absent, Unknown)):
        return ()
    esps = [device for device in devices if is_esp(device)]
    reads: list[Read] = [esp_of(each.path, each.mountpoints[0] if each.mountpoints else "") for each in esps]
    return (*reads, *(boot_sector_of(disk.path) for disk in boot_disks(devices)))


LOADERS = Probe(
    name="boot loaders",
    reads=(
        *(read for place in PLACES for read in (place.menu, place.environment)),
        *PACKAGED,
        SBAT_LEVEL,
        EXTLINUX,
        LOADER_ENTRIES,
        DEFAULTS,
    ),
    understand=loaders,
    follow_ups=_follow_ups,
)
