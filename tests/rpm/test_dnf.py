"""dnf 4: recorded by the plugin; what would take the last-good kernel away is refused, with a command that works instead."""

from __future__ import annotations

import re

import pytest

from bootkeep.facts.transaction import Action, Outcome

from .conftest import RpmMachine

pytestmark = pytest.mark.lab
CARELESS = "/srv/rpms/careless/*.rpm"


def instead(text: str) -> str:
    """The command that a refusal names."""
    found = re.search(r"do this instead: +(dnf .*)", text)
    assert found, text
    return found[1]


def test_upgrade_installs_beside_and_is_recorded(el9: RpmMachine) -> None:
    old, new = el9.built.installed, el9.built.update
    before = el9.kernel(old)
    done = el9("dnf -y upgrade")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert el9.kernel(old) == before
    assert el9.kernel(new)
    item = el9.only()
    assert (item.caller.manager, item.outcome) == ("dnf", Outcome.DONE), (item.outcome_detail, el9.log())
    assert {"pre", "post"} <= set(item.phases)
    assert len(item.steps) == 1
    actions = {change.name: change.action for change in item.changes}
    assert actions["kernel-core"] is Action.INSTALL
    assert actions["acmed"] is Action.UPGRADE


def test_a_local_file_is_installed_beside(el9: RpmMachine) -> None:
    before = el9.kernel(el9.built.installed)
    done = el9("cd /srv/rpms/updates && dnf -y install ./kernel-core-*.rpm")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert el9.kernel(el9.built.installed) == before
    assert el9.only().outcome is Outcome.DONE


def test_removing_the_last_good_kernel_is_refused(el9: RpmMachine) -> None:
    version = el9.installed("kernel-core")
    before = el9.kernel(el9.built.installed)
    assert el9("dnf -y upgrade").exit_code == 0
    database = el9("rpm -qa | sort").stdout
    done = el9(f"dnf -y remove kernel-core-{version} acmed")
    said = done.stdout + done.stderr
    assert done.exit_code == 1, said
    assert f"would take away the last-good kernel {el9.built.installed}" in said
    assert el9("rpm -qa | sort").stdout == database
    assert el9.kernel(el9.built.installed) == before
    refused = el9.transactions()[-1]
    assert refused.outcome is Outcome.REFUSED
    assert instead(said) == "dnf remove acmed-2.0-1.el9"
    assert el9(f"{instead(said)} -y").exit_code == 0


def test_an_override_lets_it_go(el9: RpmMachine) -> None:
    version = el9.installed("kernel-core")
    assert el9("dnf -y upgrade").exit_code == 0
    done = el9(f"dnf -y remove kernel-core-{version}", BOOTKEEP_OVERRIDE="the new one is proven elsewhere")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert f"boot/vmlinuz-{el9.built.installed}" not in el9.kernel(el9.built.installed)
    item = el9.transactions()[-1]
    assert item.override is not None
    assert item.override.reason == "the new one is proven elsewhere"


def test_a_kernel_that_forgot_to_say_that_it_stays_beside(el9: RpmMachine) -> None:
    """dnf would upgrade it: erase the old one. The command that the refusal names installs it beside."""
    old, new = el9.built.installed, el9.built.careless
    before = el9.kernel(old)
    done = el9(f"dnf -y --allowerasing upgrade {CARELESS}")
    said = done.stdout + done.stderr
    assert done.exit_code == 1, said
    assert "upgrading kernel-core" in said
    assert el9.kernel(old) == before
    assert not el9.kernel(new)
    assert el9.only().outcome is Outcome.REFUSED
    done = el9(instead(said))
    assert done.exit_code == 0, done.stdout + done.stderr
    assert el9.kernel(old) == before
    assert el9.kernel(new)


def test_a_limit_that_pushes_the_last_good_kernel_out(el9: RpmMachine) -> None:
    old = el9.built.installed
    assert el9("dnf -y upgrade").exit_code == 0
    before = el9.kernel(old)
    named = "--setopt=installonlypkgs=kernel,kernel-core,kernel-modules"
    done = el9(f"dnf -y --setopt=installonly_limit=2 {named} install {CARELESS}")
    said = done.stdout + done.stderr
    assert done.exit_code == 1, said
    assert f"would take away the last-good kernel {old}" in said
    assert "--setopt=installonly_limit=0" in instead(said)
    assert el9.kernel(old) == before


def test_installonly_limit_one(el9: RpmMachine) -> None:
    old = el9.built.installed
    before = el9.kernel(old)
    (el9.root / "etc/dnf/dnf.conf").write_text("[main]\ninstallonly_limit=1\n")
    done = el9("dnf -y upgrade")
    assert el9.kernel(old) == before, done.stdout + done.stderr
    print(done.exit_code, (done.stdout + done.stderr)[-400:])


def test_a_refusal_costs_no_download_and_an_unanswered_question_is_none(el9: RpmMachine) -> None:
    done = el9(f"dnf --assumeno --allowerasing upgrade {CARELESS}")
    assert "REFUSED" not in done.stdout + done.stderr
    assert not el9.transactions()


def test_without_plugins_the_triggers_keep_the_kernel(el9: RpmMachine) -> None:
    before = el9.kernel(el9.built.installed)
    done = el9(f"dnf -y --noplugins --allowerasing upgrade {CARELESS}")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert el9.kernel(el9.built.installed) == before
    item = el9.only()
    assert item.caller.manager == "dnf"
    assert {"pre", "post"} <= set(item.phases)
    assert "is put back" in item.outcome_detail


def test_a_broken_plugin_does_not_stop_dnf(el9: RpmMachine) -> None:
    (el9.root / "usr/lib/bootkeep/rpm-hook").write_text("#!/bin/sh\nexit 3\n")
    assert el9("dnf -y upgrade acmed").exit_code == 0
    (el9.root / "usr/lib/bootkeep/dnf_plugin.py").write_text("import nothing_like_this\n")
    assert el9("dnf -y reinstall acmed").exit_code == 0


def test_a_quiet_dnf_still_says_no_go(el9: RpmMachine) -> None:
    done = el9("dnf -q -y upgrade acmed")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert done.stderr.count("NO-GO") == 1, done.stderr
    done = el9("dnf -y reinstall acmed")
    assert done.stderr.count("NO-GO") == 1, done.stderr
