"""Raw rpm, the command that this project exists for: the last-good kernel stays bootable, and what happened is on record."""

from __future__ import annotations

import pytest

from bootkeep.facts.transaction import Action, Outcome
from bootkeep.lab.rpm.bootkeep_in import mark_good

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


CLEAN = """/opt/salt/bin/python3 -I -c "
from pathlib import Path
from bootkeep.edges.store import Store
from bootkeep.flows.preserve import clean_preserved
from bootkeep.flows.put_back_kernels import clean_put_back
store, root = Store(), Path('/')
print(*clean_put_back(root, store, minimum=2), *clean_preserved(root, store.last_good()))
" """


def test_what_was_put_back_is_whole_listed_and_goes_when_it_is_needed_no_longer(el9: RpmMachine) -> None:
    """As three boots would do it: the old kernel still runs, the new one is proven, and then there is a third."""
    old, new, third = el9.built.installed, el9.built.update, el9.built.careless
    boot = el9.root / "boot"
    readable = {name: (boot / f"{name}-{old}").read_bytes() for name in ("System.map", "config")}
    assert el9(f"cd {UPDATES} && rpm -Uvh kernel*.rpm").exit_code == 0
    assert {name: (boot / f"{name}-{old}").read_bytes() for name in readable} == readable
    assert "not owned by any package" in el9(f"rpm -qf /boot/vmlinuz-{old}").stdout
    listed = el9("bootkeep preserve --list").stdout
    assert f"its package is gone, /boot/vmlinuz-{old} is kept by bootkeep: it is the one that runs" in listed, listed
    running = el9.root / "srv/booted/osrelease"
    try:
        running.write_text(f"{new}\n")
        mark_good(el9.root, new)
        assert el9(CLEAN).stdout.strip() == ""  # it is the only way back
        listed = el9("bootkeep preserve --list").stdout
        assert "is kept by bootkeep: beside it there is 1 that can boot, of at least 2" in listed, listed
        assert el9("rpm -ivh /srv/rpms/careless/kernel*.rpm").exit_code == 0
        done = el9(CLEAN)
        assert done.stdout.split()[:1] == [old], done.stdout + done.stderr
        assert not [path for path in boot.rglob("*") if old in path.name]
        assert not (el9.root / "usr/lib/modules" / old).exists()
        for release in (new, third):
            assert "is not owned" not in el9(f"rpm -qf /boot/vmlinuz-{release}").stdout
            assert len(el9.kernel(release)) > 30
    finally:
        running.write_text(f"{old}\n")
