"""Our units: enabled, started, told about. In a chroot or an image there is no manager; links are made all the same."""

from __future__ import annotations

from pathlib import Path

from bootkeep.edges.run import run
from bootkeep.facts.errors import BootkeepError


def enabled(unit: str) -> bool:
    """Whether the unit starts with the system."""
    return run(["systemctl", "is-enabled", unit], timeout_s=30).stdout.strip() == "enabled"


def manager_runs() -> bool:
    """Whether systemd is this system's first process (sd_booted(3))."""
    return Path("/run/systemd/system").is_dir()


def reload_units() -> None:
    """Tell systemd that unit files of ours came, changed or went."""
    if manager_runs():
        systemctl("daemon-reload")


def systemctl(*arguments: str) -> None:
    """One systemctl command. Raises BootkeepError with what it said."""
    done = run(["systemctl", *arguments], timeout_s=60)
    if done.exit_code != 0:
        raise BootkeepError(
            f"systemctl {' '.join(arguments)} failed: {done.stderr.strip()[-300:] or f'exit code {done.exit_code}'}",
            where="/etc/systemd/system",
            next_step="See `systemctl status` and run it again.",
        )
