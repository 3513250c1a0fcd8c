"""The library's own diff, at a bounded cost."""

from __future__ import annotations

import difflib
import random

import pytest

from bootkeep.facts.change import Change, ChangeClass, ChangeKind, ChangeSeverity
from bootkeep.reports.line_diff import Budget, TooMuch, difference, unified
from bootkeep.reports.views import file_diffs


@pytest.mark.parametrize("seed", range(40))
def test_it_says_what_the_library_says(seed: int) -> None:
    """Texts of few different lines, so that there is much to choose from; empty ones too."""
    chance = random.Random(seed)
    old, new = ([chance.choice("abcd") * chance.randrange(3) for _ in range(chance.randrange(40))] for _ in range(2))
    made = list(unified(old, new, difference(old, new, Budget()), ("x", "y")))
    assert made == list(difflib.unified_diff(old, new, "x", "y", lineterm=""))


def test_equal_lines_without_end_are_given_up_in_time() -> None:
    """Counted in steps, not in seconds: 5,000 lines of two kinds in an order that makes the library look anew each time."""
    old = ["a", "b"] * 2500
    new = [word for number in range(2500) for word in ("a", str(number))]
    budget = Budget(steps=20_000_000)
    with pytest.raises(TooMuch, match="takes too long"):
        difference(old, new, budget)
    assert budget.steps > -20_000_000  # no single look was larger than what is allowed


def test_a_report_shows_no_more_than_it_can_hold() -> None:
    """64 files that unpack a thousandfold: two are shown, the others are named with the reason."""
    paths = [f"/etc/{number}" for number in range(64)]
    kinds = (ChangeKind.CHANGED, "a", "b", ChangeClass.OTHER, ChangeSeverity.LOW, "", False)
    changes = [Change("config", path, *kinds, f"{path} changed") for path in paths]
    before = dict.fromkeys(paths, b"\n".join(b"x" * 1000 for _ in range(1000)))
    after = dict.fromkeys(paths, b"\n".join(b"y" * 1000 for _ in range(1000)))
    found = file_diffs(changes, before, after)
    assert [bool(one.unified) for one in found] == [True, True] + [False] * 62
    assert {one.note for one in found[2:]} == {"not shown: the files before it fill this report"}
    (long,) = file_diffs(changes[:1], {"/etc/0": b"x" * 2**20 + b"x"}, after)
    assert long.note == "longer than 1024 KiB"
