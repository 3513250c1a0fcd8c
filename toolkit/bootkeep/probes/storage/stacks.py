"""LUKS, md RAID, LVM and multipath: what they are and what their configuration promises."""

from __future__ import annotations

import json
import re

from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Readings
from bootkeep.facts.stacks import CrypttabLine, LuksVolume, PhysicalVolume, RaidArray, StorageStacks
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.answers import object_of, text_of
from bootkeep.probes.read import Command, File, Probe, Read
from bootkeep.probes.storage.block import LSBLK, block_devices, luks_header
from bootkeep.probes.storage.mounts import unescape
from bootkeep.probes.understand import understood

MDSTAT = File("/proc/mdstat")
CRYPTTAB = File("/etc/crypttab")
MDADM_CONF = File("/etc/mdadm/mdadm.conf")
LVM_DEVICES = File("/etc/lvm/devices/system.devices")
WWIDS = File("/etc/multipath/wwids")
#: ``--readonly`` takes no lock and writes nothing (lvm(8)); a missing volume is a row called ``[unknown]``.
PVS = Command(("pvs", "--readonly", "--reportformat", "json", "-o", "pv_name,pv_uuid,vg_name,pv_missing"))
#: The setting with its compiled default, which differs: Debian 12 ignores a devices file, EL 9 obeys it (lvmconfig(8)).
USES_DEVICES_FILE = Command(("lvmconfig", "--type", "full", "devices/use_devicesfile"))

_ARRAY = re.compile(r"^(md\S+) : (active|inactive)(?: \([^)]*\))* ?(\S*)")
_COUNT = re.compile(r"\[(\d+)/(\d+)\]")
_UUID = re.compile(r"\bUUID=([0-9A-Fa-f:.-]+)")


def parse_mdstat(text: str) -> tuple[RaidArray, ...]:
    """/proc/mdstat (md(4)): a line ``md0 : active raid1 vdb2[1] vda2[0]``, then one with ``[2/2] [UU]``."""
    arrays: list[RaidArray] = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        match = _ARRAY.match(line)
        if not match:
            continue
        rest = []
        for following in lines[number + 1 :]:
            if not following.startswith(" "):
                break
            rest.append(following)
        count = _COUNT.search("\n".join(rest))
        failed = tuple(re.findall(r"(\S+?)\[\d+\]\(F\)", line))
        active = match[2] == "active"
        arrays.append(
            RaidArray(
                name=match[1],
                active=active,
                level=match[3] if active and "[" not in match[3] else "",
                wanted=int(count[1][:9]) if count else 0,
                working=int(count[2][:9]) if count else 0,
                failed=failed,
                rebuilding=any(word in "\n".join(rest) for word in ("recovery =", "resync =", "reshape =")),
            )
        )
    return tuple(arrays)


def parse_crypttab(text: str) -> tuple[CrypttabLine, ...]:
    """Lines of crypttab(5); what cryptsetup itself would not take (fewer than two words) is left out."""
    found: list[CrypttabLine] = []
    for line in text.splitlines():
        words = [unescape(word) for word in line.split()]
        if len(words) < 2 or words[0].startswith("#"):
            continue
        options = tuple(words[3].split(",")) if len(words) > 3 else ()
        found.append(CrypttabLine(words[0], words[1], words[2] if len(words) > 2 else "none", options))
    return tuple(found)


def parse_raid_config(text: str) -> tuple[str, ...]:
    """UUIDs of the ARRAY lines of mdadm.conf(5): 32 digits, however they are grouped. Lines that begin with a blank go on."""
    joined = re.sub(r"\n[ \t]+", " ", text)
    found: list[str] = []
    for line in joined.splitlines():
        words = line.partition("#")[0].split()
        # mdadm takes any word that begins with at least three letters of the keyword.
        if words and len(words[0]) >= 3 and "array".startswith(words[0].lower()):
            match = _UUID.search(re.sub(r"(?i)uuid=", "UUID=", line))
            if match:
                found.append(plain_uuid(match[1]))
    return tuple(found)


def plain_uuid(text: str) -> str:
    """A UUID without its separators, in lower case: mdadm, blkid and LVM group it differently."""
    return re.sub(r"[^0-9A-Za-z]", "", text).lower()


