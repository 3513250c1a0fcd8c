"""Package databases as files: moved, at work, at rest."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from bootkeep.edges.package_database import at_work, marks, quiet_for_s, unpacked_since, written_at


def put(root: Path, name: str, text: str = "x") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_marks_follow_every_kind_of_database(tmp_path: Path) -> None:
    assert marks(tmp_path) == {}
    names = (
        "var/lib/dpkg/status",
        "var/lib/rpm/rpmdb.sqlite",
        "usr/lib/sysimage/rpm/Packages.db",
        "var/lib/rpm/Packages",
    )
    for count, name in enumerate(names, start=1):
        path = put(tmp_path, name)
        before = marks(tmp_path)
        assert len(before) == count
        path.write_text("longer")
        assert marks(tmp_path) != before
    before = marks(tmp_path)
    put(tmp_path, "var/lib/rpm/rpmdb.sqlite-wal", "")  # comes and goes with every reader
    assert marks(tmp_path) == before
    put(tmp_path, "var/lib/rpm/rpmdb.sqlite-wal", "pages")
    assert marks(tmp_path) != before


def test_rest_is_counted_from_the_newest_of_them(tmp_path: Path) -> None:
    assert quiet_for_s(tmp_path) == float("inf")
    for name, at in (("var/lib/dpkg/status", 1000.0), ("var/lib/rpm/rpmdb.sqlite", 2000.0)):
        os.utime(put(tmp_path, name), (at, at))
    assert written_at(tmp_path) == 2000.0
    assert quiet_for_s(tmp_path, now=2030.0) == 30.0
    assert quiet_for_s(tmp_path, now=1500.0) == float("inf")  # a clock that was set back must not stop the net for ever


def test_a_held_lock_and_a_living_pid_mean_work(tmp_path: Path) -> None:
    assert at_work(tmp_path) == ""
    put(tmp_path, "run/zypp.pid", "999999999\n")
    assert at_work(tmp_path) == ""
    put(tmp_path, "run/zypp.pid", f"{os.getpid()}\n")
    assert at_work(tmp_path) == "/run/zypp.pid"
    put(tmp_path, "run/zypp.pid", "rubbish")
    lock = put(tmp_path, "var/lib/rpm/.rpm.lock")
    assert at_work(tmp_path) == ""
    told, telling = os.pipe()
    done, ending = os.pipe()
    child = os.fork()
    if child == 0:  # a lock of one's own is none: it has to be another process
        os.close(ending)
        with lock.open("r+") as stream:
            fcntl.lockf(stream, fcntl.LOCK_EX)
            os.write(telling, b"x")
            os.read(done, 1)
        os._exit(0)
    os.close(done)
    os.read(told, 1)
    try:
        assert at_work(tmp_path) == "/var/lib/rpm/.rpm.lock"
    finally:
        os.close(ending)
        os.waitpid(child, 0)
    assert at_work(tmp_path) == ""


def test_what_was_unpacked_since_a_moment(tmp_path: Path) -> None:
    for name, at in (("a.list", 100.0), ("b:amd64.list", 300.0), ("c.md5sums", 300.0), ("d.list", 200.4)):
        os.utime(put(tmp_path, f"var/lib/dpkg/info/{name}"), (at, at))
    assert unpacked_since(tmp_path, 200.0) == {"b:amd64"}
    assert unpacked_since(tmp_path / "nothing", 0.0) == frozenset()
