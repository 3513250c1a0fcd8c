"""The faults of ``make fleet-faults``: what is done to a master and a host while transactions happen, or right around them."""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.run import run
from bootkeep.flows.catch_up import QUIET_S
from bootkeep.lab.chroot import LabError, checked
from bootkeep.lab.fault_bench import Bench

_FAKE_CLOCK = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
#: libfaketime 0.9.10 takes an hour off the moment that a sleep by the monotonic clock ends at, although it leaves that clock alone:
#: depending on the nanoseconds the sleep is invalid (EINVAL) or none. Python sleeps so since 3.11, and its programs die of it.
_TRUE_SLEEP = """
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_nanosleep(clockid_t id, int flags, const struct timespec *asked, struct timespec *left)
{
    return syscall(SYS_clock_nanosleep, id, flags, asked, left) == 0 ? 0 : errno;
}
"""
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Fault:
    """One of them. ``play`` gets the bench and the number of transactions, and says what else there is to know."""

    title: str
    play: Callable[[Bench, int], str]
    count: int


def master_stopped(bench: Bench, count: int) -> str:
    """The master is down while transactions happen."""
    bench.fleet.master.stop()
    bench.make(count)
    bench.fleet.master.start()
    return ""


def minion_stopped(bench: Bench, count: int) -> str:
    """The minion is down while transactions happen."""
    bench.minion("stop")
    bench.make(count)
    bench.minion("start")
    return ""


def both_killed(bench: Bench, count: int) -> str:
    """SIGKILL for both at random moments, while transactions happen and are being delivered."""
    draw = random.Random(20261125)  # noqa: S311 - the same moments in every run
    master = bench.fleet.master
    for number in range(count):
        bench.make(1, pause=draw.uniform(0.0, 2.0))
        for victim in ("master", "minion") if number % 2 else ("minion", "master"):
            time.sleep(draw.uniform(0.0, 2.0))
            if victim == "minion":
                bench.minion("kill")  # systemd starts it again
            else:
                master.kill()
                master.start()
        time.sleep(draw.uniform(2.0, 12.0))
    return f"each of them {count} times"


