"""What runs by the clock, and what changes how a unit runs: timers, cron, at, drop-ins of units.

Sources: systemd.timer(5), crontab(5) in Debian's form (/etc/cron.d with a user field), anacrontab(5), at(1), systemd.unit(5).
"""

from __future__ import annotations

from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.lines import Keyed, Texts, assignments, lines, name_of, put, texts_probe
from bootkeep.probes.read import Listing, Probe
from bootkeep.probes.understand import rows, understood

_UNIT_PLACES = ("/usr/lib/systemd/system", "/lib/systemd/system", "/run/systemd/system", "/etc/systemd/system")
_TIMER_KEYS = frozenset(
    {"OnCalendar", "OnBootSec", "OnStartupSec", "OnActiveSec", "OnUnitActiveSec", "OnUnitInactiveSec", "Unit"}
)
CRON_FOLDERS = tuple(Listing(f"/etc/cron.{when}/*") for when in ("hourly", "daily", "weekly", "monthly", "yearly"))
AT_JOBS = Listing("/var/spool/cron/atjobs/*")


def parse_timers(files: Texts) -> Keyed:
    """Timer -> when it elapses and what it starts. /etc overrides the package's file of the same name."""
    found: Keyed = {}
    for path in sorted(files, key=lambda path: [path.startswith(place) for place in reversed(_UNIT_PLACES)]):
        specification: Keyed = {}
        for section, key, value in assignments(files[path]):
            if section == "Timer" and key in _TIMER_KEYS and value:
                put(specification, key, value)
        found[name_of(path)] = ", ".join(f"{key}={value}" for key, value in specification.items())
    return found


def parse_cron(files: Texts) -> Keyed:
    """One key a job: file, user and line. Settings such as PATH= are keys of their own."""
    found: Keyed = {}
    for path, text in sorted(files.items()):
        for line in lines(text):
            put(found, f"{_crontab_name(path)}: {line}", "1")
    return {key: f"{value.count('1')} times" if ";" in value else "" for key, value in found.items()}


def _crontab_name(path: str) -> str:
    spool = "/var/spool/cron/crontabs/"
    return f"crontab of {path.removeprefix(spool)}" if path.startswith(spool) else path


def cron_scripts_of(readings: Readings) -> Maybe[Keyed]:
    """Scripts that run-parts(8) runs for cron: executable files whose name has no dot."""
    found: Keyed = {}
    absent = 0
    for read in CRON_FOLDERS:
        listed = understood(readings, read, lambda text: tuple(rows(text, "listing")))
        if isinstance(listed, Unknown):
            return listed
        if isinstance(listed, Absent):
            absent += 1
            continue
        for row in listed:
            path, mode = str(row.get("path", "")), str(row.get("mode", "0"))
            try:
                runs = row.get("type") == "link" or int(mode, 8) & 0o111
            except ValueError:
                return Unknown(f"{read.key}: mode {mode[:20]!r}")
            if runs and "." not in name_of(path):
                found[path] = f"run {path.split('/')[2].removeprefix('cron.')}"
    return found if absent < len(CRON_FOLDERS) else Absent("cron's folders")


def parse_at_jobs(text: str) -> Keyed:
    """Job file -> uid of its owner; what it does is not read. Raises NotUnderstood."""
    try:
        return {
            name_of(str(row["path"])): f"of uid {row['uid']}"
            for row in rows(text, AT_JOBS.key)
            if row.get("type") == "file" and not name_of(str(row["path"])).startswith(".")
        }
    except KeyError as error:
        raise NotUnderstood(f"a row without {error}", where=AT_JOBS.key) from error


def parse_drop_ins(files: Texts) -> Keyed:
    """``ssh.service: /etc/systemd/system/ssh.service.d/x.conf`` -> its settings in one line."""
    found: Keyed = {}
    for path, text in sorted(files.items()):
        unit = path.split("/")[-2].removesuffix(".d")
        settings = [f"{key}={value}" for _section, key, value in assignments(text)]
        found[f"{unit}: {path}"] = ", ".join(settings)
    return found


TIMERS = texts_probe("timer", parse_timers, *(f"{place}/*.timer" for place in _UNIT_PLACES))
CRON = texts_probe(
    "cron job", parse_cron, "/etc/crontab", "/etc/anacrontab", "/etc/cron.d/*", "/var/spool/cron/crontabs/*"
)
CRON_SCRIPTS = Probe("cron script", CRON_FOLDERS, cron_scripts_of)
AT = Probe("at job", (AT_JOBS,), lambda readings: understood(readings, AT_JOBS, parse_at_jobs))
DROP_INS = texts_probe("unit drop-in", parse_drop_ins, *(f"{place}/*.d/*.conf" for place in _UNIT_PLACES))
