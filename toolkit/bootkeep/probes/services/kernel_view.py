"""What the running kernel and /boot hold: mounts, loaded modules, boot files, and whether a reboot is asked for."""

from __future__ import annotations

from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Readings, Status
from bootkeep.facts.storage import Mount
from bootkeep.facts.system import BootFileState
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.read import Digest, File, Listing, Probe
from bootkeep.probes.understand import number, rows, texts, understood, why_not

MOUNTINFO = File("/proc/self/mountinfo")
MODULES_FILE = File("/proc/modules")
BOOT_LISTING = Listing("/boot/*")
GRUB_LISTING = Listing("/boot/grub/*")
KERNEL_DIGESTS = Digest("/boot/vmlinuz*")
GRUB_DIGESTS = Digest("/boot/grub/*")
REBOOT_FLAG = Listing("/run/reboot-required")
REBOOT_PACKAGES = File("/run/reboot-required.pkgs")


def parse_mountinfo(text: str) -> tuple[Mount, ...]:
    r"""``/proc/self/mountinfo`` (proc(5)), in the kernel's order; ``\040`` and the like decoded. Raises NotUnderstood."""
    mounts: list[Mount] = []
    for line in text.splitlines():
        if not line.strip():
            continue
        head, dash, tail = line.partition(" - ")
        before, after = head.split(" "), tail.split(" ")
        if not dash or len(before) < 6 or len(after) < 3:
            raise NotUnderstood(f"line {line[:80]!r}", where=MOUNTINFO.path)
        options = frozenset(before[5].split(",")) | frozenset(" ".join(after[2:]).split(","))
        mounts.append(
            Mount(
                target=decode_octal(before[4]),
                source=decode_octal(after[1]),
                file_system=after[0],
                options=tuple(sorted(decode_octal(option) for option in options)),
                root=decode_octal(before[3]),
            )
        )
    return tuple(mounts)


def decode_octal(text: str) -> str:
    r"""The kernel's ``\ooo`` for blank, tab, line feed and backslash in its mount tables."""
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\043", "#"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text


def parse_modules(text: str) -> tuple[str, ...]:
    """``/proc/modules``: the names. Raises NotUnderstood on a line that is not such a line."""
    names: list[str] = []
    for line in text.splitlines():
        words = line.split(" ")
        if len(words) < 3 or not words[0]:
            raise NotUnderstood(f"line {line[:60]!r}", where=MODULES_FILE.path)
        names.append(words[0])
    return tuple(sorted(names))


def mounts_of(readings: Readings) -> Maybe[tuple[Mount, ...]]:
    """All mounts of this process's name space."""
    return understood(readings, MOUNTINFO, parse_mountinfo)


def loaded_modules_of(readings: Readings) -> Maybe[tuple[str, ...]]:
    """Loaded kernel modules."""
    return understood(readings, MODULES_FILE, parse_modules)


def boot_files_of(readings: Readings) -> Maybe[tuple[BootFileState, ...]]:
    """Files in /boot and /boot/grub. initramfs images are large: digested only when another probe of the snapshot did."""
    digests: dict[str, str] = {}
    for key, reading in readings.items():
        if key.startswith("digest:/boot/") and reading.ok:
            try:
                digests.update(texts(reading.text, key))
            except NotUnderstood as error:
                return Unknown(str(error))
    listed = [
        understood(readings, read, lambda text: _boot_rows(text, digests)) for read in (BOOT_LISTING, GRUB_LISTING)
    ]
    if isinstance(listed[0], (Absent, Unknown)):
        return listed[0]
    if isinstance(listed[1], Unknown):
        return listed[1]
    return (*listed[0], *(() if isinstance(listed[1], Absent) else listed[1]))


def _boot_rows(text: str, digests: dict[str, str]) -> tuple[BootFileState, ...]:
    files: list[BootFileState] = []
    for row in rows(text, BOOT_LISTING.key):
        try:
            if row["type"] == "file":
                path = str(row["path"])
                size, mtime, inode = (number(str(row[name]), BOOT_LISTING.key) for name in ("size", "mtime_ns", "ino"))
                files.append(BootFileState(path, size, mtime, inode, digests.get(path, "")))
        except KeyError as error:
            raise NotUnderstood(f"a row without {error}", where=BOOT_LISTING.key) from error
    return tuple(files)


def reboot_required_of(readings: Readings) -> Maybe[tuple[str, ...]]:
    """Packages that asked for a reboot (Debian's /run/reboot-required); Absent when nobody did."""
    flag = readings[REBOOT_FLAG.key]
    if flag.status is Status.ABSENT:
        return Absent(REBOOT_FLAG.pattern)
    if not flag.ok:
        return Unknown(why_not(flag, REBOOT_FLAG.pattern))
    packages = readings[REBOOT_PACKAGES.key]
    return tuple(sorted(set(packages.text.split()))) if packages.ok else ()


MOUNTS = Probe("mounts", (MOUNTINFO,), mounts_of)
LOADED_MODULES = Probe("modules", (MODULES_FILE,), loaded_modules_of)
BOOT_FILES = Probe("boot-files", (BOOT_LISTING, GRUB_LISTING, KERNEL_DIGESTS, GRUB_DIGESTS), boot_files_of)
REBOOT_REQUIRED = Probe("reboot-required", (REBOOT_FLAG, REBOOT_PACKAGES), reboot_required_of)