def flooded(bench: Bench, count: int) -> str:
    """10,000 foreign events for which reactors are configured, while transactions happen."""
    events = 200 * count
    script = (
        "import sys, salt.config, salt.utils.event\n"
        "opts = salt.config.master_config(sys.argv[1])\n"
        "with salt.utils.event.get_master_event(opts, opts['sock_dir'], listen=False) as bus:\n"
        "    for number in range(int(sys.argv[2])):\n"
        "        bus.fire_event({'n': number}, 'bootkeep/work')\n"
    )
    configuration = str(bench.fleet.master.configuration / "master")
    bench.make(count // 2)
    started = time.monotonic()
    done = run(
        [sys.executable, "-W", "ignore", "-c", script, configuration, str(events)],
        timeout_s=300, environment={"PATH": os.environ.get("PATH", os.defpath)},
    )  # fmt: skip
    checked(done, "firing foreign events")
    took = time.monotonic() - started
    bench.make(count - count // 2)
    queue = bench.fleet.master.options["reactor_worker_hwm"]
    return f"{events} foreign events in {took:.0f} s for a reactor with a queue of {queue}"


def _true_sleep(bench: Bench) -> str:
    """A library for the host that sleeps by the kernel's own clock; its path there."""
    inside = "/usr/local/lib/true-sleep.so"
    argv = ["gcc", "-shared", "-fPIC", "-o", str(bench.host.host.path(inside)), "-x", "c", "-"]
    checked(
        run(argv, timeout_s=60, input_text=_TRUE_SLEEP, environment={"PATH": os.environ.get("PATH", os.defpath)}),
        "compiling",
    )
    return inside


def clock_back(bench: Bench, count: int) -> str:
    """The clock of all that takes part on the host (dpkg, hooks, minion) goes back an hour while the minion runs."""
    if not _FAKE_CLOCK.exists():
        raise LabError(f"{_FAKE_CLOCK} is missing", where="libfaketime", next_step="Run 'make setup'.")
    host = bench.host.host
    inside = "/usr/local/lib/libfaketimeMT.so.1"
    host.path(inside).write_bytes(_FAKE_CLOCK.read_bytes())
    common = {"LD_PRELOAD": f"{_true_sleep(bench)}:{inside}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    # The minion reads the file at each call: what is written there later moves its clock while it runs.
    minion = {**common, "FAKETIME_TIMESTAMP_FILE": "/srv/clock", "FAKETIME_NO_CACHE": "1"}
    host.write("/srv/clock", "+0\n")
    lines = "".join(f"Environment={name}={value}\n" for name, value in minion.items())
    host.write("/etc/systemd/system/salt-minion.service.d/clock.conf", f"[Service]\n{lines}")
    host.must(["systemctl", "daemon-reload"])
    bench.minion("restart")
    bench.make(count // 2)
    (before,) = bench.host.store.newest(1)
    host.write("/srv/clock", "-3600\n")
    bench.make(count - count // 2, environment={**common, "FAKETIME": "-3600"})
    (after,) = bench.host.store.newest(1)
    bench.say(f"the last one before began at {before.started_at}, the last one after at {after.started_at}")
    # The settled look and the safety net come in their own time: they must take nothing for unseen.
    time.sleep(QUIET_S + 3)
    host.run(["systemctl", "start", "bootkeep-catch-up.service"], timeout_s=300)
    host.must(["rm", "/etc/systemd/system/salt-minion.service.d/clock.conf"])
    host.must(["systemctl", "daemon-reload"])
    if after.started_at >= before.started_at:
        raise LabError("the clock did not go back", where=bench.name, next_step="Look at libfaketime.")
    return "the safety net has looked, too"


def disk_full_on_master(bench: Bench, count: int) -> str:
    """The file system of the master's store is full while transactions happen, and gets room again."""
    ballast = bench.file_up(Path(bench.dsn.partition("///")[2]).parent)
    size = ballast.stat().st_size
    bench.make(count)
    time.sleep(15)
    ballast.unlink()
    return f"{size // _MIB} MiB of ballast"


def disk_full_on_host(bench: Bench, count: int) -> str:
    """The host's disk fills up: what the master has confirmed makes room, what it has not stays."""
    bench.make(6)  # something that the master has, and that may go
    first = bench.tally("")
    before = set(bench.host.store.transaction_ids())
    ballast = bench.file_up(bench.host.store.root)
    bench.make(count)
    gone = before - set(bench.host.store.transaction_ids())
    ballast.unlink()
    kept = "" if first.bad == 0 else f"{first.bad} lost or twice BEFORE the disk was full, "
    return f"{kept}{len(gone)} confirmed ones made room"


def disk_full_minion_stopped(bench: Bench, count: int) -> str:
    """The disk is full and no sender makes room: the hooks' own store has to, or else the safety net finds it later."""
    bench.minion("stop")
    known = set(bench.host.store.transaction_ids())
    ballast = bench.file_up(bench.host.store.root)
    bench.make(count)
    recorded = len(set(bench.host.store.transaction_ids()) - known)
    ballast.unlink()
    bench.minion("start")
    bench.say(f"the package database has to be at rest for {QUIET_S:.0f} s")
    time.sleep(QUIET_S + 3)
    bench.host.host.run(["systemctl", "start", "bootkeep-catch-up.service"], timeout_s=300)
    return f"{recorded} recorded by the hooks, as their store made room"


FAULTS: dict[str, Fault] = {
    "master": Fault("master stopped", master_stopped, 50),
    "minion": Fault("minion stopped", minion_stopped, 50),
    "kill": Fault("both killed -9 at random", both_killed, 20),
    "flood": Fault("reactor queue flooded", flooded, 50),
    "clock": Fault("clock set back an hour", clock_back, 20),
    "master-disk": Fault("disk full on the master", disk_full_on_master, 20),
    "host-disk": Fault("disk full on the host", disk_full_on_host, 20),
    "host-disk-alone": Fault("the same, minion stopped", disk_full_minion_stopped, 10),
}
