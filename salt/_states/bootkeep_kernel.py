"""States of kernels on hosts whose packages are rpm's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    __opts__: dict[str, Any]

__virtualname__ = "bootkeep_kernel"

State: TypeAlias = dict[str, Any]


def __virtual__() -> str:
    return __virtualname__


def install_only_enforced(name: str, keep: int = 3) -> State:
    """
    dnf, yum or zypper installs kernels beside each other and keeps the running, the last-good and at least ``keep`` of them.

    The front end's own file is repaired in its own syntax: comments, order and every other setting stay. A kernel whose package
    does not call itself one (no ``installonlypkg(kernel)``, no ``multiversion(kernel)``) is listed there by its own name.

    name
        the front end, for the eye only
    keep
        kernels to keep, never fewer than three

    .. code-block:: yaml

        bootkeep-kernel-install-only:
          bootkeep_kernel.install_only_enforced:
            - name: dnf
            - keep: 3
    """
    dry_run = bool(__opts__["test"])
    try:
        from bootkeep.facts.errors import BootkeepError
        from bootkeep.flows import converge
    except ImportError as error:
        comment = f"The toolkit cannot be imported: {error}. State bootkeep.installed puts it there."
        return {"name": name, "result": None if dry_run else False, "comment": comment, "changes": {}}
    try:
        done = converge.install_only_enforced(keep=int(keep), dry_run=dry_run)
    except (BootkeepError, OSError, ValueError) as error:
        return {"name": name, "result": False, "comment": str(error), "changes": {}}
    changes = {change.subject: {"old": change.old, "new": change.new} for change in done.changes}
    result = None if done.ok and changes and dry_run else done.ok
    return {"name": name, "result": result, "comment": done.comment, "changes": changes}
