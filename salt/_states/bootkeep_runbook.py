"""State of the runbook on paper."""

from __future__ import annotations

from typing import Any, TypeAlias

__virtualname__ = "bootkeep_runbook"

State: TypeAlias = dict[str, Any]


def __virtual__() -> str:
    return __virtualname__


def printed(name: str, document: str = "", minor: bool = True) -> State:
    """
    The runbook that lies printed in the binder still describes this host. Changes nothing; fails when it does not.

    document
        id of the printed copy (RB-1A2B3C4D), as at the head of each page; from pillar ``bootkeep:site:printed_runbook``
        when left out

    minor
        whether a copy is good enough when only people or packages have moved since (STALE-MINOR)

    .. code-block:: yaml

        bootkeep-runbook-printed:
          bootkeep_runbook.printed:
            - document: RB-1A2B3C4D
    """
    try:
        from bootkeep.facts.errors import BootkeepError
        from bootkeep.flows.printed import printed_copy
    except ImportError as error:
        comment = f"The toolkit cannot be imported: {error}. State bootkeep.installed puts it there."
        return {"name": name, "result": False, "comment": comment, "changes": {}}
    try:
        answer = printed_copy(document, minor=minor)
    except (BootkeepError, OSError) as error:
        return {"name": name, "result": False, "comment": str(error), "changes": {}}
    return {"name": name, "result": answer.ok, "comment": answer.comment, "changes": {}}
