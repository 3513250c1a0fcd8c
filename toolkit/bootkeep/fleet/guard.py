"""What goes wrong with one message stays with that message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from bootkeep.facts.errors import StoreError
from bootkeep.fleet.refusals import as_refusal

if TYPE_CHECKING:
    from bootkeep.fleet.intake import Intake


class Guard:
    """Around the handling of one message; ``host``: whose it is, where that is certain."""

    def __init__(self, intake: Intake, data: object, host: str) -> None:
        self._intake, self._data, self._host = intake, data, host

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, StoreError):
            self._intake.disk_refused(self._host, error)
            return True
        if isinstance(error, Exception):
            # Salt's outer id, where there is one: who was on the other end, as far as Salt knows.
            outer = self._data.get("id") if isinstance(self._data, Mapping) else None
            sender = self._host or (outer if isinstance(outer, str) else "")
            self._intake.refusals.add(self._intake.known(sender), as_refusal(error))
            return True
        return False
