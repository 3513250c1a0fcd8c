"""Transactions that replace what the hooks themselves stand on: Python, the C library, systemd, and bootkeep.

The packages are Debian's own, repacked as newer versions of themselves; apt, dpkg, systemd and Salt's Python are real.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bootkeep.edges.run import run
from bootkeep.edges.store import Store
from bootkeep.facts.finding import Verdict
from bootkeep.facts.policy import Policy
from bootkeep.facts.transaction import Outcome, Transaction
from bootkeep.flows.check import check_readings
from bootkeep.lab import highstate
from bootkeep.lab.archive import repack
from bootkeep.lab.host import DisposableHost
from conftest import CACHE

pytestmark = pytest.mark.lab

#: What is upgraded together: packages that insist on each other's exact version.
STACKS = {
    "python3": ("python3.11", "python3.11-minimal", "libpython3.11-stdlib", "libpython3.11-minimal"),
    "libc6": ("libc6", "libc-bin"),
    "systemd": ("systemd", "systemd-sysv", "libpam-systemd", "libsystemd-shared", "libsystemd0"),
}


@pytest.fixture(scope="module")
def host(lab_host: DisposableHost) -> Iterator[DisposableHost]:
    """The host with bootkeep's highstate."""
    done = highstate.run(lab_host)
    assert not done.failed, done.failed
    yield lab_host


def store(host: DisposableHost) -> Store:
    return Store(host.path("/var/lib/bootkeep"))


def last(host: DisposableHost) -> Transaction:
    items = store(host).transactions()
    assert all(isinstance(item, Transaction) for item in items), items
    item = items[-1]
    assert isinstance(item, Transaction)
    return item


def archive_of(host: DisposableHost, name: str) -> Path | None:
    """Debian's package in the version that the host has; fetched once. None when the host does not have it."""
    asked = host.run(["dpkg-query", "-W", "-f", "${Version} ${Architecture}", name])
    if asked.exit_code != 0 or len(asked.stdout.split()) != 2:  # dpkg knows its name, and nothing else
        return None
    version, architecture = asked.stdout.split()
    folder = CACHE / "debs"
    folder.mkdir(exist_ok=True)
    target = folder / f"{name}_{version.replace(':', '%3a')}_{architecture}.deb"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=folder) as work:
            os.chmod(work, 0o755)
            done = run(["apt-get", "download", f"{name}={version}"], timeout_s=120, directory=work)
            assert done.exit_code == 0, (
                f"{done.stderr}\nthe archive has moved on: build the image anew (rm -r .cache/hosts)"
            )
            shutil.move(next(Path(work).glob("*.deb")), target)
    return target


def install_here(host: DisposableHost, debs: list[Path]) -> str:
    folder = host.path("/srv/faults")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for deb in debs:
        shutil.copy(deb, folder / deb.name.replace("%3a", "."))
    done = host.run(["sh", "-c", "apt-get -qy install /srv/faults/*.deb"], timeout_s=200)
    assert done.exit_code == 0, done.stdout[-1500:] + done.stderr[-2500:]
    return done.stderr


@pytest.mark.parametrize("stack", STACKS)
def test_a_transaction_that_upgrades_what_the_hook_stands_on(host: DisposableHost, stack: str, tmp_path: Path) -> None:
    found = {name: deb for name in STACKS[stack] if (deb := archive_of(host, name)) is not None}
    debs = [repack(deb, tmp_path, suffix="+again1", pin=tuple(found)) for deb in found.values()]
    said = install_here(host, debs)
    item = last(host)
    assert {change.name for change in item.changes} == set(found)
    assert (item.outcome, item.phases) == (Outcome.DONE, ("pre", "post")), said
    assert item.id in said
    for phase in item.phases:
        assert len(store(host).load_snapshot(item.id, phase).readings) > 20
    assert isinstance(store(host).load_verdict(item.id, "post"), Verdict)


def tiny(folder: Path, name: str, postinst: str) -> Path:
    tree = folder / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    (tree / "DEBIAN").mkdir(parents=True, mode=0o755)
    control = f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: T <t@example.org>\nDescription: test\n"
    (tree / "DEBIAN/control").write_text(control)
    (tree / "DEBIAN/postinst").write_text(f"#!/bin/sh\nset -e\n{postinst}\n")
    (tree / "DEBIAN/postinst").chmod(0o755)
    target = folder / f"{name}_1_all.deb"
    done = run(["dpkg-deb", "--root-owner-group", "-b", str(tree), str(target)], timeout_s=30)
    assert done.exit_code == 0, done.stderr
    return target


