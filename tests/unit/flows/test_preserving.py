"""Taking the preserved kernels' entries away, as far as it can be had without a booted host."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootkeep.facts.errors import BootkeepError
from bootkeep.flows import preserving

KEY = "6.1.0-18-amd64_6.1.76-1"


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("how", ["default", "running"])
def test_an_entry_that_the_host_needs_is_not_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, dry_run: bool
) -> None:
    """GRUB would start the first entry instead and say nothing."""
    menu = tmp_path / "boot/grub/bootkeep.cfg"
    menu.parent.mkdir(parents=True)
    menu.write_text("entries")
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cmdline").write_text(f"ro bootkeep.preserved={KEY}\n" if how == "running" else "ro\n")
    if how == "default":
        (menu.parent / "grubenv").write_text(f"# GRUB Environment Block\nsaved_entry=bootkeep-{KEY}\n")
    monkeypatch.setattr(preserving, "ROOT", tmp_path)
    with pytest.raises(BootkeepError, match=r"6\.1\.0-18-amd64_6\.1\.76-1 runs, or is the default entry"):
        preserving.withdraw_preserving(dry_run=dry_run)
    assert menu.read_text() == "entries"
