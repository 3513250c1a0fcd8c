"""``Absent`` and ``Unknown``: the two ways of not having a fact, kept apart on purpose.

``Absent`` is knowledge (the file is not there). ``Unknown`` is ignorance (we could not look, or did not understand what
we saw). A rule may judge an absence; ignorance can never make a verdict better than UNKNOWN, and never diffs as "removed".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar, Union

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Absent:
    """The thing is not on this machine; ``what`` names it for a reader."""

    what: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """We could not look, or did not understand; ``why`` is a sentence for an operator."""

    why: str


#: A fact, its absence, or our ignorance of it. Told apart by ``isinstance`` or ``match``, never by truth value.
Maybe = Union[T, Absent, Unknown]


def known(value: Maybe[T], otherwise: T) -> T:
    """The fact itself, or ``otherwise`` where there is none. For display only: a rule must look at which it is."""
    return otherwise if isinstance(value, (Absent, Unknown)) else value