def hook_python(host: DisposableHost) -> str:
    shim = host.path("/usr/lib/bootkeep/apt-hook").read_text()
    found = re.search(r"(?m)^python='(.*)'$", shim)
    assert found
    return found[1]


PIP = "{python} -m pip --isolated --disable-pip-version-check --no-cache-dir"


def test_bootkeep_is_installed_anew_while_a_transaction_is_open(host: DisposableHost, tmp_path: Path) -> None:
    pip = PIP.format(python=hook_python(host))
    wheel = "/srv/bootkeep/salt/bootkeep/files/wheels/bootkeep-*.whl"
    again = f"{pip} install --quiet --no-index --no-deps --force-reinstall --root-user-action=ignore {wheel}"
    said = install_here(host, [tiny(tmp_path, "anew", again)])
    item = last(host)
    assert (item.outcome, item.phases) == (Outcome.DONE, ("pre", "post")), said


def test_bootkeep_is_taken_away_while_a_transaction_is_open(host: DisposableHost, tmp_path: Path) -> None:
    python = hook_python(host)
    place = host.must([python, "-I", "-c", "import bootkeep, os; print(os.path.dirname(bootkeep.__file__))"]).strip()
    install_here(host, [tiny(tmp_path, "away", f"mv {place} {place}.away")])
    host.must(["mv", f"{place}.away", place])
    assert last(host).outcome is Outcome.OPEN
    host.must(["dpkg", "-P", "away"])
    items = [item for item in store(host).transactions() if isinstance(item, Transaction)]
    assert [item.outcome for item in items[-2:]] == [Outcome.INTERRUPTED, Outcome.DONE]


def test_a_hung_systemctl_costs_its_own_reading(host: DisposableHost, tmp_path: Path) -> None:
    host.write("/usr/local/sbin/systemctl", "#!/bin/sh\nexec sleep 4713\n", mode=0o755)
    try:
        started = time.monotonic()
        install_here(host, [tiny(tmp_path, "calm", "true")])
        seconds = time.monotonic() - started
        item = last(host)
        assert (item.outcome, item.phases) == (Outcome.DONE, ("pre", "post"))
        assert seconds < 60  # of 4713
        readings = store(host).load_snapshot(item.id, "post").readings
        late = {key for key, reading in readings.items() if reading.status.value == "timeout"}
        assert late
        assert all("systemctl" in key for key in late), late
        # Nothing hung stays behind, and a process of its own waits in the timer's place.
        assert host.run(["pgrep", "-f", "^sleep 4713$"]).stdout == ""
        assert host.run(["pgrep", "-fc", "bootkeep.hooks settle 90"]).stdout.strip() != "0"
    finally:
        host.path("/usr/local/sbin/systemctl").unlink()
        host.run(["pkill", "-f", "bootkeep.hooks settle 90"])


def test_the_settled_look_comes_by_a_timer_and_can_be_judged_again(host: DisposableHost) -> None:
    host.must(["apt-get", "-qy", "install", "hello"])
    item = last(host)
    assert item.awaits == ("settled", "boot")
    assert "bootkeep-settle.timer" in host.must(["systemctl", "list-timers", "--no-pager"])
    host.must(["systemctl", "start", "bootkeep-settle.service"])
    assert "settled" not in last(host).phases  # not due yet
    store(host).save_transaction(replace(item, ended_at="2026-01-01T00:00:00Z"))
    host.must(["systemctl", "start", "bootkeep-settle.service"])
    item = last(host)
    assert (item.phases, item.awaits, item.alarms) == (("pre", "post", "settled"), ("boot",), ())
    for phase in ("post", "settled"):
        verdict = store(host).load_verdict(item.id, phase)
        snapshot = store(host).load_snapshot(item.id, phase)
        assert isinstance(verdict, Verdict)
        assert check_readings(snapshot.readings, Policy(), taken_at=snapshot.taken_at).verdict == verdict


def test_after_a_boot_the_unit_takes_the_look_and_closes_what_was_cut_off(host: DisposableHost) -> None:
    item = last(host)
    earlier = replace(item.caller, boot_id="00000000-0000-0000-0000-000000000000")
    store(host).save_transaction(replace(item, caller=earlier, awaits=("settled", "boot")))
    host.must(["systemctl", "restart", "bootkeep-booted.service"])
    until = time.monotonic() + 60
    while "boot" not in last(host).phases and time.monotonic() < until:
        time.sleep(0.5)
    item = last(host)
    assert (item.phases[-1], item.awaits, item.missed) == ("boot", (), ("settled",))
