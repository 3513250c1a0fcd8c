"""Columns over days: how many transactions there were, and how they ended. Geometry only; the template draws it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from bootkeep.facts.fleet_overview import FleetTransaction

#: Size of the drawing, in its own units, and room for the letters left and below.
WIDTH, HEIGHT = 960, 190
_LEFT, _TOP, _BOTTOM = 44, 8, 22
#: In the order in which they stand on each other, from the ground up: what matters most has the straight edge.
MOODS = ("bad", "odd", "good")


@dataclass(frozen=True, slots=True)
class Bar:
    """A part of a column."""

    mood: str
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class Column:
    """One day."""

    day: str
    x: float
    width: float
    bars: tuple[Bar, ...]
    words: str  # what a screen reader, or a pointer that rests on it, is told
    counts: tuple[int, int, int]  # bad, odd, good


@dataclass(frozen=True, slots=True)
class Tick:
    """A number at the left, or a day below."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """The whole drawing."""

    columns: tuple[Column, ...]
    levels: tuple[Tick, ...]
    days: tuple[Tick, ...]
    words: str
    left: int = _LEFT
    width: int = WIDTH
    height: int = HEIGHT
    ground: float = HEIGHT - _BOTTOM


def moods_by_day(transactions: Iterable[FleetTransaction]) -> dict[str, Counter[str]]:
    """Day -> mood -> how many."""
    counted: dict[str, Counter[str]] = {}
    for one in transactions:
        counted.setdefault(one.day, Counter())[one.mood] += 1
    return counted


def plot_days(counted: Mapping[str, Counter[str]], last: str, span: int = 90) -> Plot | None:
    """The ``span`` days up to ``last``. None when ``last`` is no day, or nothing happened in them."""
    try:
        end = date.fromisoformat(last)
    except ValueError:
        return None
    days = [(end - timedelta(days=back)).isoformat() for back in reversed(range(span))]
    totals = [sum(counted.get(day, Counter()).values()) for day in days]
    most = max(totals)
    if not most:
        return None
    top = _round_up(most)
    ground = HEIGHT - _BOTTOM
    scale = (ground - _TOP) / top
    step = (WIDTH - _LEFT) / span
    columns = []
    for number, day in enumerate(days):
        counts = counted.get(day, Counter())
        if not counts:
            continue
        foot, bars = float(ground), []
        for mood in MOODS:
            height = counts[mood] * scale
            if height:
                foot -= height
                bars.append(Bar(mood, round(foot, 2), round(height, 2)))
        columns.append(
            Column(
                day,
                round(_LEFT + number * step + step * 0.12, 2),
                round(step * 0.76, 2),
                tuple(bars),
                f"{day}: {_words(counts)}",
                (counts["bad"], counts["odd"], counts["good"]),
            )
        )
    total: Counter[str] = Counter()
    for day in days:
        total.update(counted.get(day, {}))
    levels = tuple(Tick(round(ground - value * scale, 2), str(value)) for value in (top // 2, top) if value)
    marks = range(0, span, max(1, span // 6))
    return Plot(
        tuple(columns),
        levels,
        tuple(Tick(round(_LEFT + number * step, 2), days[number][5:]) for number in marks),
        f"Transactions on each of the {span} days up to {last}: {_words(total)}",
    )


def _words(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    parts = [
        f"{counts[mood]} {words}"
        for mood, words in (("bad", "failed or NO-GO"), ("odd", "to look at"), ("good", "quiet"))
        if counts.get(mood)
    ]
    return f"{total} transaction{'' if total == 1 else 's'}" + (f" ({', '.join(parts)})" if parts else "")


def _round_up(value: int) -> int:
    """The next number with one digit that says something, and even, so that its half is one too."""
    unit = int("1" + "0" * (len(str(value)) - 1))
    top = -(-value // unit) * unit
    return top if top % 2 == 0 else top + (1 if unit == 1 else unit)
