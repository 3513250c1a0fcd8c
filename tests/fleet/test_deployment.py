"""A master set up as docs/how-to/run-a-fleet.md says, on a host with systemd, a minion beside it; used, and taken away again."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bootkeep.edges.store import Store
from bootkeep.lab.fleet_hosts import minion_since
from bootkeep.lab.highstate import differences, fingerprint
from bootkeep.lab.host import DisposableHost
from conftest import CHECKOUT

pytestmark = pytest.mark.lab

NAME = "master1"
_PROGRAMS = {"salt": "salt_main", "salt-run": "salt_run", "salt-master": "salt_master", "salt-minion": "salt_minion"}
_UNIT = """[Unit]
Description=Salt {kind}
StartLimitIntervalSec=0

[Service]
ExecStart=/opt/salt/bin/python3 /usr/bin/salt-{kind}
KillMode=control-group
Restart=always

[Install]
WantedBy=multi-user.target
"""
_MASTER = {
    "interface": "127.0.0.1", "user": "root", "auto_accept": True, "worker_threads": 3,
    "file_roots": {"base": ["/srv/bootkeep/salt"]}, "pillar_roots": {"base": ["/srv/own", "/srv/bootkeep/pillar"]},
}  # fmt: skip
_MINION = {"id": NAME, "master": "127.0.0.1", "acceptance_wait_time": 1, "random_reauth_delay": 1}
_PILLAR = {"bootkeep": {"lookup": {"delivery": {"enabled": True}}, "policy": {"hook_deadline_s": 30}}}
#: What stays, and is said to stay: the records of the host, the store of the fleet, and the hooks' log.
_RECORDS = ("/var/lib/bootkeep/", "/var/lib/bootkeep-fleet/", "/var/log/bootkeep/")
#: What Salt itself and the package manager write while they work.
_THEIRS = re.compile(r"/(etc/salt/|var/lib/(dpkg|apt|systemd|pam|ucf)/|opt/salt/.*/__pycache__|etc/ld\.so\.cache)")


def _salt_python_with_the_fleets_extra(host: DisposableHost) -> None:
    """As ``pip install --require-hashes -r requirements/master.txt`` leaves it: the same packages, from this checkout's Python."""
    site = next(host.path("/opt/salt/lib").glob("python3.*")) / "site-packages"
    names = re.findall(r"(?m)^([a-z0-9_.-]+)(?:\[\w+\])?==", (CHECKOUT / "requirements/master.txt").read_text())
    for name in names:
        found = importlib.metadata.distribution(name)
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in {"..", "__pycache__"}}:
            source = Path(str(found.locate_file(top)))
            if source.exists() and not (site / top).exists():
                (shutil.copytree if source.is_dir() else shutil.copy)(source, site / top)
    for program, function in _PROGRAMS.items():
        text = f"#!/opt/salt/bin/python3\nimport sys\nfrom salt.scripts import {function}\nsys.exit({function}())\n"
        host.write(f"/usr/bin/{program}.new", text, mode=0o755)
        host.must(["mv", f"/usr/bin/{program}.new", f"/usr/bin/{program}"])


@pytest.fixture(scope="module")
def host(lab_host: DisposableHost) -> Iterator[DisposableHost]:
    """A master and its own minion, running; nothing of bootkeep is there but the file server's folder."""
    _salt_python_with_the_fleets_extra(lab_host)
    lab_host.must(["sh", "-c", "ip link set lo up; hostname " + NAME])
    lab_host.write("/srv/own/top.sls", "base: {'*': [bootkeep, own]}\n")
    lab_host.write("/srv/own/own.sls", json.dumps(_PILLAR))
    for kind, options in (("master", _MASTER), ("minion", _MINION)):
        lab_host.write(f"/etc/salt/{kind}", json.dumps(options))
        lab_host.write(f"/etc/systemd/system/salt-{kind}.service", _UNIT.format(kind=kind))
    lab_host.must(["sh", "-c", "mkdir -p /etc/salt/master.d /etc/salt/minion.d; systemctl daemon-reload"])
    lab_host.must(["systemctl", "enable", "--now", "salt-master"])
    lab_host.must(["systemctl", "enable", "--now", "salt-minion"])
    answers(lab_host)
    yield lab_host


def answers(host: DisposableHost) -> None:
    """The minion is there."""
    until = time.monotonic() + 180
    while time.monotonic() < until:
        done = host.run(["salt", "-t", "10", "*", "test.ping", "--out=json", "--static"], timeout_s=60)
        if done.exit_code == 0 and '"master1": true' in done.stdout:
            return
    log = host.run(["sh", "-c", "tail -n 20 /var/log/salt/master /var/log/salt/minion"]).stdout
    pytest.fail(f"{done.stdout}\n{done.stderr}\n{log}")


