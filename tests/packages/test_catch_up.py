"""The safety net: what no hook saw is found, recorded once, explained, and repaired. Real apt and dpkg, hooks taken away."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootkeep.facts.transaction import Action, Outcome
from bootkeep.flows.report import build_report

from .conftest import Machine

pytestmark = pytest.mark.lab

HOOKS = ("etc/apt/apt.conf.d/zz-bootkeep", "etc/dpkg/dpkg.cfg.d/bootkeep")
LOOK = "python3 -I /opt/net.py 0"
#: The command line needs packages that this root does not have: the flow behind it.
NET = """
import json, sys
from bootkeep.edges.store import Store
from bootkeep.facts.policy import Policy
from bootkeep.flows.catch_up import QUIET_S, catch_up
done = catch_up(Store(), Policy(), quiet_s=float(sys.argv[1]) if sys.argv[1:] else QUIET_S, always=True)
print(json.dumps({
    "missed": [item.id for item in done.missed], "interrupted": [item.id for item in done.closed],
    "put_back": done.put_back, "complaints": done.complaints, "put_off": done.put_off,
}))
"""
#: Reads the result of the net out of a script that printed other things before.
MARK = "@@net@@"


@pytest.fixture(autouse=True)
def net(machine: Machine) -> None:
    """The net, as a program in the root."""
    (machine.root / "opt/net.py").write_text(NET)


@pytest.fixture
def unseen(machine: Machine) -> Iterator[Machine]:
    """The host with a first look, and the hooks taken away: nobody sees a transaction."""
    for name in HOOKS:
        (machine.root / name).rename(machine.root / f"{name}.away")
    yield machine
    for name in HOOKS:
        (machine.root / f"{name}.away").rename(machine.root / name)


def look(machine: Machine, before: str = "") -> dict[str, Any]:
    """Run a script, then the net; what the net says."""
    done = machine(f"{before}\necho {MARK}\n{LOOK}", timeout_s=180)
    text = done.stdout.partition(MARK)[2]
    assert text.strip(), done.stdout + done.stderr
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


def test_what_no_hook_saw_is_recorded_once_and_told_plainly(unseen: Machine) -> None:
    one, two = unseen.deb("omega", "1"), unseen.deb("omega", "2")
    assert look(unseen)["missed"] == []  # the first look at this host
    commands = [
        (f"dpkg -i {one}", Action.INSTALL, "", "1"),
        (f"apt-get -qy install {two}", Action.UPGRADE, "1", "2"),
        (f"dpkg -i {one}", Action.DOWNGRADE, "2", "1"),
        (f"sleep 2; dpkg -i {one}", Action.REINSTALL, "1", "1"),
        ("apt-get -qy purge omega", Action.REMOVE, "1", ""),
    ]
    for number, (command, action, old, new) in enumerate(commands, start=1):
        found = look(unseen, command)
        assert len(found["missed"]) == 1, (command, found)
        assert look(unseen) == {"missed": [], "interrupted": [], "put_back": [], "complaints": [], "put_off": ""}
        items = unseen.transactions()
        assert len(items) == number
        item = items[-1]
        (change,) = item.changes
        assert (change.name, change.action, change.old_version, change.new_version) == ("omega", action, old, new)
        assert (item.outcome, item.phases, item.awaits) == (Outcome.DONE, ("pre", "settled"), ("boot",))
        assert item.hook_missed
    apt = unseen.transactions()[1]
    assert (apt.caller.manager, apt.caller.command[-1]) == ("apt-get", two)
    report = build_report(unseen.store, apt.id)
    assert report.headline.startswith("HOOK MISSED")
    assert "omega 2 upgraded" in report.headline


def test_the_look_before_is_that_of_the_transaction_before(machine: Machine) -> None:
    """A hooked transaction, then one past the hooks, then a hooked one before the net looked: three records, in order."""
    alpha, beta, gamma = machine.deb("alpha", "1"), machine.deb("beta", "1"), machine.deb("gamma", "1")
    away = " && ".join(f"mv /{name} /{name}.away" for name in HOOKS)
    back = " && ".join(f"mv /{name}.away /{name}" for name in HOOKS)
    script = f"dpkg -i {alpha} && {away} && dpkg -i {beta} && {back} && sleep 1 && dpkg -i {gamma}"
    found = look(machine, script)
    assert len(found["missed"]) == 1, found
    names = [[change.name for change in item.changes] for item in machine.transactions()]
    assert names == [["alpha"], ["beta"], ["gamma"]]
    first, missed, _ = machine.transactions()
    assert missed.hook_missed and first.id in missed.hook_missed
    assert (
        machine.store.load_snapshot(missed.id, "pre").taken_at == machine.store.load_snapshot(first.id, "post").taken_at
    )
    assert look(machine)["missed"] == []
    (machine.root / "var/lib/bootkeep/accounted.json").unlink(missing_ok=True)  # an aid only
    assert look(machine)["missed"] == []
    machine("dpkg -P alpha beta gamma", DPKG_FRONTEND_LOCKED="1")


@pytest.mark.parametrize(
    ("looks", "order"),
    [
        (("post",), ["alpha", "beta", "gamma", "delta"]),
        (("pre",), ["alpha", "beta", "gamma", "delta"]),
        ((), ["alpha", "gamma", "beta", "delta"]),
    ],
)
def test_a_hook_that_died_hides_nobody_else(machine: Machine, looks: tuple[str, ...], order: list[str]) -> None:
    """The one after the unseen transaction has not all of its looks: what it says of itself is told from what it does not."""
    alpha, beta, gamma, delta = (machine.deb(name, "1") for name in ("alpha", "beta", "gamma", "delta"))
    away = " && ".join(f"mv /{name} /{name}.away" for name in HOOKS)
    back = " && ".join(f"mv /{name}.away /{name}" for name in HOOKS)
    done = machine(
        f"dpkg -i {alpha} && {away} && dpkg -i {beta} && {back} && sleep 1 && dpkg -i {gamma} && dpkg -i {delta}"
    )
    assert done.exit_code == 0, done.stderr
    died = machine.transactions()[1]
    assert [change.name for change in died.changes] == ["gamma"]
    machine.store.save_transaction(replace(died, phases=looks))
    found = look(machine)
    assert len(found["missed"]) == 1 and not found["complaints"], found
    assert [[change.name for change in item.changes] for item in machine.transactions()] == [[name] for name in order]
    (missed,) = (item for item in machine.transactions() if item.hook_missed)
    assert build_report(machine.store, missed.id).headline.startswith("HOOK MISSED")
    assert look(machine)["missed"] == []
    (machine.root / "var/lib/bootkeep/accounted.json").unlink(missing_ok=True)
    assert look(machine)["missed"] == []
    machine("dpkg -P alpha beta gamma delta", DPKG_FRONTEND_LOCKED="1")


def test_it_waits_while_a_package_manager_is_at_work(unseen: Machine) -> None:
    slow = unseen.deb("slow", "1", scripts={"postinst": "touch /run/slow; while ! [ -e /run/go ]; do sleep 0.1; done"})
    assert look(unseen)["missed"] == []
    script = f"rm -f /run/slow /run/go; dpkg -i {slow} >/dev/null & while ! [ -e /run/slow ]; do sleep 0.1; done"
    script += f"\n{LOOK} >/run/during; touch /run/go; wait"
    found = look(unseen, script)
    during = json.loads((unseen.root / "run/during").read_text())
    assert during["missed"] == [] and "at work" in during["put_off"]
    assert len(found["missed"]) == 1
    patient = unseen("dpkg -P slow >/dev/null; python3 -I /opt/net.py")
    assert "at rest" in json.loads(patient.stdout)["put_off"]
    assert look(unseen)["missed"]


def test_a_killed_net_tells_nothing_twice_and_loses_nothing(unseen: Machine) -> None:
    """kill -9 at 20 points of the net's own work; afterwards one record, whole."""
    assert look(unseen)["missed"] == []
    chance = random.Random(5)
    path = unseen.deb("omega", "7")
    seconds = unseen(f"dpkg -i {path}; {LOOK}; dpkg -P omega; {LOOK}").seconds / 3
    before = len(unseen.transactions())
    points = " ".join(f"{chance.uniform(0.05, seconds):.2f}" for _ in range(20))
    script = f"dpkg -i {path}\nfor point in {points}; do timeout -s KILL $point {LOOK} >/dev/null; done"
    assert unseen(script, timeout_s=300).exit_code in {0, 137}
    look(unseen)
    items = unseen.transactions()[before:]
    assert [[change.name for change in item.changes] for item in items] == [["omega"]]
    for phase in items[0].phases:
        assert unseen.store.load_snapshot(items[0].id, phase).readings
    unseen("dpkg -P omega")


