"""What else decides whether a booted kernel becomes a reachable machine."""

from __future__ import annotations

import re

from bootkeep.facts.reading import Readings
from bootkeep.facts.surroundings import DkmsModule, InitProgram, NetworkDrivers, Selinux, Surroundings
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.answers import object_of, rows_of, text_of
from bootkeep.probes.machine.identity import shell_assignments
from bootkeep.probes.read import File, Listing, Native, Probe

NETWORK = Native("network-drivers")
INIT = Native("init-program")
HIDDEN = Native("below-mounts")
KERNEL_CONFIG = Native("kernel-config")
#: ``<module>/kernel-<release>-<arch>`` is a link into the tree of the version that is installed for that kernel (dkms(8)).
DKMS = Listing("/var/lib/dkms/*/*")
#: Which kernels each module is not meant for, by its own dkms.conf.
DKMS_EXCLUDED = Native("dkms-excluded")
KEXEC = File("/etc/default/kexec")
KDUMP = File("/etc/default/kdump-tools")
EXTENDED_STATES = File("/var/lib/apt/extended_states")
SELINUX = Native("selinux-labels")
#: kernel-install(8): the first that is there; without either it takes /proc/cmdline, in a rescue shell the medium's own.
NEXT_ARGUMENTS = (File("/etc/kernel/cmdline"), File("/usr/lib/kernel/cmdline"))

_ARCHITECTURES = re.compile(r"-(?:x86_64|aarch64|i686|armv7l|ppc64le|s390x|riscv64)$")


def surroundings(readings: Readings) -> Surroundings:
    """All of them."""
    return Surroundings(
        network=_network(readings),
        init=_init(readings),
        dkms=_dkms(readings),
        hidden=_hidden(readings),
        kexec=_settings(readings, KEXEC),
        kdump=_settings(readings, KDUMP),
        automatic=_automatic(readings),
        selinux=_selinux(readings),
        next_arguments=_next_arguments(readings),
    )


def kernel_options(readings: Readings, release: str) -> Maybe[tuple[tuple[str, str], ...]]:
    """The options of one kernel's /boot/config-<release>."""
    plain = object_of(readings, KERNEL_CONFIG, "the configuration of the kernels in /boot")
    if isinstance(plain, (Absent, Unknown)):
        return plain
    options = plain.get(release)
    if not isinstance(options, dict):
        return Absent(f"/boot/config-{release}")
    return tuple((str(name), str(value)) for name, value in sorted(options.items()))


def _network(readings: Readings) -> Maybe[NetworkDrivers]:
    plain = object_of(readings, NETWORK, "the network cards' drivers")
    if isinstance(plain, (Absent, Unknown)):
        return plain
    try:
        cards = tuple((str(name), str(module)) for name, module in sorted(plain["cards"].items()))
        missing = tuple((str(key), tuple(str(name) for name in names)) for key, names in plain["missing"].items())
    except (KeyError, TypeError, AttributeError) as error:
        return Unknown(f"the network cards' drivers were not understood: {error!r}")
    return NetworkDrivers(cards, missing)


def _init(readings: Readings) -> Maybe[InitProgram]:
    plain = object_of(readings, INIT, "the first program")
    if isinstance(plain, (Absent, Unknown)):
        return plain
    if plain.get("problem"):
        return Unknown(f"{plain.get('program')}: {plain['problem']}")
    missing = plain.get("missing")
    if not isinstance(missing, list):
        return Unknown("what the first program needs was not understood")
    return InitProgram(str(plain.get("program", "/sbin/init")), tuple(str(name) for name in missing))


def _dkms(readings: Readings) -> Maybe[tuple[DkmsModule, ...]]:
    rows = rows_of(readings, DKMS, "/var/lib/dkms")
    if isinstance(rows, (Absent, Unknown)):
        return rows
    plain = object_of(readings, DKMS_EXCLUDED, "the kernels that dkms.conf excludes")
    excluded = plain if isinstance(plain, dict) else {}
    versions: dict[str, set[str]] = {}
    installed: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        parts = str(row.get("path", "")).split("/")
        if len(parts) != 6:
            continue
        module, name = parts[4], parts[5]
        if row.get("type") == "dir":
            versions.setdefault(module, set()).add(name)
        elif row.get("type") == "link" and name.startswith("kernel-"):
            version = str(row.get("target", "")).partition("/")[0]
            release = _ARCHITECTURES.sub("", name.removeprefix("kernel-"))
            installed.setdefault((module, version), set()).add(release)
    return tuple(
        DkmsModule(
            module,
            version,
            tuple(sorted(installed.get((module, version), ()))),
            _names(excluded.get(f"{module}/{version}")),
        )
        for module, names in sorted(versions.items())
        for version in sorted(names)
    )


def _names(found: object) -> tuple[str, ...]:
    return tuple(str(name) for name in found) if isinstance(found, list) else ()


def _selinux(readings: Readings) -> Maybe[Selinux]:
    plain = object_of(readings, SELINUX, "SELinux's configuration")
    if isinstance(plain, (Absent, Unknown)):
        return plain
    try:
        return Selinux(
            mode=str(plain["mode"]),
            policy_type=str(plain["type"]),
            policies=tuple(str(path) for path in plain["policies"]),
            labels=tuple((str(path), str(label)) for path, label in sorted(plain["labels"].items())),
            relabel=plain["relabel"] is True,
        )
    except (KeyError, TypeError, AttributeError) as error:
        return Unknown(f"SELinux's configuration was not understood: {error!r}")


def _next_arguments(readings: Readings) -> Maybe[tuple[str, str]]:
    for read in NEXT_ARGUMENTS:
        text = text_of(readings, read, read.path)
        if isinstance(text, str):
            lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
            return read.path, " ".join(" ".join(lines).split())
        if isinstance(text, Unknown):
            return text
    return Absent(NEXT_ARGUMENTS[0].path)


def _hidden(readings: Readings) -> Maybe[tuple[tuple[str, tuple[str, ...]], ...]]:
    plain = object_of(readings, HIDDEN, "what lies below the mount points")
    if isinstance(plain, (Absent, Unknown)):
        return plain
    return tuple((str(target), tuple(str(name) for name in names)) for target, names in sorted(plain.items()))


def _settings(readings: Readings, read: File) -> Maybe[tuple[tuple[str, str], ...]]:
    text = text_of(readings, read, read.path)
    return tuple(sorted(shell_assignments(text).items())) if isinstance(text, str) else text


def _automatic(readings: Readings) -> Maybe[frozenset[str]]:
    """apt's own record of what was installed only because something else needed it."""
    text = text_of(readings, EXTENDED_STATES, EXTENDED_STATES.path)
    if not isinstance(text, str):
        return text
    found: set[str] = set()
    for paragraph in text.split("\n\n"):
        fields = dict(line.partition(": ")[::2] for line in paragraph.splitlines())
        if fields.get("Auto-Installed", "").strip() == "1":
            found.add(fields.get("Package", "").strip())
    return frozenset(found)


SURROUNDINGS = Probe(
    name="surroundings",
    reads=(
        NETWORK,
        INIT,
        HIDDEN,
        KERNEL_CONFIG,
        DKMS,
        DKMS_EXCLUDED,
        KEXEC,
        KDUMP,
        EXTENDED_STATES,
        SELINUX,
        *NEXT_ARGUMENTS,
    ),
    understand=surroundings,
)
