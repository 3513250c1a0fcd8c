"""The safety net's timer: brought into force with the hooks, taken away with them."""

from __future__ import annotations

from pathlib import Path

from bootkeep.facts.converged import StateChange
from bootkeep.flows.host_files import HostFile, put_files, take_files, values
from bootkeep.flows.units import enabled, manager_runs, reload_units, systemctl

TIMER = "bootkeep-catch-up.timer"
FILES = (
    HostFile("bootkeep-catch-up.service", "/etc/systemd/system/bootkeep-catch-up.service", 0o644),
    HostFile("bootkeep-catch-up.timer", f"/etc/systemd/system/{TIMER}", 0o644),
)


def spread_net(hook_deadline_s: float, *, dry_run: bool) -> tuple[StateChange, ...]:
    """The timer is there, starts with the system, and runs now. Raises BootkeepError when systemd refuses."""
    changes = put_files(FILES, values(hook_deadline_s), dry_run=dry_run)
    if changes and not dry_run:
        reload_units()
    if changes or not enabled(TIMER):
        changes = (*changes, *(() if enabled(TIMER) else (StateChange(TIMER, "", "enabled"),)))
        if not dry_run:
            systemctl("enable", *(("--now",) if manager_runs() else ()), TIMER)
    return changes


def take_net(*, dry_run: bool) -> tuple[StateChange, ...]:
    """The timer is stopped, then its files go."""
    if not dry_run and (Path("/") / FILES[1].path.lstrip("/")).exists():
        systemctl("disable", *(("--now",) if manager_runs() else ()), TIMER)
    return take_files(FILES, dry_run=dry_run)
