"""One host's deliveries as far as the intake has come with them, and what it asks and tells meanwhile."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bootkeep.fleet.assembly import Assembly
from bootkeep.fleet.receiving import SaidOfRunbook

#: Seconds that the next question to a host waits after an unanswered one: at first, and at most.
WAIT_S, WAIT_MOST_S = 2.0, 300.0
#: A host's word that it has started is heard once in so many seconds: anybody may put that event on the bus.
START_HEARD_S = 5.0


@dataclass(slots=True)
class HostState:
    """What is going on with one host."""

    tokens: float
    refilled: float
    pending: OrderedDict[str, str] = field(default_factory=OrderedDict)  # id -> announced digest
    confirm: OrderedDict[tuple[str, str], float] = field(default_factory=OrderedDict)  # (id, digest) -> since
    assembly: Assembly | None = None
    refused: dict[tuple[str, str], str] = field(default_factory=dict)  # (id, digest) -> why
    runbook: str = ""  # document id to fetch
    said: SaidOfRunbook = field(default_factory=SaidOfRunbook)
    records: int = -1  # in the store; below zero: not counted yet
    recount_at: float = 0.0  # when its share may be counted anew
    asked: str = ""  # nonce of the question that it has not answered yet
    index: bool = False
    hello: int = 0  # the list was asked for because the master has started: tries that are left
    heard: float = float("-inf")  # when it said last that it has started
    wait: float = WAIT_S
    not_before: float = 0.0


@dataclass(slots=True)
class OpenQuestion:
    """A published job, and who has not answered it yet."""

    asked_at: float
    hosts: set[str]
    failed: set[str] = field(default_factory=set)  # of them those of which somebody says that they cannot answer

    @property
    def waits(self) -> bool:
        """Whether an answer is still likely. One that comes counts in any case, until the time is over."""
        return bool(self.hosts - self.failed)


class Wish:
    """What anybody on the bus may ask for: it is done at once, and then no oftener than every ``every_s`` seconds."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._wanted = False
        self._not_before = float("-inf")

    def heard(self) -> None:
        """Somebody asks for it."""
        self._wanted = True

    def due(self, now: float) -> bool:
        """Whether to do it now; then it is taken as done."""
        if not self._wanted or now < self._not_before:
            return False
        self._wanted, self._not_before = False, now + self._every_s
        return True


@dataclass(frozen=True, slots=True)
class Question:
    """One job to publish: the same for all its hosts, each finds its own part."""

    nonce: str
    hosts: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Stored:
    """A record that is new in the store: what the engine tells the reactors."""

    host: str
    id: str
    phase: str
    outcome: str
