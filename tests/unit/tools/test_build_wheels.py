"""The wheels that hosts get: the same source gives the same digest, and the manifest tells the truth."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

CHECKOUT = Path(__file__).parents[3]


def build(out: Path) -> dict[str, str]:
    """Run the tool; the manifest's row of the toolkit."""
    argv = [sys.executable, str(CHECKOUT / "tools" / "build_wheels.py"), "--out", str(out)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)  # noqa: TID251
    assert done.returncode == 0, done.stderr
    rows = json.loads((out / "manifest.json").read_text())["wheels"]
    (row,) = (row for row in rows if row["name"] == "bootkeep")
    assert isinstance(row, dict)
    return row


def test_the_same_source_gives_the_same_wheel(tmp_path: Path) -> None:
    """Otherwise every ``make wheels`` would be a change on every host. A second build replaces the first whole."""
    first, second = build(tmp_path / "wheels"), build(tmp_path / "wheels")
    assert first == second
    wheel = tmp_path / "wheels" / first["file"]
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() == first["sha256"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["wheels"]


def test_what_states_install_is_in_the_wheel(tmp_path: Path) -> None:
    """Hooks, units and the menu's script are package data."""
    wheel = tmp_path / "wheels" / build(tmp_path / "wheels")["file"]
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in ("apt-hook", "dpkg-hook", "zz-bootkeep", "42_bootkeep", "bootkeep-booted.service", "preserved-modules"):
        assert f"bootkeep/hooks/files/{name}" in names
