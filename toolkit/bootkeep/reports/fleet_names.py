"""Names of the files of the fleet's pages. They are made of what minions say, so they are made safe first."""

from __future__ import annotations

import hashlib
import re

#: What may stand in a file name as it is: no separator, no blank, nothing hidden, and no tilde, which marks the made-up ones.
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
INDEX = "index.html"
TIMELINE = "timeline.html"


def safe_name(text: str) -> str:
    """One path component for any text: the text itself where it is plain, else a readable rest and a digest.

    Two texts never get the same name: only made-up ones hold a tilde, and they hold 64 bits of the text's SHA-256.
    """
    if _PLAIN.fullmatch(text):
        return text
    rest = re.sub(r"[^A-Za-z0-9_-]+", "-", text[:200]).strip("-")[:40]
    return f"{rest}~{hashlib.sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()[:16]}"


def host_page(host: str, number: int = 0) -> str:
    """A host's page, from the top of the site; ``number`` of an older part, 0 for the page itself."""
    return f"hosts/{safe_name(host)}/{f'older-{number}.html' if number else INDEX}"


def transaction_page(host: str, transaction: str) -> str:
    """A transaction's report."""
    return f"hosts/{safe_name(host)}/t-{safe_name(transaction)}.html"


def runbook_page(host: str) -> str:
    """The master's copy of a host's runbook."""
    return f"hosts/{safe_name(host)}/runbook.html"


def day_page(day: str, part: int = 1) -> str:
    """One part of a day's transactions."""
    return f"timeline/{safe_name(day)}{f'-{part}' if part > 1 else ''}.html"


def shard(day: str, part: int = 1) -> str:
    """The same lines as data, for the search."""
    return f"data/{safe_name(day)}{f'-{part}' if part > 1 else ''}.js"
