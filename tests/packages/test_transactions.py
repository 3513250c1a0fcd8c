"""Real apt and dpkg: every transaction is seen once, whole, and its exit code is its own."""

from __future__ import annotations

import pytest

from bootkeep.facts.transaction import Action, Outcome

from .conftest import Machine

pytestmark = pytest.mark.lab


def test_apt_installs_upgrades_removes_and_purges(machine: Machine) -> None:
    conf = {"/etc/alpha.conf": "one\n"}
    one = machine.deb("alpha", "1", files=conf, conffiles=("/etc/alpha.conf",))
    two = machine.deb("alpha", "2", files={"/etc/alpha.conf": "two\n"}, conffiles=("/etc/alpha.conf",))
    wanted = [
        (f"apt-get -qy install {one}", Action.INSTALL, "", "1"),
        (f"apt-get -qy install {two}", Action.UPGRADE, "1", "2"),
        ("apt-get -qy remove alpha", Action.REMOVE, "2", ""),
        (f"apt-get -qy install {one}", Action.INSTALL, "", "1"),
        ("apt-get -qy purge alpha", Action.PURGE, "1", ""),
    ]
    for number, (command, action, old, new) in enumerate(wanted, start=1):
        done = machine(command, SUDO_USER="ada")
        assert done.exit_code == 0, done.stderr
        items = machine.transactions()
        assert len(items) == number, machine.log()
        (change,) = items[-1].changes
        assert (change.name, change.action, change.old_version, change.new_version) == ("alpha", action, old, new)
        assert items[-1].outcome is Outcome.DONE, items[-1].outcome_detail
        assert items[-1].phases == ("pre", "post")
        assert items[-1].caller.manager == "apt-get"
        assert items[-1].caller.user == "ada"
        said = [line for line in done.stderr.splitlines() if line.startswith("bootkeep")]
        assert len(said) == 1, done.stderr
        assert items[-1].id in said[0]
        assert "bootkeep" not in done.stdout
    upgrade = machine.transactions()[1].id
    assert machine.store.config_copies(upgrade, "pre")["/etc/alpha.conf"] == b"one\n"
    assert machine.store.config_copies(upgrade, "post")["/etc/alpha.conf"] == b"two\n"
    assert machine.store.load_snapshot(upgrade, "post").readings


def test_raw_dpkg_is_a_transaction_of_its_own(machine: Machine) -> None:
    one, two = machine.deb("beta", "1"), machine.deb("beta", "2")
    wanted = [
        (f"cd /opt/debs && dpkg -i {one.rsplit('/', 1)[-1]}", Action.INSTALL, "", "1"),
        (f"dpkg --install --force-all {two}", Action.UPGRADE, "1", "2"),
        (f"dpkg -i {one}", Action.DOWNGRADE, "2", "1"),
        ("dpkg -r beta", Action.REMOVE, "1", ""),
        (f"dpkg --unpack {one}", Action.INSTALL, "", "1"),
        ("dpkg --configure -a", Action.CONFIGURE, "1", "1"),
        ("dpkg -P beta", Action.PURGE, "1", ""),
    ]
    for number, (command, action, old, new) in enumerate(wanted, start=1):
        done = machine(command)
        assert done.exit_code == 0, done.stderr
        items = machine.transactions()
        assert len(items) == number, machine.log()
        (change,) = items[-1].changes
        assert (change.name, change.action, change.old_version, change.new_version) == ("beta", action, old, new)
        assert items[-1].outcome is Outcome.DONE, (command, items[-1].outcome_detail)
        assert items[-1].caller.manager == "dpkg"


@pytest.mark.parametrize(("script", "code"), [("postinst", 100), ("preinst", 100)])
@pytest.mark.parametrize("tool", ["apt-get -qy install", "dpkg -i"])
def test_a_failing_maintainer_script_is_a_failed_transaction(
    machine: Machine, script: str, code: int, tool: str
) -> None:
    name = f"gamma-{script}"
    path = machine.deb(name, "1", scripts={script: "exit 3"})
    done = machine(f"{tool} {path}")
    assert done.exit_code == (code if tool.startswith("apt") else 1)
    item = machine.only()
    assert item.outcome is Outcome.FAILED
    assert name in item.outcome_detail
    assert "FAILED" in done.stderr
    machine(f"dpkg --force-all -P {name}", DPKG_FRONTEND_LOCKED="1")


