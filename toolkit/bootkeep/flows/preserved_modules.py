"""While a preserved kernel runs, its modules lie over ``/lib/modules/<release>``: packages must not be unpacked into them.

dpkg would replace the preserved files themselves, and what belongs to the packaged kernel would be gone after the next
boot. So the mount steps aside before each transaction and comes back after it; modules that are loaded stay loaded.
"""

from __future__ import annotations

import os
from pathlib import Path

from bootkeep.edges.run import run
from bootkeep.flows.preserve import running_preserved

PROGRAM = Path("/usr/lib/bootkeep/preserved-modules")


def step_aside(root: Path = Path("/")) -> bool:
    """Uncover the packaged modules; True when the preserved ones lay over them."""
    target = _target(root)
    if target is None or not _is_mount(target):
        return False
    # Lazy: a module that is being read this moment must not keep it; the old files stay readable to who has them open.
    return run(["umount", "-l", target], timeout_s=1.0).exit_code == 0


def step_back(root: Path = Path("/")) -> bool:
    """Cover the packaged modules again; True when the preserved ones lie over them now."""
    target = _target(root)
    if target is None or not PROGRAM.exists():
        return False
    return _is_mount(target) or run(["/bin/sh", str(PROGRAM)], timeout_s=1.0).exit_code == 0


def _target(root: Path) -> str | None:
    """Where the mount belongs; None unless a preserved kernel runs on this very machine."""
    if root != Path("/") or not running_preserved(root):
        return None
    return f"/lib/modules/{os.uname().release}"


def _is_mount(target: str) -> bool:
    """Whether something is mounted exactly there. ``os.path.ismount`` does not see a bind mount of the same file system."""
    place = os.path.realpath(target).encode()
    lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    return any(len(fields) > 4 and fields[4] == place for fields in (line.split(b" ") for line in lines))
