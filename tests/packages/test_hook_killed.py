"""kill -9 at any moment, a mount that never answers, a worker that outlives apt: nothing is lost but the moment's reading."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest

import hung_filesystem
from bootkeep.facts.reading import Status
from bootkeep.facts.transaction import Outcome

from .conftest import Machine

pytestmark = pytest.mark.lab

SEED = 20261123
POINTS = 50
#: Longer than a hook takes here, so that some of them end before they are killed.
LATEST_S = 0.9

KILLED = """#!/bin/sh
# A hook that is killed: the process that the shim started, its worker, or both.
read delay whom </run/kill
/usr/bin/python3 "$@" &
hook=$!
sleep "$delay"
worker=$(cat /proc/$hook/task/$hook/children 2>/dev/null)
case $whom in hook) kill -9 $hook ;; worker) kill -9 $worker ;; both) kill -9 $hook $worker ;; esac 2>/dev/null
wait $hook
"""

LOOP = """
while read delay whom command; do
    echo "$delay $whom" >/run/kill
    sh -c "$command" >/tmp/out 2>&1
    echo "$? $delay $whom $command"
done </opt/points
"""


def test_fifty_kills_during_real_transactions(machine: Machine) -> None:
    chance = random.Random(SEED)
    one, two = machine.deb("kappa", "1"), machine.deb("kappa", "2")
    # On a fast machine a hook is over before most of the points: they are spread over what one takes here.
    latest = min(LATEST_S, machine(f"dpkg -i {one}").seconds / 2)
    lines = []
    for number in range(POINTS):
        path = (one, two)[number % 2]
        command = f"apt-get -qqy --allow-downgrades install {path}" if number % 3 == 0 else f"dpkg -i {path}"
        lines.append(f"{chance.uniform(0.0, latest):.3f} {chance.choice(('hook', 'worker', 'both'))} {command}")
    (machine.root / "opt/points").write_text("".join(f"{line}\n" for line in lines))
    program = machine.root / "usr/local/bin/killed"
    program.write_text(KILLED)
    program.chmod(0o755)
    for shim in ("apt-hook", "dpkg-hook"):
        machine.shim(shim, PYTHON="/usr/local/bin/killed")
    done = machine(LOOP, timeout_s=240)
    print(f"seed {SEED}, points within {latest:.2f} s; exit code, seconds, who, what:\n{done.stdout}")
    said = done.stdout.splitlines()
    assert len(said) == POINTS, done.stderr
    # The exit code is the package manager's own, and what it installed is there.
    assert [line for line in said if not line.startswith("0 ")] == []
    assert machine.state("kappa") == "ii 2"
    # Every record is readable, and so is every snapshot that it says there is.
    items = machine.transactions()
    assert len(items) > POINTS // 3
    for item in items:
        for phase in item.phases:
            assert machine.store.load_snapshot(item.id, phase).readings
    cut_off = [item for item in items if item.phases != ("pre", "post")]
    assert len(cut_off) > POINTS // 10, "the points never hit a hook at work"
    # The next transaction closes what was left open, as interrupted.
    for shim in ("apt-hook", "dpkg-hook"):
        machine.shim(shim)
    assert machine("dpkg -P kappa").exit_code == 0
    items = machine.transactions()
    assert {item.outcome for item in items} <= {Outcome.DONE, Outcome.INTERRUPTED, Outcome.FAILED}
    assert items[-1].outcome is Outcome.DONE


def test_a_mount_that_never_answers_costs_its_own_reads(machine: Machine) -> None:
    """What hangs is real: a FUSE file system that takes requests and never answers, as a dead NFS server does."""
    shutil.copy(Path(hung_filesystem.__file__), machine.root / "opt/hung_filesystem.py")
    (machine.root / "mnt/dead").mkdir(exist_ok=True)
    (machine.root / "etc/sudoers.d").mkdir(exist_ok=True)
    links = (machine.root / "etc/dead.conf", machine.root / "etc/sudoers.d/dead")
    for link in links:
        link.symlink_to("/mnt/dead/dead.conf")
    mount = "python3 /opt/hung_filesystem.py /mnt/dead >/run/hung & while ! [ -s /run/hung ]; do sleep 0.05; done"
    path = machine.deb("lambda", "1")
    started = time.monotonic()
    try:
        done = machine(
            f"{mount}\napt-get -qy install {path}; code=$?; kill %1 2>/dev/null; dpkg -P lambda; exit $code",
            LAB_DEVICES="/dev/fuse",
        )
    finally:
        for link in links:
            link.unlink()
    assert done.exit_code == 0, done.stderr
    assert time.monotonic() - started < 20
    item = machine.transactions()[0]
    assert (item.outcome, item.phases) == (Outcome.DONE, ("pre", "post")), machine.log()
    assert "recorded as" in done.stderr
    readings = machine.store.load_snapshot(item.id, "post").readings
    late = {key for key, reading in readings.items() if reading.status is Status.TIMEOUT}
    assert len(late) == 1, late
    assert "/etc/sudoers.d/" in late.pop()


def test_without_systemd_a_process_of_its_own_outlives_apt(machine: Machine) -> None:
    path = machine.deb("lambda", "1")
    # Through a pipe: a worker that kept apt's output open would hold the reader up for as long as it waits.
    who = "sleep 1; cat /proc/[0-9]*/cmdline | tr '\\0' ' '"
    started = time.monotonic()
    done = machine(f"apt-get -qy install {path} 2>&1 | cat >/tmp/out; {who}; dpkg -P lambda >/dev/null")
    assert time.monotonic() - started < 60
    assert done.stdout.count("bootkeep.hooks settle 90") == 1, done.stdout + done.stderr
    assert machine.transactions()[0].awaits == ("settled", "boot")


def test_the_worker_takes_the_settled_look(machine: Machine) -> None:
    path = machine.deb("lambda", "1")
    assert machine(f"apt-get -qy install {path}").exit_code == 0
    record = f"/var/lib/bootkeep/transactions/{machine.only().id}/record.json"
    older = f"""sed -i 's/"ended_at": "20[0-9]*-/"ended_at": "2020-/g' {record}"""
    done = machine(f"cp {record} /tmp/before; {older}; python3 -I -m bootkeep.hooks settle; dpkg -P lambda")
    assert done.exit_code == 0, done.stderr
    item = machine.transactions()[0]
    # Another boot id than ours would be another machine's: a chroot shares the kernel's.
    assert item.phases == ("pre", "post", "settled"), done.stderr + machine.log()
    assert item.awaits == ("boot",)
    assert machine.store.load_snapshot(item.id, "settled").readings
