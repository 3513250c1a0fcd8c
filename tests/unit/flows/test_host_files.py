"""Files of ours on a host: written with its values, once, and taken away in the other order."""

from __future__ import annotations

import sys
from pathlib import Path

from bootkeep.flows.host_files import HOOKS, put_files, take_files, values


def test_marks_are_replaced_and_modes_are_right(tmp_path: Path) -> None:
    """No mark survives: a shim that calls @PYTHON@ would fail open for ever."""
    changes = put_files(HOOKS, values(5.0), root=tmp_path, dry_run=False)
    assert [change.subject for change in changes] == [each.path for each in HOOKS]
    for each in HOOKS:
        path = tmp_path / each.path[1:]
        assert path.stat().st_mode & 0o777 == each.mode
        assert "@" not in path.read_text().replace("$@", "")
    assert sys.executable in (tmp_path / "usr/lib/bootkeep/apt-hook").read_text()


def test_a_second_time_there_is_nothing_to_do_and_damage_is_repaired(tmp_path: Path) -> None:
    """A changed text or mode counts."""
    put_files(HOOKS, values(5.0), root=tmp_path, dry_run=False)
    assert put_files(HOOKS, values(5.0), root=tmp_path, dry_run=False) == ()
    (tmp_path / "usr/lib/bootkeep/apt-hook").chmod(0o644)
    (tmp_path / "usr/lib/bootkeep/dpkg-hook").write_text("exit 1\n")
    assert len(put_files(HOOKS, values(5.0), root=tmp_path, dry_run=True)) == 2
    assert len(put_files(HOOKS, values(5.0), root=tmp_path, dry_run=False)) == 2


def test_a_dry_run_writes_nothing(tmp_path: Path) -> None:
    """Neither files nor folders."""
    assert len(put_files(HOOKS, values(5.0), root=tmp_path, dry_run=True)) == len(HOOKS)
    assert list(tmp_path.iterdir()) == []


def test_what_calls_a_shim_goes_before_the_shim(tmp_path: Path) -> None:
    """A package manager between the two must not call what is gone."""
    put_files(HOOKS, values(5.0), root=tmp_path, dry_run=False)
    gone = [change.subject for change in take_files(HOOKS, root=tmp_path, dry_run=False)]
    assert gone == [each.path for each in reversed(HOOKS)]
    assert take_files(HOOKS, root=tmp_path, dry_run=False) == ()
