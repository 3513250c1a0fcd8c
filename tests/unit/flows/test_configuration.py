"""Pillar becomes policy, or an error that names the key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bootkeep.edges.config import load_policy
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.policy import Policy
from bootkeep.flows.configuration import policy_from_pillar, write_configuration

PILLAR = Path(__file__).parents[3] / "pillar" / "bootkeep"


def test_the_example_pillar_is_a_policy() -> None:
    """What a newcomer copies has to work."""
    policy, people, plan = (
        yaml.safe_load((PILLAR / f"{name}.sls").read_text())["bootkeep"] for name in ("policy", "people", "plan")
    )
    made = policy_from_pillar({**policy["policy"], **people, **plan})
    assert [person.role for person in made.people] == ["primary", "backup", "vendor"]
    assert made.site.rescue_medium
    assert made.keep_kernels == 3


@pytest.mark.parametrize(
    ("plain", "named"),
    [
        ({"gaurd": False}, "gaurd"),
        ({"people": [{"name": "Ada", "role": "primary", "tel": "1"}]}, r"people\[0\] has no key tel"),
        ({"people": [{"name": "Ada", "role": "primary", "phone": 5550100}]}, "phone"),
        ({"people": ["Ada"]}, "mapping"),
        ({"site": {"rack": "B4"}}, "rack"),
        ({"noise_off": ["no-such-rule"]}, "no-such-rule"),
        ({"noise": [{"id": "ours", "family": "config", "pattern": "(", "why": "x"}]}, "noise rule ours"),
        ({"keep_kernels": "3"}, "keep_kernels"),
        ({"keep_kernels": 2, "minimum_kernels": 3}, "keep_kernels"),
        ({"minimum_kernels": 1}, "minimum_kernels"),
        ({"hook_deadline_s": 0}, "hook_deadline_s"),
        ({"accepted": {"boot-space-low": " "}}, "boot-space-low"),
    ],
)
def test_a_mistake_is_named_and_the_file_stays(plain: dict[str, Any], named: str, tmp_path: Path) -> None:
    """A misspelt switch must not pass for a decision."""
    path = tmp_path / "config.json"
    write_configuration({"guard": False}, path, dry_run=False)
    before = path.read_bytes()
    with pytest.raises(BootkeepError, match=named) as wrong:
        write_configuration(plain, path, dry_run=False)
    assert "Correct the pillar; the configuration was not changed." in str(wrong.value)
    assert path.read_bytes() == before


def test_it_is_written_once_private_and_read_back(tmp_path: Path) -> None:
    """The second time there is nothing to do; a wrong mode is put right."""
    path = tmp_path / "etc/bootkeep/config.json"
    assert write_configuration({}, path, dry_run=True).changes and not path.parent.exists()
    assert write_configuration({"guard": False}, path, dry_run=False).changes
    assert load_policy(tmp_path) == Policy(guard=False)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert write_configuration({"guard": False}, path, dry_run=False).changes == ()
    path.chmod(0o644)
    assert write_configuration({"guard": False}, path, dry_run=False).changes
    assert path.stat().st_mode & 0o777 == 0o600
