"""States of the reboot guard: the shim that asks for the verdict before a host is taken down on purpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    __opts__: dict[str, Any]

__virtualname__ = "bootkeep_reboot"

State: TypeAlias = dict[str, Any]


def __virtual__() -> str:
    return __virtualname__


def guarded(name: str, commands: list[str] | None = None) -> State:
    """
    ``reboot`` and its kin ask for the verdict before they take the host down, and refuse on NO-GO.

    commands
        of reboot, shutdown, poweroff, halt and systemctl: those that are guarded; all of them when left out

    .. code-block:: yaml

        bootkeep-reboot-guard-in-force:
          bootkeep_reboot.guarded:
            - commands: [reboot, shutdown, poweroff, halt, systemctl]
    """
    return _converge(name, lambda flows, dry_run: flows.reboot_guarded(commands, dry_run=dry_run))


def unguarded(name: str) -> State:
    """
    Nothing stands before ``reboot`` any more.

    .. code-block:: yaml

        bootkeep-reboot-guard-clean:
          bootkeep_reboot.unguarded: []
    """
    return _converge(name, lambda flows, dry_run: flows.reboot_guard_withdrawn(dry_run=dry_run), withdraws=True)


def _converge(name: str, work: Callable[[Any, bool], Any], *, withdraws: bool = False) -> State:
    dry_run = bool(__opts__["test"])
    try:
        from bootkeep.facts.errors import BootkeepError
        from bootkeep.flows import converge
    except ImportError as error:
        if withdraws:
            return {"name": name, "result": True, "comment": "The toolkit is not there.", "changes": {}}
        comment = f"The toolkit cannot be imported: {error}. State bootkeep.installed puts it there."
        return {"name": name, "result": None if dry_run else False, "comment": comment, "changes": {}}
    try:
        done = work(converge, dry_run)
    except (BootkeepError, OSError) as error:
        return {"name": name, "result": False, "comment": str(error), "changes": {}}
    changes = {change.subject: {"old": change.old, "new": change.new} for change in done.changes}
    result = None if done.ok and changes and dry_run else done.ok
    return {"name": name, "result": result, "comment": done.comment, "changes": changes}
