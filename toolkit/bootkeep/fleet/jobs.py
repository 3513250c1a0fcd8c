"""The jobs that ask minions, as the master's bus tells of them: who has returned, and which job is over.

The bus is no witness: any minion sees the jobs of all, and may put a return on the bus in the name of another. So nothing is over
for a host until its own key has signed an answer, or its time is up.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from bootkeep.fleet.intake import Intake

log = logging.getLogger(__name__)
#: Seconds after which an unanswered job is forgotten.
_JOB_S = 120.0


@dataclass(slots=True)
class _Job:
    nonce: str
    published_at: float
    hosts: set[str]  # without an answer


class Jobs:
    """What is under way."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._jobs: dict[str, _Job] = {}

    def published(self, jid: str, nonce: str, hosts: Iterable[str], now: float) -> None:
        """A question went out."""
        self._jobs[jid] = _Job(nonce, now, set(hosts))

    def returned(self, jid: str, host: str, answer: object, now: float) -> bool:
        """A return came, or somebody says so; whether the job is over with it."""
        job = self._jobs.get(jid)
        if job is None:
            return False
        if isinstance(answer, dict):
            self._intake.answered(host, answer, now)
        elif self._intake.failed(host, job.nonce, now):
            log.warning("bootkeep: %s did not answer: %.300r", host, answer)
        if not self._intake.waits_for(host, job.nonce):
            job.hosts.discard(host)
        if job.hosts:
            return False
        del self._jobs[jid]
        return True

    def expired(self, now: float) -> list[str]:
        """Jobs whose time is up: they are over."""
        gone = [jid for jid, job in self._jobs.items() if now - job.published_at > _JOB_S]
        for jid in gone:
            del self._jobs[jid]
        return gone
