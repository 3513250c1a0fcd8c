"""What somebody has to be told of a fleet, by which rule, and where to. Only four things are worth a message."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import Enum


class NoticeKind(Enum):
    """Why somebody is told, most urgent first."""

    NO_GO = "no-go"  # a host must not be rebooted
    HOOK_MISSED = "hook-missed"  # packages changed and no hook saw it
    WEAKENED = "security-weakened"
    RUNBOOK_OVERDUE = "runbook-overdue"  # none, or one that no longer fits, for longer than agreed

    @property
    def rank(self) -> int:
        """0 for the most urgent."""
        return list(NoticeKind).index(self)


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing about one host."""

    kind: NoticeKind
    host: str
    key: str  # what makes it the same thing on another host, and the same thing tomorrow
    sentence: str
    at: str  # UTC, ISO 8601
    transaction: str = ""  # id; empty when it is about the host itself
    about: str = ""  # for what is about the host itself: which time it is

    @property
    def id(self) -> str:
        """The same for the same thing, for ever: nobody is told twice."""
        text = "\0".join((self.kind.value, self.host, self.transaction or self.about, self.key))
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Destination:
    """Where messages go. ``secret`` never leaves this value but for the wire: it is not shown, not logged, not stored."""

    name: str
    kind: str  # smtp, webhook
    address: str  # smtp: host:port; webhook: https://...
    to: tuple[str, ...] = ()  # smtp: who gets it
    sender: str = ""  # smtp: From
    tls: str = "starttls"  # smtp: starttls, tls, none (only to this machine)
    user: str = ""
    secret: str = field(default="", repr=False)  # password, or the webhook's bearer token
    secret_file: str = ""  # a file with it, instead
    per_hour: int = 6  # messages; what is more waits and goes into the next one


@dataclass(frozen=True, slots=True)
class NoticeRule:
    """Which notices go where."""

    name: str
    to: tuple[str, ...]  # names of destinations
    kinds: tuple[NoticeKind, ...] = tuple(NoticeKind)
    hosts: tuple[str, ...] = ("*",)  # globs of minion ids


@dataclass(frozen=True, slots=True)
class MessagePolicy:
    """Everything about messages that the administrator decided. Nobody is told anything until there is a rule."""

    rules: tuple[NoticeRule, ...] = ()
    destinations: tuple[Destination, ...] = ()
    gather_s: float = 60.0  # so long a notice waits for its like on other hosts
    overdue_days: float = 7.0  # a runbook may be stale or missing for so long
    look_back_days: float = 7.0  # older transactions are history, not news
    pages: str = ""  # address of the fleet's pages, for links; empty for none


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent to one destination, complete."""

    id: str  # the same for the same notices: receivers can tell a repetition
    subject: str
    text: str
    verdict: str  # NO-GO when one notice says so, else the word of the most urgent kind
    notices: tuple[Notice, ...]
