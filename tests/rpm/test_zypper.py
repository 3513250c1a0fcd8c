"""zypper: observed by the commit plugin, which cannot stop it; the kernel stays bootable by rpm's triggers."""

from __future__ import annotations

import pytest

from bootkeep.facts.transaction import Action, Outcome

from .conftest import UNTIL_CLOSED, RpmMachine

pytestmark = pytest.mark.lab


def test_update_with_multiversion_keeps_both(suse15: RpmMachine) -> None:
    old, new = suse15.built.installed, suse15.built.update
    before = suse15.kernel(old)
    done = suse15("zypper -n up")
    assert done.exit_code in {0, 102}, done.stdout + done.stderr  # 102: a reboot is needed
    assert suse15.kernel(old) == before
    assert f"boot/vmlinuz-{new}" in suse15.kernel(new)
    item = suse15.only()
    assert (item.caller.manager, item.outcome) == ("zypper", Outcome.DONE), (item.outcome_detail, suse15.log())
    assert {"pre", "post"} <= set(item.phases)
    assert len(item.steps) == 1
    actions = {change.name: change.action for change in item.changes}
    assert actions == {"kernel-default": Action.INSTALL, "grub2-tools": Action.UPGRADE, "acmed": Action.UPGRADE}


def test_update_without_multiversion_is_survived(suse15: RpmMachine) -> None:
    old, new = suse15.built.installed, suse15.built.update
    before = suse15.kernel(old)
    conf = suse15.root / "etc/zypp/zypp.conf"
    conf.write_text(conf.read_text().replace("multiversion = ", "# multiversion = "))
    done = suse15("zypper -n up")
    said = done.stdout + done.stderr
    assert done.exit_code in {0, 102}, said
    assert suse15.installed("kernel-default") == "-".join(new.split("-")[:2])
    assert suse15.kernel(old) == before
    assert f"/boot/vmlinuz-{old}" in (suse15.root / "boot/grub2/grub.cfg").read_text()
    assert "zypper cannot be stopped by a hook; the kernel is preserved and will be put back" in said
    item = suse15.only()
    assert (item.caller.manager, item.outcome) == ("zypper", Outcome.DONE), (item.outcome_detail, suse15.log())
    assert "was taken away by this transaction and is put back" in item.outcome_detail
    assert len(item.steps) == 1


@pytest.mark.parametrize("multiversion", [True, False], ids=["beside", "in place"])
def test_without_the_plugin_the_triggers_record(suse15: RpmMachine, multiversion: bool) -> None:
    """zypper hands --noposttrans to rpm, and no trigger runs at the end; the record is closed when zypper has ended."""
    old = suse15.built.installed
    before = suse15.kernel(old)
    (suse15.root / "usr/lib/zypp/plugins/commit/bootkeep").unlink()
    if not multiversion:
        conf = suse15.root / "etc/zypp/zypp.conf"
        conf.write_text(conf.read_text().replace("multiversion = ", "# multiversion = "))
    done = suse15(f"zypper -n up{UNTIL_CLOSED}")
    assert done.exit_code in {0, 102}, done.stdout + done.stderr
    assert suse15.kernel(old) == before
    item = suse15.only()  # three runs of rpm, one session
    assert (item.caller.manager, item.outcome) == ("zypper", Outcome.DONE), (item.outcome_detail, suse15.log())
    assert {"pre", "post"} <= set(item.phases)
    assert {change.name for change in item.changes} == {"kernel-default", "grub2-tools", "acmed"}
    assert "went away" not in item.outcome_detail
    # The safety net finds nothing that is left to tell.
    done = suse15("touch -d '10 minutes ago' /usr/lib/sysimage/rpm/rpmdb.sqlite* && bootkeep catch-up --json")
    assert [one.id for one in suse15.transactions()] == [item.id], done.stdout


def test_an_rpm_that_is_told_to_be_silent_at_its_end(suse15: RpmMachine) -> None:
    """The same by hand."""
    before = suse15.kernel(suse15.built.installed)
    done = suse15(f"rpm -Uvh --noposttrans /srv/rpms/updates/kernel-default-*.rpm{UNTIL_CLOSED}")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert suse15.kernel(suse15.built.installed) == before
    item = suse15.only()
    assert (item.caller.manager, item.outcome) == ("rpm", Outcome.DONE), (item.outcome_detail, suse15.log())
    assert {"pre", "post"} <= set(item.phases)


def test_removing_the_last_good_kernel(suse15: RpmMachine) -> None:
    before = suse15.kernel(suse15.built.installed)
    done = suse15("zypper -n rm kernel-default")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert suse15.installed("kernel-default") == ""
    assert suse15.kernel(suse15.built.installed) == before
