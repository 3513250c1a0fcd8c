"""Small helpers that every probe needs to understand a JSON payload without ever crashing on a damaged one."""

from __future__ import annotations

import json
from typing import Any

from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.read import Read


def why(reading: Reading) -> str:
    """Why a reading carries no data, for a person."""
    return reading.detail.strip() or reading.status.value


def text_of(readings: Readings, read: Read, what: str) -> Maybe[str]:
    """The text of a reading; Absent when the thing is not there, Unknown when we could not look."""
    reading = readings[read.key]
    if reading.ok:
        return reading.text
    if reading.status is Status.ABSENT:
        return Absent(what)
    return Unknown(f"{what} could not be read: {why(reading)}")


def rows_of(readings: Readings, read: Read, what: str) -> Maybe[tuple[dict[str, Any], ...]]:
    """The objects of a JSON list."""
    text = text_of(readings, read, what)
    if not isinstance(text, str):
        return text
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Unknown(f"{what} was not understood: {error}")
    if not isinstance(plain, list) or not all(isinstance(row, dict) for row in plain):
        return Unknown(f"{what} was not understood: not a list of objects")
    return tuple(plain)


def object_of(readings: Readings, read: Read, what: str) -> Maybe[dict[str, Any]]:
    """A JSON object."""
    text = text_of(readings, read, what)
    if not isinstance(text, str):
        return text
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Unknown(f"{what} was not understood: {error}")
    if not isinstance(plain, dict):
        return Unknown(f"{what} was not understood: not an object")
    return plain
