"""What bringing one thing of a host into its wanted state found, did, or would do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StateChange:
    """One thing that was, or would be, changed."""

    subject: str  # a path, a debconf question, a boot entry
    old: str  # empty when it was not there
    new: str  # empty when it goes


@dataclass(frozen=True, slots=True)
class Converged:
    """The answer of a flow that converges. ``ok`` says whether the thing is as wanted now (or would be, on a dry run)."""

    ok: bool
    comment: str  # sentences for an operator
    changes: tuple[StateChange, ...] = ()
