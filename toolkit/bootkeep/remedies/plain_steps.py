"""Short ways to write a remedy whose steps are the same on the running host and in the chroot."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.remedies.common import both, commands, covered, not_covered
from bootkeep.remedies.toolset import DEBIAN_ONLY


def remedy(
    remedy_id: str, title: str, state: BootState, *steps: Step, families: tuple[str, ...] = DEBIAN_ONLY
) -> Remedy:
    """The steps, or a plain word that this distribution has none."""
    if covered(state, families):
        return both(remedy_id, title, steps)
    return not_covered(remedy_id, title, state, families)


def look(say: str, *lines: str, expect: str, on_fail: str = "CALL") -> Step:
    """A step that writes nothing."""
    return Step(Place.LIVE, say, commands(*lines), expect=expect, on_fail=on_fail)


def write(say: str, *lines: str, expect: str, undo: tuple[str, ...], on_fail: str = "CALL", minutes: int = 1) -> Step:
    """A step that changes something, and what takes the change back."""
    return Step(
        Place.LIVE,
        say,
        commands(*lines),
        expect=expect,
        on_fail=on_fail,
        undo=commands(*undo),
        writes=True,
        minutes=minutes,
    )


def tell(say: str) -> Step:
    """A sentence for a person, without a command."""
    return Step(Place.LIVE, say, on_fail="CALL")
