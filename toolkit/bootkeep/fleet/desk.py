"""The desk: when pages are written and people are told. Events say that there is something new, the clock sees to the rest.

A wave of patching is hundreds of events in a minute: the first one starts a short wait, all that come in it are done at once,
and writing pages never takes more than a tenth of the time.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from bootkeep.edges.messages_config import MESSAGES_PATH
from bootkeep.facts.errors import BootkeepError
from bootkeep.fleet.verbs import OUTBOX, bring_pages_up_to_date, tell_of_fleet

log = logging.getLogger(__name__)
#: Seconds from the first event to the work.
QUIET_S = 3.0
#: Seconds between two runs when nothing happens: hosts fall silent and runbooks grow old without an event.
PAGES_EVERY_S, TELL_EVERY_S = 300.0, 30.0
#: A run of ``s`` seconds is followed by a pause of this many times ``s``.
_PAUSE = 9.0


class Chore:
    """One thing that is done again and again, soon after an event and from time to time without one."""

    def __init__(self, name: str, work: Callable[[], str], *, every_s: float, quiet_s: float = QUIET_S) -> None:
        self.name = name
        self._work = work
        self._every_s = every_s
        self._quiet_s = quiet_s
        self._due = 0.0
        self._not_before = 0.0

    def heard(self, now: float) -> None:
        """Something is new."""
        self._due = min(self._due, now + self._quiet_s)

    def tick(self, now: float, clock: Callable[[], float] = time.monotonic) -> bool:
        """Do it when it is due; whether it was. An error is logged and tried again: it must not end the others."""
        if now < max(self._due, self._not_before):
            return False
        self._due = now + self._every_s
        try:
            said = self._work()
        except (BootkeepError, OSError) as error:
            log.error("bootkeep: %s: %s", self.name, error)
        except Exception:  # of what some host has sent, which nobody thought of
            log.exception("bootkeep: %s", self.name)
        else:
            log.info("bootkeep: %s: %s", self.name, said)
        self._not_before = clock() + _PAUSE * (clock() - now)
        return True


def chores(
    *, dsn: str, pages: str, messages: bool, policy_file: Path = MESSAGES_PATH, outbox: Path = OUTBOX
) -> list[Chore]:
    """What a master's desk does. ``pages``: where they lie; empty for none."""
    found = []
    if messages:

        def tell() -> str:
            done = tell_of_fleet(dsn=dsn, policy_file=policy_file, outbox=outbox)
            return f"{done.noted} noted, {done.sent} sent, {done.failed} not taken, {done.waiting} waiting"

        found.append(Chore("messages", tell, every_s=TELL_EVERY_S))
    if pages:

        def write() -> str:
            done = bring_pages_up_to_date(Path(pages), dsn=dsn)
            return f"{done.written} written, {done.kept} as they were, {done.removed} removed"

        found.append(Chore("pages", write, every_s=PAGES_EVERY_S))
    return found
