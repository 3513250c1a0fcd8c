"""The formula as Salt's real compiler sees it: what each OS family gets, and that every .sls compiles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).parents[3]
FORMULA = CHECKOUT / "salt" / "bootkeep"
SLS = sorted(
    ".".join(("bootkeep", *path.relative_to(FORMULA).with_suffix("").parts)).removesuffix(".init")
    for path in FORMULA.rglob("*.sls")
)
FAMILIES = ("Arch", "Debian", "RedHat", "Suse")


def example_pillar() -> dict[str, Any]:
    """The pillar that this checkout ships."""
    merged: dict[str, Any] = {}
    for name in ("policy", "people", "plan"):
        text = (CHECKOUT / "pillar" / "bootkeep" / f"{name}.sls").read_text(encoding="utf-8")
        merged.update(yaml.safe_load(text)["bootkeep"])
    return {"bootkeep": merged}


def parameters(answer: dict[str, Any]) -> Any:
    """What map.jinja decided, out of bootkeep.mapdata."""
    assert answer["errors"] == []
    return json.loads(answer["chunks"][0]["name"])


@pytest.fixture(scope="module")
def shipped(compile_formula: Any) -> dict[str, dict[str, Any]]:
    """Every .sls on Debian with the shipped pillar, compiled once."""
    answers = compile_formula(*(("Debian", example_pillar(), sls) for sls in SLS))
    return dict(zip(SLS, answers, strict=True))


@pytest.mark.parametrize("sls", SLS)
def test_every_sls_compiles_and_names_functions_that_exist(sls: str, shipped: dict[str, dict[str, Any]]) -> None:
    """A requisite or a state function that does not exist fails at the worst moment."""
    assert shipped[sls]["chunks"]
    assert (shipped[sls]["errors"], shipped[sls]["missing"]) == ([], [])


def test_the_parameters_of_each_family_are_as_approved(compile_formula: Any) -> None:
    """A golden file for each: a change of a default is a change of what hosts do, and is to be seen."""
    answers = compile_formula(*((family, {}, "bootkeep.mapdata") for family in FAMILIES))
    for family, answer in zip(FAMILIES, answers, strict=True):
        golden = Path(__file__).parent / "mapdata" / f"{family}.json"
        assert parameters(answer) == json.loads(golden.read_text(encoding="utf-8")), family


def test_pillar_wins_key_by_key(compile_formula: Any) -> None:
    """What the administrator does not name keeps its default."""
    pillar = {"bootkeep": {"lookup": {"runbook": {"folder": "/srv/runbook"}}, "policy": {"keep_kernels": 5}}}
    made = parameters(compile_formula(("Debian", pillar, "bootkeep.mapdata"))[0])
    assert made["runbook"]["folder"] == "/srv/runbook"
    assert (made["policy"]["keep_kernels"], made["policy"]["minimum_kernels"]) == (5, 2)
    assert made["parts"][0] == "install"


@pytest.mark.parametrize(
    "pillar", [None, {"policy": None}, {"lookup": None}, {"people": None, "site": None, "accepted": None}]
)
def test_a_key_whose_lines_are_commented_out_keeps_the_defaults(compile_formula: Any, pillar: Any) -> None:
    """YAML reads such a key as null; the formula must not fall over it, nor write null into the policy."""
    made, plain = (
        parameters(answer)
        for answer in compile_formula(
            ("Debian", {"bootkeep": pillar}, "bootkeep.mapdata"), ("Debian", {}, "bootkeep.mapdata")
        )
    )
    assert made == plain


def test_a_family_that_is_not_known_fails_loudly(compile_formula: Any) -> None:
    """A highstate that silently does nothing would look like safety."""
    (answer,) = compile_formula(("Arch", {}, "bootkeep"))
    assert [f"{chunk['state']}.{chunk['fun']}" for chunk in answer["chunks"]] == ["test.fail_without_changes"]


def test_the_toolkit_comes_first_and_the_verdict_last(shipped: dict[str, dict[str, Any]]) -> None:
    """The verdict is about what the highstate leaves behind."""
    ids = [chunk["__id__"] for chunk in shipped["bootkeep"]["chunks"]]
    assert (ids[0], ids[-1]) == ("bootkeep-install-toolkit", "bootkeep-bootable-verdict")


def test_kernels_from_pillar_wait_for_the_preserved_one(compile_formula: Any) -> None:
    """A version that YAML would read as a number stays text."""
    pillar = {"bootkeep": {"lookup": {"kernel": {"packages": {"linux-image-6.1.0-50-amd64": 6.1}}}}}
    (answer,) = compile_formula(("Debian", pillar, "bootkeep.kernel"))
    (chunk,) = (chunk for chunk in answer["chunks"] if chunk["fun"] == "kernel_installed")
    assert (chunk["name"], chunk["version"]) == ("linux-image-6.1.0-50-amd64", "6.1")
    assert {"bootkeep": "bootkeep-preserved-last-good"} in chunk["require"]


def test_hostile_text_in_pillar_stays_text(compile_formula: Any) -> None:
    """Quotes, braces and line ends of a phone number make no state."""
    hostile = "x\"\n\nevil:\n  cmd.run: [{name: id}] {{ 7 * 7 }} %\t\u2028'"
    pillar = {"bootkeep": {"people": [{"name": hostile, "role": "primary"}]}}
    (answer,) = compile_formula(("Debian", pillar, "bootkeep.install"))
    assert answer["errors"] == []
    (chunk,) = (chunk for chunk in answer["chunks"] if chunk["fun"] == "configured")
    assert chunk["policy"]["people"][0]["name"] == hostile
    assert {chunk["state"] for chunk in answer["chunks"]} == {"bootkeep"}


def test_no_sls_decides_by_grains() -> None:
    """Decisions live in map.jinja and the parameters."""
    for path in FORMULA.rglob("*.sls"):
        assert "grains" not in path.read_text(encoding="utf-8"), path
