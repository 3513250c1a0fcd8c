"""`bootkeep fleet` on stores that are missing, old, damaged or full: one clear sentence, exit code 5, nothing changed."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import typer
from typer.testing import CliRunner, Result

from bootkeep.cli import fleet as command
from bootkeep.edges.run import run
from bootkeep.fleet.database import migrate, open_database
from bootkeep.fleet.rows import HostStatus
from bootkeep.fleet.store import FleetStore

NOW = "2026-11-25T12:00:00Z"
LONG = "a-very-long-minion-id.with.many.labels.of.a.large.company.example.internal." + "x" * 120
app = typer.Typer()
command.register(app)


def ran(*words: str, store: Path) -> Result:
    """One command."""
    return CliRunner().invoke(app, ["fleet", *words, "--store", f"sqlite:///{store}"])


def every(folder: Path) -> list[tuple[str, ...]]:
    """Every command that reads a store."""
    export, pages, pdf, outbox = (str(folder / name) for name in ("export", "pages", "binder.pdf", "outbox.sqlite"))
    return [
        ("status",),
        ("verify",),
        ("gc",),
        ("export", export),
        ("pages", pages),
        ("print", "--pdf", pdf),
        ("tell", "--outbox", outbox),
    ]


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    """A typing error in a DSN leaves no empty database and no folder behind."""
    for words in every(tmp_path / "out"):
        done = ran(*words, store=tmp_path / "typo" / "fleet.sqlite")
        assert done.exit_code == 5, words
        assert "there is no fleet's store" in done.stderr
        assert "bootkeep fleet init" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_older_schema_is_upgraded_by_init_only(tmp_path: Path) -> None:
    """The others say so, and change nothing."""
    path = tmp_path / "fleet.sqlite"
    engine = open_database(f"sqlite:///{path}")
    migrate(engine, "0002")
    engine.dispose()
    for words in every(tmp_path / "out"):
        done = ran(*words, store=path)
        assert done.exit_code == 5, words
        assert "the store has schema 0002, this bootkeep wants 0004" in done.stderr
    assert ran("init", store=path).exit_code == 0
    assert ran("status", store=path).exit_code == 0


def test_a_damaged_store_says_what_to_do(tmp_path: Path) -> None:
    """And stays as it is, for whoever wants to look at it."""
    path = tmp_path / "fleet.sqlite"
    path.write_bytes(b"no database " * 1000)
    for words in (*every(tmp_path / "out"), ("init",)):
        done = ran(*words, store=path)
        assert done.exit_code == 5, words
        assert "move the file away" in done.stderr
    assert path.read_bytes() == b"no database " * 1000


def test_the_folder_of_a_store_keeps_its_rights(tmp_path: Path) -> None:
    """It may be /tmp, or /: everybody on the machine needs it. The store itself is for root alone."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    path = shared / "fleet.sqlite"
    umask = os.umask(0)
    try:
        assert ran("init", store=path).exit_code == 0
        assert ran("tell", "--outbox", str(shared / "outbox.sqlite"), store=path).exit_code == 0
        assert ran("init", store=tmp_path / "new" / "fleet.sqlite").exit_code == 0
    finally:
        os.umask(umask)
    assert stat.S_IMODE(shared.stat().st_mode) == 0o1777
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in shared.iterdir()} == {0o600}


def test_what_root_makes_for_a_master_of_its_own_user_belongs_to_that_user(tmp_path: Path) -> None:
    """Salt's packages run the master as salt: root's init, status and tell must not shut it out."""
    place = tmp_path / "fleet"
    place.mkdir(mode=0o700)
    os.chown(place, 12345, 12346)
    path = place / "fleet.sqlite"
    for words in (("init",), ("tell", "--outbox", str(place / "outbox.sqlite")), ("status",)):
        assert ran(*words, store=path).exit_code == 0, words
    files = {file.name: (file.stat().st_uid, file.stat().st_gid) for file in place.iterdir()}
    assert {"fleet.sqlite", "outbox.sqlite"} <= files.keys()
    assert set(files.values()) == {(12345, 12346)}, files


def test_what_a_minion_says_neither_moves_the_cursor_nor_is_cut(tmp_path: Path) -> None:
    """Escape sequences, rich's own mark-up, letters that turn a line around; and a name of 195 characters in a pipe."""
    path = tmp_path / "fleet.sqlite"
    store = FleetStore.open(f"sqlite:///{path}")
    with store.writing() as writer:
        writer.save_status(LONG, HostStatus(running_kernel="6.1\x1b[2J\x1b]0;x\x07\u202eOG-ON"), NOW)
        writer.set_problem(LONG, "[red]x[/red] \x1b[31m \u202eOG \x9b2J")
    store.close()
    done = ran("status", store=path)
    assert done.exit_code == 3
    lines = done.stdout.splitlines()
    assert LONG in lines[1]
    assert "6.1\\x1b[2J\\x1b]0;x\\x07\\u202eOG-ON" in lines[1]
    assert lines[2].endswith(": [red]x[/red] \\x1b[31m \\u202eOG \\x9b2J")


def test_rules_that_are_not_there_are_no_rules(tmp_path: Path) -> None:
    """Whoever names a file means it: to say that nobody is to be told would be wrong."""
    path = tmp_path / "fleet.sqlite"
    assert ran("init", store=path).exit_code == 0
    done = ran("tell", "--policy", str(tmp_path / "typo.json"), "--outbox", str(tmp_path / "outbox.sqlite"), store=path)
    assert done.exit_code == 5
    assert "there is no such file" in done.stderr


_FULL = """
set -e
mount -t tmpfs -o size=1m,mode=0700 tmpfs "$1"
cd "$1"
store="sqlite:///$1/fleet.sqlite"
"$2" -m bootkeep fleet init --store "$store"
cat /dev/zero > filler 2>/dev/null || true
set +e
for words in gc init "export out" "pages site" "print --pdf b.pdf"; do
    "$2" -m bootkeep fleet $words --store "$store" >/dev/null 2>&1
    echo "$words: $?"
done
rm filler
"$2" -m bootkeep fleet verify --store "$store"
ls -A "$1"
"""


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """On a real file system without a byte left, in a mount namespace of its own."""
    argv = ("unshare", "--mount", "sh", "-c", _FULL, "sh", str(tmp_path), sys.executable)
    done = run(argv, timeout_s=120)
    lines = done.stdout.splitlines()
    assert [line.partition(": ")[2] for line in lines[1:6]] == ["5"] * 5, done.stdout
    assert lines[6] == "0 hosts, 0 records, 0 bodies: all whole"
    assert set(lines[7:]) <= {"fleet.sqlite", "fleet.sqlite-shm", "fleet.sqlite-wal", "out", "site"}