def kernel(machine: Machine, version: str) -> str:
    """A kernel package by its files: image and modules of one release."""
    release = "9.9.9-lab"
    files = {f"/boot/vmlinuz-{release}": f"image {version}\n", f"/boot/initrd.img-{release}": "initramfs\n"}
    files |= {f"/usr/lib/modules/{release}/kernel/m{number}.ko": f"{number} {version}\n" for number in range(200)}
    return machine.deb("linux-image-9.9.9-lab", version, files=files)


def test_files_of_a_kept_kernel_that_vanished_come_back(unseen: Machine) -> None:
    """dpkg is killed half-way through a removal: what it had erased of the kept kernel is there again, at its own place."""
    release = "9.9.9-lab"
    assert unseen(f"dpkg -i {kernel(unseen, '1')}").exit_code == 0
    keep = f"from pathlib import Path; from bootkeep.flows.preserve import preserve_kernel; preserve_kernel(Path('/'), '{release}')"
    done = unseen(f'python3 -I -c "{keep}"')
    assert done.exit_code == 0, done.stderr
    modules = unseen.root / f"usr/lib/modules/{release}"
    before = {path: path.read_bytes() for path in sorted(modules.rglob("*.ko"))}
    assert len(before) == 200
    look(unseen)
    # What a removal that was cut off leaves behind: half of the files, and a package that is still installed.
    for path in (unseen.root / f"boot/vmlinuz-{release}", *list(before)[:120]):
        path.unlink()
    found = look(unseen)
    assert any("120 files" in line for line in found["put_back"]), found
    assert any(f"/boot/vmlinuz-{release}" in line for line in found["put_back"])
    assert {path: path.read_bytes() for path in sorted(modules.rglob("*.ko"))} == before
    assert (unseen.root / f"boot/vmlinuz-{release}").read_text() == "image 1\n"
    # Removed on purpose, and not the last-good one: it stays away.
    assert look(unseen, "dpkg -P linux-image-9.9.9-lab")["put_back"] == []
    assert not (unseen.root / f"boot/vmlinuz-{release}").exists()
    for folder in (Path("boot/bootkeep"), Path("usr/lib/bootkeep/preserved")):
        shutil.rmtree(unseen.root / folder)


def test_dpkg_killed_half_way_is_closed_and_looked_at(machine: Machine) -> None:
    """The pre hook ran, dpkg was killed in a maintainer script: the record is closed, and gets its look afterwards."""
    path = machine.deb("torn", "1", scripts={"postinst": "kill -9 $PPID; sleep 1"})
    machine(f"dpkg -i {path}")
    (item,) = machine.transactions()
    assert item.outcome is Outcome.OPEN
    found = look(machine)
    assert found["interrupted"] == [item.id]
    item = machine.only()
    assert (item.outcome, item.awaits) == (Outcome.INTERRUPTED, ("settled", "boot"))
    record = f"/var/lib/bootkeep/transactions/{item.id}/record.json"
    look(machine, f"""sed -i 's/"ended_at": "20[0-9]*-/"ended_at": "2020-/g' {record}""")
    item = machine.only()
    assert item.phases[-1] == "settled" and not item.hook_missed
    assert machine("dpkg -P --force-all torn").exit_code == 0
