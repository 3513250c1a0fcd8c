"""What a difference is when it says nothing about a transaction: rules as data, the administrator's beside ours."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NoiseRule:
    """Keys of one family that match ``pattern`` as a whole (Python's regular expressions) are left out of a report."""

    id: str  # what an administrator switches off: pillar ``bootkeep:policy:noise_off``
    family: str
    pattern: str
    why: str
