"""States of the hooks on hosts whose packages are rpm's: the package bootkeep-hooks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    __salt__: dict[str, Any]
    __opts__: dict[str, Any]

__virtualname__ = "bootkeep_hooks"

State: TypeAlias = dict[str, Any]


def __virtual__() -> str:
    return __virtualname__


def package_in_force(name: str, source: str = "salt://bootkeep/files/rpms") -> State:
    """
    The package of hooks is installed as the file server has it, and rpm, dnf and zypper call it.

    name
        the package, for the eye only
    source
        folder on the file server that ``make rpms`` filled

    .. code-block:: yaml

        bootkeep-hooks-in-force:
          bootkeep_hooks.package_in_force:
            - name: bootkeep-hooks
    """

    def work(flows: Any, dry_run: bool) -> Any:
        folder = source.removeprefix("salt://").strip("/")
        there = sorted(
            path
            for path in __salt__["cp.list_master"](prefix=folder)
            if path.startswith(f"{folder}/bootkeep-hooks-") and path.endswith(".rpm")
        )
        if not there:
            from bootkeep.facts.errors import BootkeepError

            raise BootkeepError(
                "the file server has no bootkeep-hooks package",
                where=source,
                next_step="Run 'make rpms' on the master.",
            )
        cached = __salt__["cp.cache_file"](f"salt://{there[-1]}")
        return flows.hooks_package(Path(str(cached)), dry_run=dry_run)

    return _converge(name, work)


def package_withdrawn(name: str) -> State:
    """
    No package manager calls the hooks any more.

    .. code-block:: yaml

        bootkeep-hooks-clean:
          bootkeep_hooks.package_withdrawn:
            - name: bootkeep-hooks
    """
    return _converge(name, lambda flows, dry_run: flows.hooks_package_gone(dry_run=dry_run), withdraws=True)


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
