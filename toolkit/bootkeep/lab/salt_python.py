"""Salt and what it needs, staged once from the locked requirements, for the Salt environment of disposable hosts."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

from bootkeep.edges.run import run
from bootkeep.lab.chroot import checked

REQUIREMENTS = Path(__file__).parents[3] / "requirements" / "host.txt"


def staged(cache: Path) -> Path:
    """A folder as ``pip install --target`` makes it; built when the locked requirements changed.

    The interpreter of a disposable host is Debian 12's Python 3.11, so this program must run on 3.11 too.
    """
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:16]
    target = cache / "salt" / digest
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    for stale in target.parent.iterdir():
        shutil.rmtree(stale)
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        draft = Path(work) / "packages"
        options = ["--quiet", "--require-hashes", "--no-build-isolation", "--cache-dir", str(cache / "pip")]
        argv = [sys.executable, "-m", "pip", "install", *options, "--target", str(draft), "-r", str(REQUIREMENTS)]
        checked(run(argv, timeout_s=1800), "installing Salt from the locked requirements")
        shutil.move(draft, target)
    return target
