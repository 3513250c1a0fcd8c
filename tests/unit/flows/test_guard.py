"""The guard's judgement and its words."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootkeep.edges.store import Store
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.finding import Severity
from bootkeep.facts.transaction import Action, Override, PackageChange
from bootkeep.flows import guard

NOW = "2026-11-23T17:20:00Z"
PROTECTED = guard.ProtectedKernel(
    "6.1.0-18-cloud-amd64",
    "the last-good kernel",
    "/boot/vmlinuz-6.1.0-18-cloud-amd64",
    {"odd-name": "/boot/vmlinuz-6.1.0-18-cloud-amd64", "mods": "/lib/modules/6.1.0-18-cloud-amd64/kernel/x.ko"},
    {"odd-name": "", "mods": "amd64"},
)


def change(name: str, action: Action, architecture: str = "amd64") -> PackageChange:
    return PackageChange(name, architecture, "1", "", action)


@pytest.mark.parametrize("name", ["odd-name", "mods"])
@pytest.mark.parametrize("action", [Action.REMOVE, Action.PURGE])
def test_owners_of_image_and_modules_may_not_go(name: str, action: Action) -> None:
    finding = guard.judge_plan(PROTECTED, [change("bash", Action.UPGRADE), change(name, action)])
    assert finding is not None
    assert finding.severity is Severity.WILL_NOT_BOOT
    assert finding.subject == PROTECTED.release
    assert finding.evidence[0].text == PROTECTED.owners[name]


@pytest.mark.parametrize(
    "plan",
    [
        [],
        [change("linux-image-6.1.0-18-cloud-amd64", Action.PURGE)],  # the name looks right, but it owns nothing of it
        [change("mods", Action.PURGE, "i386")],
        [change("odd-name", Action.CONFIGURE)],
        [change("odd-name", Action.UPGRADE)],
    ],
)
def test_everything_else_passes(plan: list[PackageChange]) -> None:
    assert guard.judge_plan(PROTECTED, plan) is None
    assert guard.judge_plan(None, plan) is None


@pytest.mark.parametrize("action", [Action.INSTALL, Action.UPGRADE, Action.DOWNGRADE, Action.REINSTALL])
def test_what_unpacks_over_it_must_be_preserved_first(action: Action) -> None:
    assert guard.replaced_in_place(PROTECTED, [change("odd-name", action)])
    assert not guard.replaced_in_place(PROTECTED, [change("bash", action)])
    assert not guard.replaced_in_place(None, [change("odd-name", action)])


@pytest.mark.parametrize(
    ("given_at", "expired"),
    [
        ("2026-11-23T17:20:00Z", False),
        ("2026-11-23T17:05:00Z", False),
        ("2026-11-23T17:04:59Z", True),
        ("2026-11-23T17:20:01Z", True),
        ("yesterday", True),
    ],
)
def test_an_override_lives_a_quarter_of_an_hour(tmp_path: Path, given_at: str, expired: bool) -> None:
    store = Store(tmp_path)
    store.save_override(Override("why", "ada", given_at))
    assert (guard.override_for(store, {}, "bob", NOW) is None) is expired
    assert store.take_override() is None  # used up in any case


def test_an_override_in_the_environment_comes_first(tmp_path: Path) -> None:
    found = guard.override_for(Store(tmp_path), {"BOOTKEEP_OVERRIDE": " moving on "}, "ada", NOW)
    assert found == Override("moving on", "ada", NOW)
    assert guard.override_for(Store(tmp_path), {"BOOTKEEP_OVERRIDE": "  "}, "ada", NOW) is None


@pytest.mark.parametrize("reason", ["", "  ", "x"])
def test_an_override_needs_a_reason(tmp_path: Path, reason: str) -> None:
    with pytest.raises(BootkeepError, match="needs a reason"):
        guard.give_override(reason, Store(tmp_path))


def test_the_refusal_says_what_instead() -> None:
    plan = [change("odd-name", Action.PURGE), change("junk", Action.PURGE), change("new", Action.INSTALL)]
    finding = guard.judge_plan(PROTECTED, plan)
    assert finding is not None
    text = guard.refusal_text(finding, plan, "apt-get", PROTECTED)
    assert "apt-mark hold odd-name && apt-get purge junk\n" in text
    assert "BOOTKEEP_OVERRIDE=" in text
    assert "bootkeep preserve --override" in text
