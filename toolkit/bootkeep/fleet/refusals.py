"""What was turned away: counted in memory, written now and then, so that a flood costs one row and no disk."""

from __future__ import annotations

import contextlib
import logging

from bootkeep.edges.clock import now_utc
from bootkeep.facts.errors import StoreError
from bootkeep.fleet.limits import NotAccepted
from bootkeep.fleet.store import FleetStore

log = logging.getLogger(__name__)

#: Seconds between two writes, and how many kinds are kept until then.
FLUSH_S = 5.0
_MOST = 1000


class Refusals:
    """The refusals since the last write."""

    def __init__(self, store: FleetStore) -> None:
        self._store = store
        self._counts: dict[tuple[str, str], tuple[int, str]] = {}
        self._flush_at = 0.0

    def add(self, sender: str, refusal: NotAccepted) -> None:
        """Count one."""
        count, _example = self._counts.get((sender, refusal.why), (0, ""))
        if count == 0:
            log.warning("bootkeep: refused from %s: %s", sender[:100], str(refusal)[:300])
        if count or len(self._counts) < _MOST:
            self._counts[sender, refusal.why] = (count + 1, refusal.detail)

    def tick(self, now: float) -> None:
        """Write them when it is time."""
        if now >= self._flush_at:
            self._flush_at = now + FLUSH_S
            self.flush()

    def flush(self) -> None:
        """Write them. A store that cannot be written loses the count and nothing else."""
        counts, self._counts = self._counts, {}
        if counts:
            with contextlib.suppress(StoreError), self._store.writing() as writer:
                for (sender, why), (count, example) in counts.items():
                    writer.refuse(sender, why, example, now_utc(), times=count)


def as_refusal(error: Exception) -> NotAccepted:
    """What a minion's data broke is that minion's: an error that nobody thought of must not end the intake of the others."""
    if isinstance(error, NotAccepted):
        return error
    log.error("bootkeep: what a minion sent broke the intake", exc_info=error)
    return NotAccepted("not understood", f"{type(error).__name__}: {error}")
