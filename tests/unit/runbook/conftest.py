"""Runbooks of all hand-built machines, composed once."""

from __future__ import annotations

import pytest

from bootkeep.facts.runbook import Runbook
from bootkeep.runbook.compose import compose
from unit.runbook.machines import AT, GO, POLICY
from unit.runbook.stacked_machines import MACHINES


@pytest.fixture(params=sorted(MACHINES))
def machine_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def runbook(machine_name: str) -> Runbook:
    return compose(MACHINES[machine_name](), GO, POLICY, generated_at=AT)