def states(host: DisposableHost, *words: str) -> dict[str, dict[str, Any]]:
    """A state run by the master: answers by state id."""
    done = host.run(["salt", "-t", "300", "*", *words, "--out=json", "--static"], timeout_s=400)
    rows = json.loads(done.stdout)[NAME]
    assert isinstance(rows, dict), rows
    return {key.split("_|-")[1]: row for key, row in rows.items()}


def good(rows: dict[str, dict[str, Any]]) -> None:
    """Every state did what it had to."""
    assert rows and {key: row["comment"] for key, row in rows.items() if row["result"] is not True} == {}


def digests(host: DisposableHost) -> dict[str, str]:
    """sha256 of the system's configuration and boot files."""
    lines = host.must(["find", "/etc", "/boot", "-xdev", "-type", "f", "-exec", "sha256sum", "{}", "+"]).splitlines()
    return {path: digest for digest, _, path in (line.partition("  ") for line in lines)}


def speaking(host: DisposableHost) -> set[str]:
    """Files of the system that name us. Salt's own folders are among them, which a fingerprint leaves out."""
    return set(
        host.run(["sh", "-c", "grep -rIil bootkeep /etc /boot /usr/bin /usr/sbin /usr/lib/systemd"]).stdout.split()
    )


def wait(what: Callable[[], object], seconds: float = 120.0) -> None:
    """Until it is true."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, f"not within {seconds:.0f} s"
        time.sleep(0.5)


def test_set_up_used_and_taken_away(host: DisposableHost) -> None:
    """The how-to from its beginning to its end."""
    before, contents, spoke = fingerprint(host), digests(host), speaking(host)
    host.must(["salt", "*", "saltutil.sync_all", "--out=quiet"])
    since = minion_since(host)
    good(states(host, "state.highstate"))
    wait(lambda: minion_since(host) != since)  # the state of the delivery starts it anew
    answers(host)

    # The master's side: its state, what it loads, its schema, and a start.
    good(states(host, "state.apply", "bootkeep.master"))
    assert {key for key, row in states(host, "state.apply", "bootkeep.master").items() if row["changes"]} == set()
    for verb in ("saltutil.sync_engines", "saltutil.sync_runners"):
        host.must(["salt-run", verb])
    host.must(["bootkeep", "fleet", "init"])
    host.must(["systemctl", "restart", "salt-master"])
    answers(host)

    # A transaction, from dpkg to the page of its report, by what the state has configured and nothing else.
    host.must(["sh", "-c", "dpkg -i /srv/archive/loose/hello_*-3_*.deb"])
    store = Store(host.path("/var/lib/bootkeep"))
    (id,) = store.transaction_ids()
    wait(lambda: store.is_delivered(id))
    (row,) = json.loads(host.must(["salt-run", "bootkeep.transactions", NAME, "--out=json"]))
    assert (row["id"], row["outcome"]) == (id, "done")
    wait(lambda: json.loads(host.must(["salt-run", "bootkeep.transactions", NAME, "--out=json"]))[0]["summary"])
    assert NAME in host.must(["bootkeep", "fleet", "status"])
    assert host.run(["bootkeep", "fleet", "verify"]).exit_code == 0

    # Looks that an administrator asks for: by the runner, and by the orchestration out of the file server.
    asked = json.loads(host.must(["salt-run", "bootkeep.capture", "*", "reason=before the move", "--out=json"]))
    assert asked["captures"] == {NAME: "done"}
    snapshots = host.path("/var/lib/bootkeep/manual")
    assert len(list(snapshots.glob("*.json"))) == 1
    time.sleep(1)  # they are named by the second
    host.must(["salt-run", "state.orchestrate", "orch.bootkeep.snapshot_all", 'pillar={"tgt": "*"}'])
    assert len(list(snapshots.glob("*.json"))) == 2

    # And away with it.
    host.must(["dpkg", "-P", "hello"])
    wait(lambda: all(store.is_delivered(one) for one in store.transaction_ids()))
    records = sorted(store.transaction_ids())
    good(states(host, "state.apply", "bootkeep.master.clean"))
    good(states(host, "state.apply", "bootkeep.clean"))
    same = {path for path, digest in digests(host).items() if contents.get(path) == digest}  # written anew, as it was
    left = [path for path in differences(before, fingerprint(host)) if path not in same and not _THEIRS.match(path)]
    left = [path for path in left if not f"{path}/".startswith(_RECORDS) and not path.startswith(_RECORDS)]
    print("left:", *left, sep="\n  ")
    assert sorted(store.transaction_ids()) == records
    assert host.path("/var/lib/bootkeep-fleet/fleet.sqlite").exists()
    named = sorted(speaking(host) - spoke)
    assert (left, named) == ([], [])
    # Both go on without it.
    host.must(["systemctl", "restart", "salt-master", "salt-minion"])
    answers(host)
    host.must(["sh", "-c", "dpkg -i /srv/archive/loose/hello_*-3_*.deb"])
    assert sorted(store.transaction_ids()) == records
