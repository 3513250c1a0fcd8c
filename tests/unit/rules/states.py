"""States for the rules' tests: a recorded healthy machine, and one thing changed at a time."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from bootkeep.assemble import assemble
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.codec import from_json
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.kernel import Kernel
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Readings
from bootkeep.rules.judge import judge

MACHINES = Path(__file__).parents[2] / "machines"


@cache
def recorded(name: str) -> BootState:
    """The state of one recorded machine."""
    path = MACHINES / name / "readings.json"
    return assemble(from_json(Readings, path.read_bytes(), where=str(path)), taken_at="2026-11-23T18:00:00Z")


def healthy(**changes: Any) -> BootState:
    """healthy-bios with some facts replaced."""
    return replace(recorded("healthy-bios"), **changes)


def kernels(state: BootState) -> tuple[Kernel, ...]:
    """Its kernels, newest first."""
    assert isinstance(state.kernels, tuple)
    return state.kernels


def newest(state: BootState, **changes: Any) -> BootState:
    """The newest kernel (the default one) with some facts replaced."""
    first, *rest = kernels(state)
    return replace(state, kernels=(replace(first, **changes), *rest))


def oldest(state: BootState, **changes: Any) -> BootState:
    """The oldest kernel (the way back) with some facts replaced."""
    *rest, last = kernels(state)
    return replace(state, kernels=(*rest, replace(last, **changes)))


def found(state: BootState, identity: str, policy: Policy | None = None) -> list[Finding]:
    """What one rule says about a state."""
    return [finding for finding in judge(state, policy or Policy()).findings if finding.id == identity]


def severities(state: BootState, identity: str, policy: Policy | None = None) -> list[Severity]:
    """How much it weighs."""
    return [finding.severity for finding in found(state, identity, policy)]
