"""The sender's decisions: which transaction is announced when, and when the host speaks of itself."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.spool import Spool, free_bytes
from bootkeep.edges.store import Store
from bootkeep.facts.errors import BootkeepError
from bootkeep.flows.delivery import signed_announcement, signed_status
from bootkeep.flows.runbook_watch import RunbookWatch

#: Seconds until an announcement without a confirmation is repeated, at first and at most.
AGAIN_S, AGAIN_MOST_S = 30.0, 600.0
#: An open transaction is announced when its record has not moved for so long: most end before.
_OPEN_S = 1.5
#: Announcements in one look: the rest comes with the next one, so that a long outage ends without a burst.
_AT_ONCE = 50

Send = Callable[[str, dict[str, str]], None]


@dataclass(slots=True)
class _Told:
    """One transaction that waits."""

    stamp: str
    since: float  # when this stamp was first seen
    wait: float  # seconds until it is announced again
    next: float = 0.0  # when it may be announced (again)


class Sender:
    """Looks at the store and sends. Everything in memory may be lost: the store knows what was confirmed."""

    def __init__(
        self,
        store: Store,
        host: str,
        key: Path,
        *,
        status_every_s: float = 300.0,
        free_bytes: int = 0,
        again_s: float = AGAIN_S,
        again_most_s: float = AGAIN_MOST_S,
        root: Path = Path("/"),
    ) -> None:
        self.spool = Spool(store)
        self._again, self._again_most = again_s, max(again_s, again_most_s)
        self._host, self._key, self._root = host, key, root
        self._status_every, self._free = status_every_s, free_bytes
        self._runbook = RunbookWatch(root)
        self._told: dict[str, _Told] = {}
        self._done: dict[str, int] = {}  # id -> mtime of its folder when it was found confirmed
        self._status_due = 0.0

    def connected(self) -> None:
        """The master is there (again): what waits is announced now, not when its turn would have come."""
        for told in self._told.values():
            told.next, told.wait = 0.0, self._again
        self._status_due = 0.0

    def look(self, send: Send, now: float) -> None:
        """One look: announce what is due. ``send`` raises when the master did not take it; then the rest waits too."""
        if self._free and self.spool.store.root.is_dir() and free_bytes(self.spool.store.root) < self._free:
            self.spool.make_room(self._free)
        waiting = self._waiting()
        for id in [id for id in self._told if id not in waiting]:
            del self._told[id]
            self._status_due = min(self._status_due, now + 2.0)  # something was confirmed: the host's own row follows
        for id in self._due(waiting, now)[:_AT_ONCE]:
            told = self._told[id]
            try:
                tag, data = signed_announcement(self.spool, id, host=self._host, key=self._key)
            except BootkeepError:
                told.next = now + self._again  # it is being written, or damaged: the others go on
                continue
            send(tag, data)
            told.next, told.wait = now + told.wait, min(told.wait * 2, self._again_most)
        if self._runbook.look(now):
            self._status_due = min(self._status_due, now)
        if now >= self._status_due:
            word = self._runbook.word
            send(*signed_status(self.spool, host=self._host, key=self._key, root=self._root, word=word))
            self.spool.told_dropped()
            self._status_due = now + self._status_every

    def _waiting(self) -> set[str]:
        """What is not confirmed. A folder that has not moved since it was found confirmed costs one stat call."""
        waiting = set()
        marks: dict[str, int] = {}
        for id in self.spool.store.transaction_ids():
            place = self.spool.store.place(id)
            try:
                moved = os.stat(place).st_mtime_ns
            except OSError:
                continue  # pruned a moment ago
            if self._done.get(id) == moved or self.spool.store.is_delivered(id):
                marks[id] = moved
            else:
                waiting.add(id)
        self._done = marks
        return waiting

    def _due(self, waiting: set[str], now: float) -> list[str]:
        due = []
        for id in sorted(waiting):
            try:
                stamp = self.spool.stamp(id)
            except (BootkeepError, OSError):
                continue
            told = self._told.get(id)
            if told is None or told.stamp != stamp:
                told = self._told[id] = _Told(stamp, now, self._again)
            if now >= told.next and (now - told.since >= _OPEN_S or self._is_over(id)):
                due.append(id)
        return due

    def _is_over(self, id: str) -> bool:
        """A transaction that has ended is announced at once."""
        try:
            return self.spool.store.load_transaction(id).outcome.value != "open"
        except BootkeepError:
            return False
