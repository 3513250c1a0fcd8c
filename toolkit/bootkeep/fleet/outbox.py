"""The outbox: what somebody has to be told lies here until the other side has taken it, over crashes and outages.

Each step is one transaction of SQLite with a full flush: a notice is noted once for each recipient, a message is made of the
notices that wait, and a message is marked when it was taken. A process that dies between "taken" and the mark makes one
repetition, with the same Message-ID or Idempotency-Key; what dies anywhere else repeats and loses nothing.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.files import folder_for, make_private
from bootkeep.edges.senders import NotSent, send
from bootkeep.facts.codec import from_json, to_json
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.notice import Destination, Message, MessagePolicy, Notice
from bootkeep.fleet.notices import targets, told
from bootkeep.reports.message import compose_message

#: Seconds until the next try, by the number of tries; the last one for ever after.
BACKOFF_S = (30, 60, 300, 900, 3600)
#: A refusal that will not go away by itself is tried again after this: somebody may have mended the policy.
LASTING_S = 6 * 3600
#: What was sent is remembered for so long, so that nothing is told again.
KEEP_S = 400 * 86400
_HOUR = 3600.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS message (
  id TEXT PRIMARY KEY, target TEXT NOT NULL, body TEXT NOT NULL, made_at REAL NOT NULL, sent_at REAL,
  tries INTEGER NOT NULL DEFAULT 0, next_try REAL NOT NULL DEFAULT 0, why TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS notice (
  id TEXT NOT NULL, target TEXT NOT NULL, body TEXT NOT NULL, noted_at REAL NOT NULL, message TEXT REFERENCES message(id),
  PRIMARY KEY (id, target)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS waiting ON notice (target) WHERE message IS NULL;
CREATE INDEX IF NOT EXISTS unsent ON message (next_try) WHERE sent_at IS NULL;
"""


