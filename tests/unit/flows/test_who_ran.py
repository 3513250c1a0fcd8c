"""Who went past the hooks: by apt's, dnf's and zypper's own histories, which know whole seconds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from bootkeep.flows.who_ran import unknown_caller, who_ran

AT = 1796071708
NOBODY = unknown_caller("boot")


def _apt(root: Path, moment: int, command: str) -> None:
    log = root / "var/log/apt/history.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    started = datetime.fromtimestamp(moment).strftime("%Y-%m-%d  %H:%M:%S")
    with log.open("a") as stream:
        stream.write(
            f"\nStart-Date: {started}\nCommandline: {command}\nRequested-By: ada (1000)\nEnd-Date: {started}\n"
        )


def _dnf(root: Path, moment: int, command: str) -> None:
    path = root / "var/lib/dnf/history.sqlite"
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE trans (id INTEGER PRIMARY KEY, dt_begin INTEGER, cmdline TEXT, user_id INTEGER)")
        database.execute("INSERT INTO trans (dt_begin, cmdline, user_id) VALUES (?, ?, 0)", (moment, command))
        database.commit()


@pytest.mark.parametrize(
    ("moment", "known", "manager"),
    [
        (AT + 1, "apt-get", "apt-get"),
        (AT, "", "apt-get"),  # the look was taken in the second in which it began
        (AT, "dpkg", "apt-get"),
        (AT, "apt-get", "unknown"),  # it is the one that the look belongs to
        (AT - 1, "", "unknown"),
        (AT + 99, "", "unknown"),
    ],
)
def test_the_run_between_two_looks(tmp_path: Path, moment: int, known: str, manager: str) -> None:
    _apt(tmp_path, moment, "/usr/bin/apt-get install hello")
    found = who_ran(tmp_path, NOBODY, since=AT, until=AT + 60.5, known=known)
    assert found.manager == manager
    assert (found.user, found.command[1:]) == (("ada", ("install", "hello")) if manager != "unknown" else ("", ()))


def test_the_newest_of_several(tmp_path: Path) -> None:
    _apt(tmp_path, AT + 3, "apt-get install one")
    _apt(tmp_path, AT + 5, "aptitude install two")
    _dnf(tmp_path, AT + 4, "-y upgrade")
    assert who_ran(tmp_path, NOBODY, since=AT, until=AT + 60).command == ("aptitude", "install", "two")
    assert who_ran(tmp_path, NOBODY, since=AT, until=AT + 4).command == ("dnf", "-y", "upgrade")
