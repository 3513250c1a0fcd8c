"""Which of two transactions of one host came later, also where the host's clock was wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moment:
    """What tells when a transaction was."""

    id: str  # begins with what the host's clock said
    boot_id: str  # empty: not known
    start_ticks: int  # of its process, since that boot
    first_stored_at: str  # by the master's clock


def came_later(one: Moment, other: Moment, current_boot: str) -> bool:
    """Whether ``one`` is the newer of the two. ``current_boot``: the boot that the host said last it is running.

    Within one boot the kernel's own count decides, and the running boot comes after every other one. Only where neither helps
    the ids do; an id of the future counts as the moment at which the master got it.
    """
    if one.boot_id and one.boot_id == other.boot_id and one.start_ticks != other.start_ticks:
        return one.start_ticks > other.start_ticks
    if one.boot_id and other.boot_id and one.boot_id != other.boot_id and current_boot in (one.boot_id, other.boot_id):
        return one.boot_id == current_boot
    return (_clamped(one), one.id) > (_clamped(other), other.id)


def _clamped(moment: Moment) -> str:
    """``20261125T115900Z`` from both, so that they compare as texts."""
    stored = moment.first_stored_at.replace("-", "").replace(":", "")
    said = moment.id.partition("-")[0]
    return min(said, stored) if stored else said
