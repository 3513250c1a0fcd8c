"""Who is told what of the fleet: ``/etc/bootkeep/messages.json`` on the master, written by the Salt formula from pillar."""

from __future__ import annotations

import stat
from pathlib import Path

from bootkeep.facts.codec import from_json
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.notice import MessagePolicy

MESSAGES_PATH = Path("/etc/bootkeep/messages.json")


def load_messages(path: Path = MESSAGES_PATH) -> MessagePolicy:
    """The policy; one without rules when there is no file. Raises BootkeepError for one that is wrong, or that anybody may read."""
    try:
        mode = path.stat().st_mode
        text = path.read_bytes()
    except FileNotFoundError:
        return MessagePolicy()
    if mode & stat.S_IRWXO:
        raise BootkeepError(
            "anybody may read the messages' policy, which may hold secrets",
            where=str(path),
            next_step="chmod 0600 it, and change the secrets in it.",
        )
    policy = from_json(MessagePolicy, text, where=str(path))
    check_messages(policy, where=str(path))
    return policy


def check_messages(policy: MessagePolicy, *, where: str) -> None:
    """Raise BootkeepError for what could only fail later, when somebody should be told."""
    problems = []
    names = [one.name for one in policy.destinations]
    problems += [f"two destinations are called {name!r}" for name in sorted({n for n in names if names.count(n) > 1})]
    for rule in policy.rules:
        problems += [f"rule {rule.name!r} names {to!r}, which is no destination" for to in rule.to if to not in names]
        if not rule.to:
            problems.append(f"rule {rule.name!r} tells nobody")
    for one in policy.destinations:
        if one.kind not in ("smtp", "webhook"):
            problems.append(f"destination {one.name!r} has kind {one.kind!r}: smtp or webhook")
        if one.kind == "smtp" and not (one.to and one.sender):
            problems.append(f"destination {one.name!r} needs 'to' and 'sender'")
        if one.tls not in ("starttls", "tls", "none"):
            problems.append(f"destination {one.name!r} has tls {one.tls!r}: starttls, tls or none")
        if one.per_hour < 1:
            problems.append(f"destination {one.name!r} takes no message: per_hour must be 1 or more")
    if problems:
        raise BootkeepError(
            "; ".join(problems), where=where, next_step="Mend it in pillar bootkeep:messages, and apply it."
        )
