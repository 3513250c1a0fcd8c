"""Whether the host's own runbook still fits it, asked seldom and by a process of its own: the sender tells the master.

A check takes a second of processor time and tens of MiB; the sender lives for months. So a child does it, at low priority and
with a deadline, when one of the files that boot the host has moved, or an hour has gone by.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges import processes
from bootkeep.edges.run import run
from bootkeep.facts.runbook import Freshness
from bootkeep.flows.runbook import FINGERPRINT_FILE, RUNBOOK_FOLDER

#: Seconds between two checks when nothing seems to have moved, and at least between two at all.
EVERY_S, PAUSE_S = 3600.0, 30.0
_DEADLINE_S = 120.0
#: What moves when a kernel, an entry, a mount or the command line does. A look at their times costs microseconds.
_WATCHED = (
    f"{RUNBOOK_FOLDER}/{FINGERPRINT_FILE}", "boot", "boot/grub/grub.cfg", "boot/grub2/grub.cfg", "boot/loader/entries",
    "etc/fstab", "etc/crypttab", "etc/default/grub", "etc/kernel/cmdline", "lib/modules", "etc/bootkeep",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RunbookWord:
    """What the last check said. ``document``: of which runbook."""

    document: str = ""
    state: str = Freshness.UNKNOWN.value
    moved: tuple[str, ...] = ()

    def of(self, document: str) -> tuple[str, tuple[str, ...]]:
        """State and moved sections of this document; UNKNOWN when the check was of another one."""
        return (self.state, self.moved) if document == self.document else (Freshness.UNKNOWN.value, ())


class RunbookWatch:
    """Knows the last answer, and has it renewed."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.word = RunbookWord()
        self._root = root
        self._stamp: tuple[object, ...] = ()
        self._asked_at = float("-inf")
        self._worker: threading.Thread | None = None
        self._answer: RunbookWord | None = None

    def look(self, now: float) -> bool:
        """Take an answer that has come, ask when it is time; whether the answer is another one than before. Never waits."""
        if self._worker is not None and not self._worker.is_alive():
            self._worker = None
        if self._worker is None and self._is_due(now):
            self._asked_at = now
            self._worker = threading.Thread(target=self._ask, name="bootkeep-runbook", daemon=True)
            self._worker.start()
        answer, self._answer = self._answer, None
        if answer is None or answer == self.word:
            return False
        self.word = answer
        return True

    def wait(self, seconds: float) -> None:
        """Wait for the check that is under way."""
        if self._worker is not None:
            self._worker.join(seconds)

    def _is_due(self, now: float) -> bool:
        if not (self._root / RUNBOOK_FOLDER / FINGERPRINT_FILE).exists():
            self._stamp = ()
            return False
        if now - self._asked_at < PAUSE_S:
            return False
        stamp = self._look_at_times()
        if stamp == self._stamp and now - self._asked_at < EVERY_S:
            return False
        self._stamp = stamp
        return True

    def _look_at_times(self) -> tuple[object, ...]:
        times: list[object] = [processes.boot_id()]
        for name in _WATCHED:
            try:
                times.append(os.stat(self._root / name).st_mtime_ns)
            except OSError:
                times.append(None)
        return tuple(times)

    def _ask(self) -> None:
        tool = [sys.executable, "-I", "-m", "bootkeep", "runbook", "--root", str(self._root), "--check", "--json"]
        done = run(["nice", "-n", "10", *tool], timeout_s=_DEADLINE_S)
        try:
            said = json.loads(done.stdout)
            document = str(said["printed"]["document_id"]) if said.get("printed") else ""
            state, moved = Freshness(said["freshness"]), tuple(str(one) for one in said["moved"])
        except (ValueError, KeyError, TypeError):
            self._answer = RunbookWord()  # it cannot be told: never the last good word
        else:
            self._answer = RunbookWord(document, state.value, moved)