@dataclass(frozen=True, slots=True)
class OutboxLine:
    """A message, or the notices that wait for one, as a person sees them."""

    target: str
    what: str  # subject
    state: str  # sent, waits, failed
    at: float  # seconds since 1970: sent, or made
    tries: int
    why: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a run did."""

    noted: int  # notices that are new, one for each recipient
    sent: int
    failed: int
    waiting: int  # messages and notices that are still here


class Outbox:
    """One file, one writer at a time."""

    def __init__(self, path: Path) -> None:
        folder_for(path)
        self._path = path
        make_private(path)
        with self._open() as database:
            database.executescript(_SCHEMA)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, timeout=30, isolation_level=None)) as database:
                database.execute("PRAGMA journal_mode=WAL")
                database.execute("PRAGMA synchronous=FULL")
                yield database
        except sqlite3.DatabaseError as error:
            raise BootkeepError(
                f"the outbox cannot be used: {error}",
                where=str(self._path),
                next_step="Free space on the disk; if it is damaged, move it away: a new one tells of the last days again.",
            ) from error

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with self._open() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                yield database
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")

    def note(self, notices: Iterable[Notice], policy: MessagePolicy, *, now: float) -> int:
        """Write down what is new, once for each recipient; how many that were."""
        new = 0
        with self._change() as database:
            for one in notices:
                for target in told(one, policy):
                    row = (one.id, target.name, to_json(one), now)
                    statement = "INSERT OR IGNORE INTO notice (id, target, body, noted_at) VALUES (?, ?, ?, ?)"
                    new += database.execute(statement, row).rowcount
        return new

    def pack(self, policy: MessagePolicy, *, now: float) -> int:
        """Make messages of what has waited for its like long enough; no more in an hour than the destination takes."""
        made = 0
        for target in targets(policy):
            with self._change() as database:
                rows = database.execute(
                    "SELECT id, body, noted_at FROM notice WHERE target = ? AND message IS NULL", (target.name,)
                ).fetchall()
                # A clock that was set back must not keep anybody waiting: an age below zero is old enough.
                ages = [now - noted for _, _, noted in rows]
                if not rows or not any(age >= policy.gather_s or age < 0 for age in ages):
                    continue
                recent = "SELECT count(*) FROM message WHERE target = ? AND made_at > ? AND made_at <= ?"
                if database.execute(recent, (target.name, now - _HOUR, now)).fetchone()[0] >= target.per_hour:
                    continue
                notices = [from_json(Notice, body, where="outbox") for _, body, _ in rows]
                message = compose_message(notices, destination=target.name, pages=policy.pages)
                database.execute(
                    "INSERT INTO message (id, target, body, made_at) VALUES (?, ?, ?, ?)",
                    (message.id, target.name, to_json(message), now),
                )
                update = "UPDATE notice SET message = ? WHERE id = ? AND target = ?"
                database.executemany(update, [(message.id, id, target.name) for id, _, _ in rows])
                made += 1
        return made

    def deliver(
        self,
        policy: MessagePolicy,
        *,
        clock: Callable[[], float],
        sender: Callable[[Destination, Message], NotSent | None] = send,
    ) -> tuple[int, int]:
        """Send what is due; how many went, and how many did not. One process at a time: a second one leaves it to the first."""
        known = {target.name: target for target in targets(policy)}
        sent = failed = 0
        with self._alone() as alone:
            if not alone:
                return 0, 0
            # A clock that was set back: no try is further away than the longest wait.
            due = (
                "SELECT id, target, body, tries FROM message "
                "WHERE sent_at IS NULL AND (next_try <= ? OR next_try > ?) ORDER BY made_at"
            )
            with self._open() as database:
                rows = database.execute(due, (clock(), clock() + LASTING_S)).fetchall()
            for id, target, body, tries in rows:
                if target not in known:
                    self._mark(id, tries, clock() + LASTING_S, "the policy no longer names this destination")
                    failed += 1
                    continue
                # First: a process that dies while it sends must not try again in a hurry.
                self._mark(id, tries + 1, clock() + BACKOFF_S[min(tries, len(BACKOFF_S) - 1)], "")
                answer = sender(known[target], from_json(Message, body, where="outbox"))
                if answer is None:
                    with self._change() as database:
                        database.execute("UPDATE message SET sent_at = ?, why = '' WHERE id = ?", (clock(), id))
                    sent += 1
                else:
                    wait = LASTING_S if answer.lasting else BACKOFF_S[min(tries, len(BACKOFF_S) - 1)]
                    self._mark(id, tries + 1, clock() + wait, answer.why)
                    failed += 1
        return sent, failed

    def _mark(self, id: str, tries: int, next_try: float, why: str) -> None:
        with self._change() as database:
            database.execute(
                "UPDATE message SET tries = ?, next_try = ?, why = ? WHERE id = ?", (tries, next_try, why, id)
            )

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        lock = self._path.with_name(f"{self._path.name}.lock")
        make_private(lock)
        with open(os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW), "wb") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def forget(self, *, now: float) -> int:
        """Drop what was sent long ago; how many messages."""
        with self._change() as database:
            old = "SELECT id FROM message WHERE sent_at IS NOT NULL AND sent_at < ?"
            database.execute(f"DELETE FROM notice WHERE message IN ({old})", (now - KEEP_S,))  # noqa: S608 - our own constant
            return database.execute(f"DELETE FROM message WHERE id IN ({old})", (now - KEEP_S,)).rowcount  # noqa: S608

    def waiting(self) -> int:
        """Messages that were not taken yet, and notices that are in no message yet."""
        with self._open() as database:
            messages = database.execute("SELECT count(*) FROM message WHERE sent_at IS NULL").fetchone()[0]
            notices = database.execute("SELECT count(*) FROM notice WHERE message IS NULL").fetchone()[0]
            return int(messages) + int(notices)

    def lines(self, most: int = 50) -> list[OutboxLine]:
        """The newest messages, the unsent ones first."""
        with self._open() as database:
            rows = database.execute(
                "SELECT target, body, sent_at, made_at, tries, why FROM message "
                "ORDER BY sent_at IS NOT NULL, made_at DESC LIMIT ?",
                (most,),
            ).fetchall()
        return [
            OutboxLine(
                target.partition("\0")[2] or target,
                from_json(Message, body, where="outbox").subject,
                "sent" if sent_at is not None else "failed" if why else "waits",
                sent_at if sent_at is not None else made_at,
                tries,
                why,
            )
            for target, body, sent_at, made_at, tries, why in rows
        ]


def tell(outbox: Outbox, notices: Iterable[Notice], policy: MessagePolicy, *, clock: Callable[[], float]) -> Delivered:
    """The whole of it: note, pack, deliver, forget."""
    noted = outbox.note(notices, policy, now=clock())
    outbox.pack(policy, now=clock())
    sent, failed = outbox.deliver(policy, clock=clock)
    outbox.forget(now=clock())
    return Delivered(noted, sent, failed, outbox.waiting())
