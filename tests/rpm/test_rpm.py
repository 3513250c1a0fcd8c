"""Raw rpm, the command that this project exists for: the last-good kernel stays bootable, and what happened is on record."""

from __future__ import annotations

import pytest

from bootkeep.facts.transaction import Action, Outcome

from .conftest import RpmMachine

pytestmark = pytest.mark.lab
UPDATES = "/srv/rpms/updates"


def test_upgrade_of_everything_leaves_the_old_kernel_bootable(el9: RpmMachine) -> None:
    """K.D.'s command: rpm -Uvh *.rpm."""
    old, new = el9.built.installed, el9.built.update
    before = el9.kernel(old)
    assert len(before) > 30
    done = el9(f"cd {UPDATES} && rpm -Uvh *.rpm")
    assert done.exit_code == 0, done.stderr
    assert el9.kernel(old) == before
    assert f"boot/vmlinuz-{new}" in el9.kernel(new)
    assert el9.installed("kernel-core") == f"{new.split('-')[0]}-{new.split('-')[1]}.el9"
    said = done.stdout + done.stderr
    assert "rpm cannot be stopped by a hook; the kernel is preserved and will be put back" in said
    assert f"the kernel {old} was taken away by this transaction and is put back" in said
    item = el9.only()
    assert (item.caller.manager, item.outcome) == ("rpm", Outcome.DONE), el9.log()
    assert {"pre", "post"} <= set(item.phases)
    assert {change.name for change in item.changes} == {
        "kernel",
        "kernel-core",
        "kernel-modules",
        "grub2-tools",
        "acmed",
    }
    assert f"the kernel {old} was taken away by this transaction and is put back" in item.outcome_detail
    assert item.preserved


def test_installing_beside_needs_no_rescue(el9: RpmMachine) -> None:
    old, new = el9.built.installed, el9.built.update
    before = el9.kernel(old)
    done = el9(f"cd {UPDATES} && rpm -ivh kernel*.rpm")
    assert done.exit_code == 0, done.stderr
    assert el9.kernel(old) == before
    assert el9.kernel(new)
    item = el9.only()
    assert item.outcome is Outcome.DONE, item.outcome_detail
    assert {change.action for change in item.changes} == {Action.INSTALL}
    assert {"pre", "post"} <= set(item.phases)


def test_erasing_the_last_good_kernel(el9: RpmMachine) -> None:
    before = el9.kernel(el9.built.installed)
    done = el9("rpm -e kernel kernel-core kernel-modules")
    assert done.exit_code == 0, done.stderr
    assert el9.installed("kernel-core") == ""
    assert el9.kernel(el9.built.installed) == before
    item = el9.only()
    assert item.outcome is Outcome.DONE, item.outcome_detail
    assert {change.action for change in item.changes} == {Action.REMOVE}


def test_an_override_means_it(el9: RpmMachine) -> None:
    done = el9("rpm -e kernel kernel-core kernel-modules", BOOTKEEP_OVERRIDE="moving to another kernel")
    assert done.exit_code == 0, done.stderr
    assert not el9.kernel(el9.built.installed)
    item = el9.only()
    assert item.override is not None
    assert item.override.reason == "moving to another kernel"


def test_a_service_alone_is_recorded_as_well(el9: RpmMachine) -> None:
    (el9.root / "etc/acmed/replaced.conf").write_text("port = 9\n")
    done = el9(f"rpm -Uvh {UPDATES}/acmed-*.rpm")
    assert done.exit_code == 0, done.stderr
    item = el9.only()
    assert [(change.name, change.action) for change in item.changes] == [("acmed", Action.UPGRADE)]
    assert {"pre", "post"} <= set(item.phases), el9.log()
    assert not item.preserved


def test_hooks_that_come_with_the_kernel_or_go_with_it(el9: RpmMachine) -> None:
    before = el9.kernel(el9.built.installed)
    hooks = "/srv/rpms/bootkeep/*.rpm"
    done = el9(f"rpm -Uvh --force {hooks} {UPDATES}/kernel*.rpm")
    assert done.exit_code == 0, done.stderr
    assert el9.kernel(el9.built.installed) == before
    done = el9("rpm -e bootkeep-hooks && test ! -e /usr/lib/bootkeep/rpm-hook && rpm -qa >/dev/null")
    assert done.exit_code == 0, done.stderr
    assert el9.kernel(el9.built.installed) == before


def test_without_an_interpreter_the_person_is_told_and_rpm_goes_on(el9: RpmMachine) -> None:
    (el9.root / "etc/bootkeep/hooks.conf").write_text("python=/nowhere/python3\n")
    done = el9(f"rpm -Uvh {UPDATES}/acmed-*.rpm")
    assert done.exit_code == 0
    assert (
        "bootkeep: NOT GUARDED, not recorded: the interpreter /nowhere/python3 is missing" in done.stderr + done.stdout
    )
    assert not el9.transactions()