def parse_pvs(text: str) -> tuple[PhysicalVolume, ...]:
    """``pvs --reportformat json``. Raises NotUnderstood."""
    try:
        rows = json.loads(text)["report"][0]["pv"]
        return tuple(
            PhysicalVolume(
                str(row["pv_name"]), str(row["pv_uuid"]), str(row["vg_name"]), str(row["pv_missing"]) not in ("", "0")
            )
            for row in rows
        )
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise NotUnderstood(f"not what pvs prints: {error!r}", where="pvs") from error


def parse_lvm_devices(text: str) -> tuple[str, ...]:
    """PVIDs of LVM's devices file (lvmdevices(8)), as LVM writes them there: without dashes."""
    return tuple(re.findall(r"^\s*IDTYPE=\S+.*\bPVID=(\w+)", text, re.MULTILINE))


def parse_uses_devices_file(text: str) -> bool:
    """``use_devicesfile=0``. Raises NotUnderstood."""
    match = re.search(r"^\s*use_devicesfile\s*=\s*([01])\s*$", text, re.MULTILINE)
    if match is None:
        raise NotUnderstood(f"not what lvmconfig prints: {text[:80]!r}", where="lvmconfig")
    return match[1] == "1"


def parse_wwids(text: str) -> tuple[str, ...]:
    """/etc/multipath/wwids: one ``/wwid/`` a line."""
    return tuple(line.strip().strip("/") for line in text.splitlines() if line.startswith("/"))


def storage_stacks(readings: Readings) -> StorageStacks:
    """All layers. What a host does not have is Absent, or an empty tuple."""
    return StorageStacks(
        luks=_luks(readings),
        crypttab=understood(readings, CRYPTTAB, parse_crypttab),
        arrays=understood(readings, MDSTAT, parse_mdstat),
        raid_config=understood(readings, MDADM_CONF, parse_raid_config),
        physical_volumes=_physical_volumes(readings),
        lvm_devices=understood(readings, LVM_DEVICES, parse_lvm_devices),
        lvm_devices_used=understood(readings, USES_DEVICES_FILE, parse_uses_devices_file),
        multipath_ids=understood(readings, WWIDS, parse_wwids),
    )


def _physical_volumes(readings: Readings) -> Maybe[tuple[PhysicalVolume, ...]]:
    reading = readings[PVS.key]
    if reading.ok and reading.exit_code != 0 and not reading.text.strip():
        return Unknown(f"pvs ended with {reading.exit_code}: {reading.detail.strip()[-200:]}")
    return understood(readings, PVS, parse_pvs)


def _luks(readings: Readings) -> Maybe[tuple[LuksVolume, ...]]:
    devices = block_devices(readings)
    if isinstance(devices, (Absent, Unknown)):
        return devices
    found: list[LuksVolume] = []
    for device in devices:
        if device.file_system == "crypto_LUKS":
            plain = object_of(readings, luks_header(device.path), f"the LUKS header of {device.path}")
            if not isinstance(plain, dict):
                return plain if isinstance(plain, Unknown) else Unknown(f"{device.path} went away while it was read")
            try:
                found.append(
                    LuksVolume(
                        device.path,
                        str(plain["uuid"]),
                        int(plain["version"]),
                        tuple(str(kdf) for kdf in plain["kdfs"]),
                        tuple(str(cipher) for cipher in plain["ciphers"]),
                        str(plain["problem"]),
                    )
                )
            except (KeyError, TypeError, ValueError) as error:
                return Unknown(f"the LUKS header of {device.path} was not understood: {error!r}")
    return tuple(found)


def _follow_ups(readings: Readings) -> tuple[Read, ...]:
    """LVM is asked only where lsblk saw LVM: pvs opens every device that it may use."""
    text = text_of(readings, LSBLK, "lsblk")
    reads: list[Read] = []
    if isinstance(text, str) and ("LVM2_member" in text or '"lvm"' in text):
        reads += [PVS, USES_DEVICES_FILE]
    devices = block_devices(readings)
    if isinstance(devices, tuple):
        reads += [luks_header(device.path) for device in devices if device.file_system == "crypto_LUKS"]
    return tuple(reads)


STACKS = Probe(
    name="storage stacks",
    reads=(MDSTAT, CRYPTTAB, MDADM_CONF, LVM_DEVICES, WWIDS),
    understand=storage_stacks,
    follow_ups=_follow_ups,
)
