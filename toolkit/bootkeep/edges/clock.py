"""The only clock."""

from __future__ import annotations

from datetime import UTC, datetime


def now_utc() -> str:
    """The present moment, UTC, ISO 8601 to the second: ``2026-11-23T17:03:12Z``."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
