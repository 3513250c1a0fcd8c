"""The runbook without a system: GRUB's own ``cat``, by GRUB's own drivers, shows the copies on /boot and on an ESP as written."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootkeep.edges.run import run
from bootkeep.facts.codec import from_json
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Readings
from bootkeep.flows.check import check_readings
from bootkeep.flows.runbook import make_runbook, write_runbook
from bootkeep.lab.chroot import checked

MACHINES = Path(__file__).parents[1] / "machines"
MAKERS = {
    "ext4": ("mkfs.ext4", "-q", "-F", "-d", "{boot}", "{image}", "32m"),
    "btrfs": ("mkfs.btrfs", "-q", "--rootdir", "{boot}", "{image}"),
    "xfs": ("mkfs.xfs", "-q", "-p", "{boot}.list", "{image}"),
}
#: mkfs.xfs(8): a file system with one file.
XFS_LIST = "/\n0 0\nd--755 0 0\nRUNBOOK.TXT ---600 0 0 {boot}/RUNBOOK.TXT\n$\n$\n"


@pytest.mark.lab
@pytest.mark.parametrize("file_system", [*MAKERS, "vfat"])
@pytest.mark.parametrize("name", ["healthy-bios", "healthy-lvm-on-luks", "healthy-mirror-two-esps"])
def test_grub_shows_it_as_it_was_written(name: str, file_system: str, tmp_path: Path) -> None:
    readings = from_json(Readings, (MACHINES / name / "readings.json").read_bytes(), where=name)
    made = make_runbook(check_readings(readings, Policy(), taken_at="2026-11-23T18:00:00Z"), Policy())
    boot, image = tmp_path / "boot", tmp_path / "image"
    boot.mkdir()
    write_runbook(made, tmp_path / "store", ["text"], boot_copy=boot / "RUNBOOK.TXT")
    written = (boot / "RUNBOOK.TXT").read_bytes()
    with image.open("wb") as stream:
        stream.truncate(320 * 1024**2)  # XFS takes no less than 300 MiB
    if file_system == "vfat":
        checked(run(["mkfs.vfat", "-F", "32", str(image)], timeout_s=60), "mkfs.vfat")
        # This machine's kernel may have no driver for it: mtools write it as the firmware's file system.
        checked(run(["mcopy", "-i", str(image), str(boot / "RUNBOOK.TXT"), "::/"], timeout_s=60), "mcopy")
    else:
        Path(f"{boot}.list").write_text(XFS_LIST.format(boot=boot), encoding="ascii")
        argv = [word.format(boot=boot, image=image) for word in MAKERS[file_system]]
        checked(run(argv, timeout_s=60), f"making {file_system}")
    shown = checked(run(["grub-fstest", str(image), "cat", "(loop0)/RUNBOOK.TXT"], timeout_s=60), "GRUB's cat").stdout
    assert shown.encode() == written
    assert all(len(line) <= 72 for line in shown.splitlines()) and "What do you see?".upper() in shown
