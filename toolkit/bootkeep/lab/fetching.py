"""Packages of Debian's archive that a disposable host lacks, fetched by this machine's apt: the host has no network."""

from __future__ import annotations

import shutil
from pathlib import Path

from bootkeep.edges.run import run
from bootkeep.lab.chroot import checked


def fetch_for(status: Path, folder: Path, names: tuple[str, ...]) -> list[Path]:
    """Debian's packages of these names with what a host that has this dpkg status lacks for them, from this machine's apt."""
    (folder / "partial").mkdir(parents=True, exist_ok=True)
    copy = folder / "status"
    shutil.copy(status, copy)
    options = [f"-oDir::State::status={copy}", f"-oDir::Cache::archives={folder}", "-oDebug::NoLocking=1"]
    argv = ["apt-get", *options, "-qq", "-y", "--no-install-recommends", "--download-only", "install", *names]
    checked(run(argv, timeout_s=300), f"fetching {' '.join(names)}")
    return sorted(folder.glob("*.deb"))
