"""Keyed differences: what has the same key on both sides is one thing that changed, not one that went and one that came."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from bootkeep.facts.change import ChangeKind, NotCompared
from bootkeep.facts.unknown import Absent, Maybe, Unknown

V = TypeVar("V")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Difference(Generic[V]):
    """One key whose value differs; ``None`` stands for the side where it is not."""

    key: str
    kind: ChangeKind
    before: V | None
    after: V | None


def differences(before: Mapping[str, V], after: Mapping[str, V]) -> Iterator[Difference[V]]:
    """Added, removed and changed keys, by key. Equal values give nothing."""
    for key in sorted(before.keys() | after.keys()):
        if key not in before:
            yield Difference(key, ChangeKind.ADDED, None, after[key])
        elif key not in after:
            yield Difference(key, ChangeKind.REMOVED, before[key], None)
        elif before[key] != after[key]:
            yield Difference(key, ChangeKind.CHANGED, before[key], after[key])


@dataclass(slots=True)
class Gaps:
    """What could not be compared, collected while families are compared."""

    found: list[NotCompared] = field(default_factory=list)

    def both(self, family: str, before: Maybe[T], after: Maybe[T], *, none: T | None = None) -> tuple[T, T] | None:
        """Both sides when both are known; else None, with the reason noted.

        ``none`` is what an absence stands for in families where "not there" is an ordinary state (no crontabs at all).
        Without it an absence on one side is not compared: a missing /proc is no proof that everything was removed.
        """
        sides: list[T] = []
        reasons: list[str] = []
        for when, side in (("before", before), ("after", after)):
            if isinstance(side, Unknown):
                reasons.append(f"unknown {when}: {side.why}")
            elif isinstance(side, Absent):
                if none is None:
                    reasons.append(f"not there {when}: {side.what}")
                else:
                    sides.append(none)
            else:
                sides.append(side)
        if len(sides) == 2:
            return sides[0], sides[1]
        if not (isinstance(before, Absent) and isinstance(after, Absent)):
            self.found.append(NotCompared(family, "; ".join(reasons)))
        return None


def by(values: tuple[V, ...], key: Callable[[V], str]) -> dict[str, V]:
    """A mapping by key; of two values with the same key the first stands."""
    result: dict[str, V] = {}
    for value in values:
        result.setdefault(key(value), value)
    return result
