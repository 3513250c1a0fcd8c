"""What the drills share: the medium, the machines with their stacks, and the runbooks that those have written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootkeep.facts.runbook import Runbook
from conftest import CACHE
from drills.medium import Medium, build_medium
from drills.stacks import LVM_ON_LUKS, MIRROR, Made, Stack, make, read


@dataclass(frozen=True, slots=True)
class Drilled:
    """A machine, its runbook as it was when the machine was well, and the medium that somebody has in the drawer."""

    made: Made
    medium: Medium
    runbook: Runbook


def say(text: str) -> None:
    """Progress: the drills are long."""
    print(text, flush=True)


@pytest.fixture(scope="session")
def medium() -> Medium:
    """The rescue medium."""
    return build_medium(CACHE, say)


def _drilled(stack: Stack, medium: Medium, work: Path) -> Drilled:
    made = make(stack, medium, CACHE, say)
    say(f"booting {stack.name}, to be read by bootkeep there")
    return Drilled(made, medium, read(made, work))


@pytest.fixture(scope="session")
def lvm_on_luks(medium: Medium, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drilled]:
    """LUKS 2 with LVM inside, BIOS."""
    yield _drilled(LVM_ON_LUKS, medium, tmp_path_factory.mktemp("luks"))


@pytest.fixture(scope="session")
def mirror(medium: Medium, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drilled]:
    """md RAID 1 with two EFI system partitions, UEFI."""
    yield _drilled(MIRROR, medium, tmp_path_factory.mktemp("mirror"))
