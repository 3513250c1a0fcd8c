"""What differs between two texts, by lines, at a bounded cost: a master makes reports of what anybody's host has sent."""

from __future__ import annotations

import difflib
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

#: Same lines around each difference.
_CONTEXT = 3

Group = list[tuple[str, int, int, int, int]]


class TooMuch(Exception):
    """The comparison, or what it would show, goes beyond the budget; the message says which."""


@dataclass(slots=True)
class Budget:
    """What the files of one report may cost together."""

    steps: int = 30_000_000  # looks at a pair of lines: some seconds. Two files of one repeated line need them cubed
    characters: int = 4 * 1024 * 1024  # that are shown
    unread: int = 16 * 1024 * 1024  # bytes that are looked through, for secrets first of all

    def read(self, *contents: bytes) -> None:
        """These are looked through. Raises TooMuch."""
        self.unread -= sum(map(len, contents))
        if min(self.unread, self.characters) < 0:
            raise TooMuch("the files before it fill this report")

    def show(self, lines: Sequence[str]) -> None:
        """These are shown. Raises TooMuch."""
        self.characters -= sum(map(len, lines))
        if self.characters < 0:
            raise TooMuch("the files before it fill this report")


class _Counted(difflib.SequenceMatcher[str]):
    """Counts what a match may cost before it looks for it."""

    def __init__(self, old: Sequence[str], new: Sequence[str], budget: Budget) -> None:
        super().__init__(None, old, new, autojunk=False)
        self._budget = budget
        there = Counter(new)
        self._cost = [0, *itertools.accumulate(1 + there[line] for line in old)]

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> difflib.Match:
        """As the library's. Raises TooMuch."""
        self._budget.steps -= self._cost[-1 if ahi is None else ahi] - self._cost[alo]
        if self._budget.steps < 0:
            raise TooMuch("to compare its many equal lines takes too long")
        return super().find_longest_match(alo, ahi, blo, bhi)


def difference(old: Sequence[str], new: Sequence[str], budget: Budget) -> list[Group]:
    """What differs, with a few same lines around each place. Raises TooMuch."""
    return list(_Counted(old, new, budget).get_grouped_opcodes(_CONTEXT))


def unified(old: Sequence[str], new: Sequence[str], groups: Sequence[Group], names: tuple[str, str]) -> Iterator[str]:
    """As ``diff -u`` shows it."""
    for number, group in enumerate(groups):
        if number == 0:
            yield f"--- {names[0]}"
            yield f"+++ {names[1]}"
        yield f"@@ -{_range(group[0][1], group[-1][2])} +{_range(group[0][3], group[-1][4])} @@"
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                yield from (f" {line}" for line in old[i1:i2])
                continue
            yield from (f"-{line}" for line in old[i1:i2])
            yield from (f"+{line}" for line in new[j1:j2])


def _range(start: int, stop: int) -> str:
    """As POSIX writes it: lines count from one, and an empty range names the line before it."""
    length = stop - start
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"
