"""Names of the machine, its system, its root account and its resume device."""

from __future__ import annotations

import re
import shlex

from bootkeep.facts.machine import Identity, OsRelease
from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.answers import object_of, text_of
from bootkeep.probes.read import Command, File, Native, Probe

OS_RELEASE = File("/etc/os-release")
OS_RELEASE_VENDOR = File("/usr/lib/os-release")
HOSTNAME = File("/etc/hostname")
MACHINE_ID = File("/etc/machine-id")
VENDOR = File("/sys/class/dmi/id/sys_vendor")
PRODUCT = File("/sys/class/dmi/id/product_name")
SERIAL = File("/sys/class/dmi/id/product_serial")
ARCHITECTURE = Command(("dpkg", "--print-architecture"))
ROOT_ACCOUNT = Native("root-account")
RESUME = File("/etc/initramfs-tools/conf.d/resume")
RESUME_MAIN = File("/etc/initramfs-tools/initramfs.conf")


def parse_os_release(text: str) -> OsRelease:
    """os-release(5): shell assignments, quoted or not. Lines that are none are passed over, as the manual asks."""
    values = shell_assignments(text)
    return OsRelease(
        id=values.get("ID", "linux"),
        id_like=tuple(values.get("ID_LIKE", "").split()),
        version_id=values.get("VERSION_ID", ""),
        pretty_name=values.get("PRETTY_NAME", "Linux"),
    )


def shell_assignments(text: str) -> dict[str, str]:
    """``NAME=value`` lines, unquoted."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        match = re.match(r"\s*([A-Za-z_][A-Za-z0-9_]*)=(.*)$", line)
        if match:
            try:
                words = shlex.split(match[2], comments=True)
            except ValueError:
                continue
            values[match[1]] = words[0] if words else ""
    return values


def os_release(readings: Readings) -> Maybe[OsRelease]:
    """The system's release."""
    text = text_of(readings, OS_RELEASE, OS_RELEASE.path)
    if not isinstance(text, str):
        # In a mounted root the link may be absolute and lead out of it.
        text = text_of(readings, OS_RELEASE_VENDOR, OS_RELEASE_VENDOR.path)
    return parse_os_release(text) if isinstance(text, str) else text


def identity(readings: Readings) -> Identity:
    """What tells this machine from its neighbour; empty texts where it does not say."""
    machine_id = text_of(readings, MACHINE_ID, MACHINE_ID.path)
    return Identity(
        hostname=_line(readings, HOSTNAME),
        machine_id=machine_id.strip() if isinstance(machine_id, str) else machine_id,
        vendor=_line(readings, VENDOR),
        product=_line(readings, PRODUCT),
        serial=_line(readings, SERIAL),
        architecture=_architecture(readings),
    )


def _architecture(readings: Readings) -> str:
    reading = readings[ARCHITECTURE.key]
    return reading.text.strip() if reading.ok and reading.exit_code == 0 else ""


def _line(readings: Readings, read: File) -> str:
    text = text_of(readings, read, read.path)
    return text.strip() if isinstance(text, str) else ""


def root_locked(readings: Readings) -> Maybe[bool]:
    """Whether the root account has no usable password."""
    plain = object_of(readings, ROOT_ACCOUNT, "root's password field")
    if isinstance(plain, (Absent, Unknown)):
        return plain
    word = plain.get("password")
    return (
        word == "locked" if word in ("locked", "none", "set") else Unknown("root's password field was not understood")
    )


def resume_setting(readings: Readings) -> Maybe[str]:
    """initramfs-tools' ``RESUME=``: conf.d wins over initramfs.conf (initramfs.conf(5)); empty when there is none."""
    value = ""
    for read in (RESUME_MAIN, RESUME):
        text = text_of(readings, read, read.path)
        if isinstance(text, Unknown):
            return text
        if isinstance(text, str):
            value = shell_assignments(text).get("RESUME", value)
    return value


MACHINE = Probe(
    name="machine",
    reads=(
        OS_RELEASE,
        OS_RELEASE_VENDOR,
        HOSTNAME,
        MACHINE_ID,
        VENDOR,
        PRODUCT,
        SERIAL,
        ARCHITECTURE,
        ROOT_ACCOUNT,
        RESUME,
        RESUME_MAIN,
    ),
    understand=identity,
)
