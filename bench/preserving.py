"""Preserving a kernel with a modules tree of 5,000 files and 250 MB, against ``cp -a`` of the same: time and disk."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from bootkeep.edges.preserved import KernelFiles, preserve_files, remove_preserved

FILES = 5000
BYTES = 250 * 1024 * 1024
RELEASE = "6.1.0-99-bench"


def measure(folder: Path, rounds: int = 5) -> dict[str, float]:
    """Medians in seconds and bytes of disk that each took: ``bootkeep_s``, ``cp_s``, ``bootkeep_bytes``, ``cp_bytes``."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="preserving-") as work:
        root = Path(work)
        kernel = _kernel(root)
        ours: list[float] = []
        theirs: list[float] = []
        used: dict[str, int] = {}
        copy = root / "copy"
        for _ in range(rounds):
            os.sync()
            before = _free(root)
            started = time.monotonic()
            record = preserve_files(root, kernel, now="2026-11-25T00:00:00Z")
            ours.append(time.monotonic() - started)
            os.sync()
            used["bootkeep_bytes"] = before - _free(root)
            remove_preserved(root, record.key)
            os.sync()
            before = _free(root)
            started = time.monotonic()
            copy.mkdir()
            for path in (f"usr/lib/modules/{RELEASE}", f"boot/vmlinuz-{RELEASE}", f"boot/initramfs-{RELEASE}.img"):
                subprocess.check_call(["cp", "-a", str(root / path), str(copy)])
            theirs.append(time.monotonic() - started)
            os.sync()
            used["cp_bytes"] = before - _free(root)
            shutil.rmtree(copy)
        return {"bootkeep_s": statistics.median(ours), "cp_s": statistics.median(theirs), **used}


def _kernel(root: Path) -> KernelFiles:
    """Files as a kernel package lays them: about 100 folders of modules, an image, an initramfs."""
    tree = root / "usr/lib/modules" / RELEASE
    content = os.urandom(BYTES // FILES)
    for number in range(FILES):
        path = tree / "kernel/drivers" / f"group{number % 100}" / f"module{number}.ko"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tree / "modules.dep").write_bytes(os.urandom(600_000))
    boot = root / "boot"
    boot.mkdir()
    (boot / f"vmlinuz-{RELEASE}").write_bytes(os.urandom(12_000_000))
    (boot / f"initramfs-{RELEASE}.img").write_bytes(os.urandom(35_000_000))
    return KernelFiles(
        RELEASE,
        f"/boot/vmlinuz-{RELEASE}",
        f"/boot/initramfs-{RELEASE}.img",
        f"/usr/lib/modules/{RELEASE}",
        "kernel-core",
        "6.1.0-99",
    )


def main(folder: Path) -> str:
    """One line for the table, with the ratio."""
    found = measure(folder)
    mib = 1024 * 1024
    return (
        f"preserving 5,000 modules of 250 MB: {found['bootkeep_s']:.2f} s, {found['bootkeep_bytes'] / mib:.1f} MiB of disk; "
        f"cp -a: {found['cp_s']:.2f} s, {found['cp_bytes'] / mib:.1f} MiB; x{found['bootkeep_s'] / found['cp_s']:.2f}\n"
    )


def _free(folder: Path) -> int:
    info = os.statvfs(folder)
    return info.f_bfree * info.f_frsize


if __name__ == "__main__":
    place = Path(__file__).parents[1] / ".cache"
    place.mkdir(exist_ok=True)
    print(main(place), end="")
