"""The safety net as the formula installs it: its timer is in force, and Salt's beacon tells of what no hook saw."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from bootkeep.edges.store import Store
from bootkeep.lab import highstate
from bootkeep.lab.host import DisposableHost

pytestmark = pytest.mark.lab

LISTENER = """
import json, salt.config, salt.utils.event
opts = salt.config.minion_config("/etc/salt/minion")
with salt.utils.event.get_event("minion", opts=opts, listen=True) as bus:
    while True:
        event = bus.get_event(wait=5, full=True)
        for one in event["data"]["beacons"] if event and event["tag"].startswith("__beacons_return") else ():
            with open("/run/events", "a") as out:
                out.write(json.dumps(one, default=str) + "\\n")
"""


def wait(what: Callable[[], bool], *, seconds: float) -> bool:
    """Whether it became true in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if what():
            return True
        time.sleep(1)
    return what()


def test_the_beacon_of_a_masterless_minion_tells_what_no_hook_saw(lab_host: DisposableHost) -> None:
    done = highstate.run(lab_host)
    assert done.results and not done.failed, done.output[-3000:]
    assert lab_host.run(["systemctl", "is-active", "bootkeep-catch-up.timer"]).stdout.strip() == "active"
    store = Store(lab_host.path("/var/lib/bootkeep"))
    lab_host.must(["systemctl", "start", "bootkeep-catch-up.service"], timeout_s=300)  # the first look
    lab_host.write("/etc/salt/minion.d/beacons.conf", "beacons:\n  bootkeep:\n    - interval: 2\n")
    lab_host.write("/root/listen.py", LISTENER)
    lab_host.must(["systemd-run", "--unit=lab-minion", "salt-minion", "-l", "warning"])
    assert wait(lambda: lab_host.path("/run/salt/minion").is_dir(), seconds=120)
    time.sleep(5)
    lab_host.must(["systemd-run", "--unit=lab-listener", "/opt/salt/bin/python3", "-W", "ignore", "/root/listen.py"])
    time.sleep(10)  # the beacon's first look tells nothing
    known = len(store.transaction_ids())
    lab_host.must(["mv", "/etc/dpkg/dpkg.cfg.d/bootkeep", "/root/away"])
    lab_host.must(["sh", "-c", "exec dpkg -i /srv/archive/loose/hello_*-3_*.deb"])
    assert len(store.transaction_ids()) == known
    lab_host.must(["touch", "-d", "5 minutes ago", "/var/lib/dpkg/status"])  # at rest for long enough
    events = lab_host.path("/run/events")
    assert wait(lambda: events.exists() and events.read_text().strip() != "", seconds=180), lab_host.run(
        ["sh", "-c", "journalctl -u lab-minion -u lab-listener -u bootkeep-catch-up -n 60 --no-pager"]
    ).stdout
    (line,) = events.read_text().splitlines()
    event = json.loads(line)
    (item,) = [one for one in store.newest(5) if one.hook_missed]
    assert [change.name for change in item.changes] == ["hello"]
    assert "/bootkeep/" in event["tag"]  # with a master this is the event's tag
    told = event["data"]
    assert (told["id"], told["hook_missed"], told["packages"], told["names"]) == (item.id, True, 1, "hello")
    assert len(line) < 2000
