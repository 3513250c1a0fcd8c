"""The kernel that runs, and the last one that was proven good."""

from __future__ import annotations

import re

from bootkeep.facts.codec import from_json
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.kernel import LastGood
from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.answers import text_of
from bootkeep.probes.read import File, Probe

RELEASE = File("/proc/sys/kernel/osrelease")
VERSION = File("/proc/version")
ARGUMENTS = File("/proc/cmdline")
MODULES = File("/proc/modules")
#: Written by systemd-nspawn, podman, LXC and others into what they start (systemd: "Container Interface").
CONTAINER = File("/run/systemd/container")
LAST_GOOD = File("/var/lib/bootkeep/last-good.json")


def one_line(readings: Readings, read: File) -> Maybe[str]:
    """A file of /proc without its newline."""
    text = text_of(readings, read, read.path)
    return text.strip() if isinstance(text, str) else text


def running_modules(readings: Readings) -> Maybe[tuple[str, ...]]:
    """Names of the loaded modules, as /proc/modules has them (with ``_``)."""
    text = text_of(readings, MODULES, MODULES.path)
    if not isinstance(text, str):
        return text
    return tuple(sorted(line.split()[0] for line in text.splitlines() if line.split()))


def last_good(readings: Readings) -> Maybe[LastGood]:
    """The record of the kernel that last passed its health check."""
    text = text_of(readings, LAST_GOOD, "the record of a last-good kernel")
    if not isinstance(text, str):
        return text
    try:
        return from_json(LastGood, text, where=LAST_GOOD.path)
    except NotUnderstood as error:
        return Unknown(str(error))


def build_of(version_text: str) -> str:
    """What tells two builds of one release apart: from ``#`` on, without gaps that differ between the two sources.

    /proc/version and the header of the image end with the same words: ``#1 SMP PREEMPT_DYNAMIC Debian 6.1.170-3 (2026-05-08)``.
    """
    _, mark, tail = version_text.partition(" #")
    return " ".join(("#" + tail).split()) if mark else ""


_DEBIAN = re.compile(r"\bDebian (\S+) \(\d{4}-\d\d-\d\d\)")


def debian_version_of(version_text: str) -> str:
    """The package version that a Debian kernel names in its version text; empty for other kernels."""
    match = _DEBIAN.search(version_text)
    return match[1] if match else ""


def console_arguments(arguments: Maybe[str]) -> tuple[str, ...]:
    """The ``console=`` arguments, as written."""
    if isinstance(arguments, (Absent, Unknown)):
        return ()
    return tuple(word for word in arguments.split() if word.startswith("console="))


RUNNING = Probe(
    name="running kernel",
    reads=(RELEASE, VERSION, ARGUMENTS, MODULES, CONTAINER, LAST_GOOD),
    understand=lambda readings: one_line(readings, RELEASE),
)