def test_another_hooks_veto_leaves_no_orphan(machine: Machine) -> None:
    path = machine.deb("delta", "1")
    (machine.root / "etc/apt/apt.conf.d/zz-other").write_text('DPkg::Pre-Install-Pkgs:: "exit 7";\n')
    try:
        done = machine(f"apt-get -qy install {path}")
    finally:
        (machine.root / "etc/apt/apt.conf.d/zz-other").unlink()
    assert done.exit_code == 100
    assert machine.only().outcome is Outcome.OPEN
    assert machine(f"apt-get -qy install {path}").exit_code == 0
    first, second = machine.transactions()
    assert first.outcome is Outcome.INTERRUPTED
    assert "nothing was changed" in first.outcome_detail
    assert second.outcome is Outcome.DONE
    machine("dpkg -P delta", DPKG_FRONTEND_LOCKED="1")


def test_doubled_hooks_make_one_step(machine: Machine) -> None:
    path = machine.deb("epsilon", "1")
    twice = (machine.root / "etc/apt/apt.conf.d/zz-bootkeep").read_text()
    (machine.root / "etc/apt/apt.conf.d/zy-other").write_text(twice)
    done = machine(f"apt-get -qy install {path}")
    assert done.exit_code == 0
    item = machine.only()
    assert len(item.steps) == 1
    assert item.outcome is Outcome.DONE
    assert done.stderr.count("bootkeep:") == 1
    machine("dpkg -P epsilon", DPKG_FRONTEND_LOCKED="1")


def test_unattended_upgrades_steps_are_one_session(machine: Machine) -> None:
    old = [machine.deb(name, "1") for name in ("zeta", "eta", "theta")]
    assert machine(f"dpkg -i {' '.join(old)}", DPKG_FRONTEND_LOCKED="1").exit_code == 0
    for name in ("zeta", "eta", "theta"):
        machine.deb(name, "2")
    for path in old:
        (machine.root / path[1:]).unlink()
    (machine.root / "etc/apt/apt.conf.d/zy-other").write_text(
        'Unattended-Upgrade::Origins-Pattern:: "site=";\nUnattended-Upgrade::MinimalSteps "true";\n'
        'Unattended-Upgrade::Allow-APT-Mark-Fallback "true";\n'
    )
    script = """
        cd /opt/debs && apt-ftparchive packages . >Packages
        printf 'Origin: bootkeep-lab\nLabel: bootkeep-lab\nSuite: lab\nCodename: lab\n' >/tmp/head
        (cat /tmp/head; apt-ftparchive release .) >Release
        apt-get -q update && unattended-upgrade -v
    """
    (machine.root / "etc/apt/apt.conf.d/00-other").write_text(
        '#clear Unattended-Upgrade::Origins-Pattern;\nUnattended-Upgrade::Origins-Pattern:: "origin=bootkeep-lab";\n'
    )
    (machine.root / "etc/apt/apt.conf.d/zy-other").write_text(
        'Unattended-Upgrade::Origins-Pattern:: "origin=bootkeep-lab";\nUnattended-Upgrade::MinimalSteps "true";\n'
    )
    done = machine(script, timeout_s=120)
    assert done.exit_code == 0, done.stderr + done.stdout
    assert machine.state("zeta") == "ii 2", done.stdout + done.stderr
    item = machine.only()
    assert {change.name for change in item.changes} == {"zeta", "eta", "theta"}
    assert len(item.steps) == 3
    assert all(step.ended_at for step in item.steps)
    assert item.outcome is Outcome.DONE, item.outcome_detail
    assert item.caller.manager.startswith("unattended-upgrade")
    machine("dpkg -P zeta eta theta", DPKG_FRONTEND_LOCKED="1")


def test_other_roots_and_dry_runs_are_not_ours(machine: Machine) -> None:
    path = machine.deb("iota", "1")
    machine(
        "mkdir -p /tmp/other/var/lib/dpkg/info /tmp/other/var/lib/dpkg/updates; : >/tmp/other/var/lib/dpkg/status;"
        f"dpkg --root=/tmp/other --force-all -i {path}; dpkg --no-act -i {path}; apt-get -s install {path}"
    )
    assert [item.caller.command for item in machine.transactions()] == []
