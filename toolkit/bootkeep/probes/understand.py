"""What every parser of a snapshot needs: from a Reading to a fact, with Absent and Unknown kept apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.read import Read

T = TypeVar("T")


def understood(readings: Readings, read: Read, parse: Callable[[str], T]) -> Maybe[T]:
    """The parsed answer; Absent when the thing is not there, Unknown when we could not look or did not understand."""
    reading = readings[read.key]
    if reading.status is Status.ABSENT:
        return Absent(read.key)
    if not reading.ok:
        return Unknown(why_not(reading, read.key))
    try:
        return parse(reading.text)
    except NotUnderstood as error:
        return Unknown(str(error))


def why_not(reading: Reading, what: str) -> str:
    """Why there is no data, as a sentence for an operator."""
    return f"{what}: {reading.detail or reading.status.value}"


def rows(text: str, where: str) -> list[dict[str, Any]]:
    """A JSON list of objects. Raises NotUnderstood on anything else."""
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotUnderstood(f"not JSON: {error}", where=where) from error
    if not isinstance(plain, list) or not all(isinstance(row, dict) for row in plain):
        raise NotUnderstood("not a list of objects", where=where)
    return plain


def texts(text: str, where: str) -> dict[str, str]:
    """A JSON object of texts. Raises NotUnderstood on anything else."""
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotUnderstood(f"not JSON: {error}", where=where) from error
    if not isinstance(plain, dict) or not all(isinstance(value, str) for value in plain.values()):
        raise NotUnderstood("not an object of texts", where=where)
    return plain


def number(text: str, where: str) -> int:
    """A decimal number. Raises NotUnderstood on anything else (``int()`` would take blanks, signs and underscores)."""
    if not (text.isascii() and text.isdigit()) or len(text) > 20:  # 64 bits: nanoseconds since the epoch have 19 digits
        raise NotUnderstood(f"not a number: {text[:40]!r}", where=where)
    return int(text)
