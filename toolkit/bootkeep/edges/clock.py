"""The only clock, and the one form that its moments are written in."""

from __future__ import annotations

from datetime import UTC, datetime

#: UTC, ISO 8601 to the second: ``2026-11-23T17:03:12Z``. Moments in this form sort as texts.
FORM = "%Y-%m-%dT%H:%M:%SZ"


def now_utc() -> str:
    """The present moment, UTC, ISO 8601 to the second: ``2026-11-23T17:03:12Z``."""
    return datetime.now(UTC).strftime(FORM)


def utc_of(seconds: float) -> str:
    """Seconds since the epoch in the same form."""
    return datetime.fromtimestamp(seconds, UTC).strftime(FORM)


def moment_of(text: str) -> datetime:
    """The moment that a text of this form names. Raises ValueError when it is none."""
    return datetime.strptime(text, FORM).replace(tzinfo=UTC)


def seconds_of(text: str) -> float:
    """The same in seconds since the epoch; 0, the distant past, for a text that is no moment."""
    try:
        return moment_of(text).timestamp()
    except ValueError:
        return 0.0
