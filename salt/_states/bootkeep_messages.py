"""The state of the messages' policy on a master. The policy is read from pillar here: no .sls and no answer holds a secret."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    __opts__: dict[str, Any]
    __pillar__: dict[str, Any]

__virtualname__ = "bootkeep_messages"

State: TypeAlias = dict[str, Any]


def __virtual__() -> str:
    return __virtualname__


def configured(name: str) -> State:
    """
    Pillar ``bootkeep:messages`` (rules, destinations) is in a file on the master, whole, for root only.

    name
        path of the file, ``/etc/bootkeep/messages.json``

    .. code-block:: yaml

        bootkeep-messages-configured:
          bootkeep_messages.configured:
            - name: /etc/bootkeep/messages.json
    """
    dry_run = bool(__opts__["test"])
    try:
        from bootkeep.facts.errors import BootkeepError
        from bootkeep.flows.messages import messages_configured
    except ImportError as error:
        comment = f"The toolkit cannot be imported: {error}. State bootkeep.installed puts it there."
        return {"name": name, "result": None if dry_run else False, "comment": comment, "changes": {}}
    wanted = (__pillar__.get("bootkeep") or {}).get("messages") or {}
    try:
        done = messages_configured(Path(name), wanted, dry_run=dry_run)
    except (BootkeepError, OSError) as error:
        return {"name": name, "result": False, "comment": str(error), "changes": {}}
    changes = {change.subject: {"old": change.old, "new": change.new} for change in done.changes}
    result = None if dry_run and changes else done.ok
    return {"name": name, "result": result, "comment": done.comment, "changes": changes}
