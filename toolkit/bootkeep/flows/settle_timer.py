"""The settled look is asked for here: all that a hook needs to know of it."""

from __future__ import annotations

import sys
from pathlib import Path

from bootkeep.edges.run import detach, run

#: After the end of a transaction; the timer's OnActiveSec says the same.
SETTLE_S = 90
TIMER = "bootkeep-settle.timer"


def start_settling(*, wait_s: float = 1.0) -> None:
    """Have the settled look come SETTLE_S seconds from now. It outlives the package manager and holds nothing of it open.

    Where systemd runs its timer is started anew, so that transactions that follow each other share one look; else, or when
    systemd does not answer within ``wait_s``, a process of its own waits.
    """
    if Path("/run/systemd/system").is_dir():
        done = run(["systemctl", "restart", "--no-block", TIMER], timeout_s=wait_s)
        if done.exit_code == 0:
            return
    detach([sys.executable, "-I", "-m", "bootkeep.hooks", "settle", str(SETTLE_S)])
