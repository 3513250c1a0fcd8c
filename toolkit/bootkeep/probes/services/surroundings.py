"""What else a reviewer asks about: time zone and time servers, containers and machines that run, the state of audit.

Containers are counted by their control groups: asking an engine would show their environments (docker inspect), and start it.
Sources: localtime(5), timesyncd.conf(5), chrony.conf(5), auditctl(8), systemd's CONTROL_GROUP_INTERFACE.
"""

from __future__ import annotations

from bootkeep.facts.reading import Readings, Status
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.config.files import ETC_LISTING, parse_listing
from bootkeep.probes.lines import Keyed, assignments, lines, put, texts_read
from bootkeep.probes.read import Command, Listing, Probe, Read
from bootkeep.probes.understand import rows, texts, understood, why_not

TIME_FILES = texts_read(
    "/etc/systemd/timesyncd.conf", "/etc/systemd/timesyncd.conf.d/*.conf", "/etc/chrony/chrony.conf"
)
SCOPES = tuple(
    Listing(f"/sys/fs/cgroup/{pattern}")
    for pattern in (
        "system.slice/docker-*.scope",
        "machine.slice/*.scope",
        "machine.slice/*.service",
        "kubepods.slice/*",
    )
)
AUDITCTL = Listing("/usr/sbin/auditctl")
AUDIT_STATUS = Command(("/usr/sbin/auditctl", "-s"), timeout_s=2.0)
#: The rest of ``auditctl -s`` are counters and process ids.
_AUDIT_SETTINGS = frozenset({"enabled", "failure", "rate_limit", "backlog_limit"})


def time_of(readings: Readings) -> Maybe[Keyed]:
    """``time zone`` -> where /etc/localtime leads; ``time server`` lines."""
    files = understood(readings, TIME_FILES, lambda text: texts(text, TIME_FILES.key))
    listed = understood(readings, ETC_LISTING, lambda text: parse_listing(text, ETC_LISTING.key))
    for answer in (files, listed):
        if isinstance(answer, Unknown):
            return answer
    found: Keyed = {}
    if isinstance(listed, tuple):
        zones = [file.target for file in listed if file.path == "/etc/localtime" and file.target]
        found = {"time zone": zones[0]} if zones else {}
    if not isinstance(files, (Absent, Unknown)):
        for path, text in sorted(files.items()):
            if "chrony" in path:
                servers = (line for line in lines(text, "#!;%") if line.split(" ")[0] in {"server", "pool", "peer"})
                for line in servers:
                    put(found, "time server", line)
            else:
                for _section, key, value in assignments(text):
                    put(found, f"timesyncd {key}", value)
    return found


def workloads_of(readings: Readings) -> Maybe[Keyed]:
    """``docker``, ``machine`` -> how many run. Their names change with every start."""
    counts: dict[str, int] = {}
    for read in SCOPES:
        reading = readings[read.key]
        if reading.status is Status.ABSENT:
            continue
        listed = understood(readings, read, lambda text: tuple(rows(text, "listing")))
        if isinstance(listed, Unknown):
            return listed
        if isinstance(listed, tuple):
            kind = read.pattern.removeprefix("/sys/fs/cgroup/").split("/")[1].split("-")[0]
            kind = kind if kind == "docker" else read.pattern.split("/")[4].removesuffix(".slice")
            counts[kind] = counts.get(kind, 0) + sum(row.get("type") == "dir" for row in listed)
    return {kind: str(count) for kind, count in counts.items() if count}


def _audit_follow_ups(readings: Readings) -> tuple[Read, ...]:
    return (AUDIT_STATUS,) if readings[AUDITCTL.key].ok else ()


def audit_of(readings: Readings) -> Maybe[Keyed]:
    """``enabled`` and limits, as the kernel has them; Absent without auditctl."""
    program, status = readings[AUDITCTL.key], readings[AUDIT_STATUS.key]
    if program.status is Status.ABSENT:
        return Absent("auditctl")
    if not program.ok or not status.ok or status.exit_code != 0:
        return Unknown(why_not(status if program.ok else program, AUDIT_STATUS.key))
    pairs = (line.partition(" ") for line in lines(status.text))
    return {key: value for key, _blank, value in pairs if key in _AUDIT_SETTINGS}


TIME = Probe("time", (TIME_FILES, ETC_LISTING), time_of, tier=2)
WORKLOADS = Probe("workload", SCOPES, workloads_of, tier=2)
AUDIT_STATE = Probe("audit state", (AUDITCTL,), audit_of, _audit_follow_ups, tier=2)
