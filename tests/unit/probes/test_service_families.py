from __future__ import annotations

import json

from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.facts.unknown import Absent
from bootkeep.probes.config.files import ETC_LISTING
from bootkeep.probes.packages.scripts import parse_scripts
from bootkeep.probes.services.aftermath import journal_of, parse_journal, parse_stale
from bootkeep.probes.services.surroundings import (
    AUDIT_STATUS,
    AUDITCTL,
    SCOPES,
    TIME_FILES,
    audit_of,
    time_of,
    workloads_of,
)


def test_time_workloads_and_audit() -> None:
    listing = [
        {
            "path": "/etc/localtime",
            "type": "link",
            "mode": "0777",
            "uid": 0,
            "gid": 0,
            "size": 1,
            "target": "../usr/x/UTC",
        }
    ]
    files = {"/etc/chrony/chrony.conf": "pool a iburst\n# x\n! y\nserver b\n"}
    groups = [{"path": "/sys/fs/cgroup/system.slice/docker-0a.scope", "type": "dir"}]
    readings = Readings(
        {
            ETC_LISTING.key: Reading(Status.OK, json.dumps(listing)),
            TIME_FILES.key: Reading(Status.OK, json.dumps(files)),
            **{read.key: Reading(Status.ABSENT) for read in SCOPES},
            SCOPES[0].key: Reading(Status.OK, json.dumps(groups)),
            AUDITCTL.key: Reading(Status.OK, "[]"),
            AUDIT_STATUS.key: Reading(Status.OK, "enabled 1\npid 77\nlost 3\nbacklog_limit 8192\n"),
        }
    )
    assert time_of(readings) == {"time zone": "../usr/x/UTC", "time server": "pool a iburst; server b"}
    assert workloads_of(readings) == {"docker": "1"}
    assert audit_of(readings) == {"enabled": "1", "backlog_limit": "8192"}


def test_stale_and_journal() -> None:
    rows = [
        {"pid": 1, "unit": "init.scope", "exe": "/usr/lib/systemd/systemd", "files": ["/lib/libc.so.6"]},
        {"pid": 7, "unit": "cron.service", "exe": "/usr/sbin/cron", "files": ["/lib/libc.so.6"]},
        {"pid": 2, "unit": "session-1.scope", "exe": "/usr/bin/tmux", "files": ["/lib/libc.so.6"]},
    ]
    assert parse_stale(json.dumps(rows)) == dict.fromkeys(
        ["the system manager (by systemctl daemon-reexec)", "cron.service", "/usr/bin/tmux"], "/lib/libc.so.6"
    )
    entries = [{"unit": "a.service", "message": f"pid {pid} at 0x{pid:x} failed"} for pid in (12, 345)]
    assert parse_journal(json.dumps(entries)) == {"a.service: pid # at # failed": "2 times"}
    assert isinstance(journal_of(Readings({})), Absent)


SCRIPTS = {
    "exim4-config": 'UE4CC="/etc/exim4/update-exim4.conf.conf"\ncat > $UE4CC\necho $mailname > /etc/mailname\n'
    "adduser --system --group --quiet --home /var/spool/exim4 --disabled-login --force-badname Debian-exim\n",
    "vsftpd": '_USERNAME="ftp"\nadduser --system --home "/srv/ftp" --no-create-home --group "${_USERNAME}" 2>/dev/null\n',
    "systemd-coredump": 'u systemd-coredump - "systemd Core Dumper"\nm anna wheel\n',
    "ca-certificates<-company-ca": "update-ca-certificates --fresh\n",
    "company-ca": "usermod -a -G ssl-cert www-data || true\n",
}


def test_what_maintainer_scripts_make() -> None:
    claims = parse_scripts(SCRIPTS)
    assert claims.paths["/etc/exim4/update-exim4.conf.conf"] == "exim4-config"
    assert claims.paths["/etc/mailname"] == "exim4-config"
    assert claims.accounts == {
        "Debian-exim": "exim4-config",
        "ftp": "vsftpd",
        "systemd-coredump": "systemd-coredump",
        "anna": "systemd-coredump",
        "wheel": "systemd-coredump",
        "ssl-cert": "company-ca",
        "www-data": "company-ca",
    }
    assert claims.tools["update-ca-certificates"] == "ca-certificates"
    assert {"adduser", "usermod"} <= set(claims.tools)
