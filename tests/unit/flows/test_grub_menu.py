"""The menu and its default: what counts as a fault, and what a dry run would do about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bootkeep.facts.boot_entry import DefaultEntry
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.flows.grub_menu import default_problem, make_default_resolve, make_menu_current, menu_problems
from unit.flows.salt_machine import NEW, OLD, entry, grub, kernel, machine


def finding(identity: str, severity: Severity = Severity.AT_RISK) -> Finding:
    """What a rule would say."""
    return Finding(identity, "B09", severity, "The menu is older than the kernel.")


def plan(state: BootState, *findings: Finding) -> Any:
    """A dry run of the default entry's state."""
    return make_default_resolve(lambda: (state, findings), dry_run=True)


def test_a_current_menu_needs_nothing() -> None:
    """No change, no generator."""
    done = make_menu_current(lambda: (machine(), ()), dry_run=False)
    assert (done.ok, done.changes) == (True, ())


@pytest.mark.parametrize(
    "menu",
    [
        Absent("grub.cfg"),
        grub(),
        grub(entry(NEW), syntax_error="line 7: unexpected `}'"),
        grub(entry(NEW), sources_preserved=False),
    ],
)
def test_a_faulty_menu_would_be_made_again(menu: Any) -> None:
    """Missing, empty, damaged, or without the preserved kernels."""
    done = make_menu_current(lambda: (machine(grub=menu), ()), dry_run=True)
    assert done.ok and done.changes


def test_a_rules_finding_counts_and_an_accepted_one_does_not() -> None:
    """What somebody lives with in writing is not repaired again at every highstate."""
    assert menu_problems(machine(), (finding("grub-config-stale"),))
    assert menu_problems(machine(), (finding("grub-config-stale", Severity.ADVICE),)) == ()


@pytest.mark.parametrize("menu", [Unknown("denied"), grub(entry(NEW), syntax_error=Unknown("no grub-script-check"))])
def test_ignorance_about_the_menu_is_an_error(menu: Any) -> None:
    """Neither current nor stale."""
    with pytest.raises(BootkeepError):
        menu_problems(machine(grub=menu), ())


def test_ignorance_about_the_default_is_an_error() -> None:
    """Whether it stands in the state or in a finding."""
    with pytest.raises(BootkeepError):
        default_problem(machine(default_entry=Unknown("denied")), ())
    with pytest.raises(BootkeepError):
        default_problem(machine(), (finding("default-entry-broken", Severity.UNKNOWN),))


def test_a_default_that_resolves_stays() -> None:
    """Somebody may have chosen it."""
    assert plan(machine()).changes == ()


def test_a_dangling_saved_entry_becomes_the_newest_kernel_that_can_boot() -> None:
    """A newer kernel without modules is no default, nor is a recovery entry."""
    state = machine(
        kernels=(kernel(NEW, modules=Absent()), kernel(OLD)),
        grub=grub(entry(NEW), entry(OLD, arguments="ro single"), entry(OLD, identity="good")),
        default_entry=DefaultEntry("gone", "saved_entry", Absent("gone")),
    )
    assert plan(state).changes[0].new == "gnulinux-advanced>good"


def test_a_dangling_trial_boot_is_dropped_and_the_saved_default_counts() -> None:
    """next_entry is not the default."""
    done = plan(machine(default_entry=DefaultEntry("gone", "next_entry", Absent("gone"))))
    assert done.changes[0].new == "the saved default"


def test_a_dangling_name_in_the_defaults_file_becomes_debians_own() -> None:
    """0 is not set to 0 again: there only a new menu can help."""
    default = DefaultEntry("gone", "GRUB_DEFAULT", Absent("gone"))
    assert plan(machine(default_entry=default)).changes[0].new == "0"
    again = plan(machine(default_entry=replace(default, wanted="0")), finding("default-entry-broken"))
    assert again.changes[0].new == "the first entry of a new menu"
