"""The outbox over kill -9, and with several processes at it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from bootkeep.facts.codec import to_json
from bootkeep.facts.notice import Destination, Notice, NoticeKind
from bootkeep.fleet.outbox import Outbox, tell
from conftest import CHECKOUT
from fleet.receivers import policy_of, web

WORKER = """
import sys, time
from pathlib import Path
from bootkeep.facts.codec import from_json
from bootkeep.facts.notice import MessagePolicy, Notice, NoticeKind
from bootkeep.fleet.outbox import Outbox, tell
policy = from_json(MessagePolicy, Path(sys.argv[1]).read_text(), where="policy")
first, count = int(sys.argv[3]), int(sys.argv[4])
print("ready", flush=True)
for number in range(first, first + count):
    at, words = "2026-11-24T10:00:00Z", f"sentence {number}"
    notice = Notice(NoticeKind.WEAKENED, f"host{number}", f"key{number}", words, at, f"t{number}")
    tell(Outbox(Path(sys.argv[2])), [notice], policy, clock=time.time)
"""


def test_killed_at_random_nothing_is_lost_and_nothing_is_told_twice(tmp_path: Path) -> None:
    """kill -9 of the process that tells, 25 times. A repetition carries the id of the first, so that it is seen as one."""
    with web() as (taken, address):
        policy = policy_of(Destination("chat", "webhook", address, per_hour=100000))
        (tmp_path / "policy.json").write_text(to_json(policy))
        dice = random.Random(7)
        environment = {"PYTHONPATH": str(CHECKOUT / "toolkit"), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        killed, outbox = 0, tmp_path / "outbox.sqlite"
        for round in range(25):
            argv = [sys.executable, "-c", WORKER, str(tmp_path / "policy.json"), str(outbox), str(round * 8), "8"]
            child = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True)
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(dice.uniform(0, 0.12))
            os.kill(child.pid, signal.SIGKILL)
            killed += child.wait() == -signal.SIGKILL
            child.stdout.close()
        assert killed >= 20
        # What the source still says is noted again, as every run does; then all that waits is sent.
        every = [
            Notice(NoticeKind.WEAKENED, f"host{n}", f"key{n}", f"sentence {n}", "2026-11-24T10:00:00Z", f"t{n}")
            for n in range(200)
        ]
        tell(Outbox(outbox), every, policy, clock=lambda: time.time() + 7200)
        assert Outbox(outbox).waiting() == 0
    messages = {one["id"]: one for one in taken}  # as a receiver that knows the key sees it
    told = Counter(notice["host"] for one in messages.values() for notice in one["notices"])
    assert set(told) == {f"host{number}" for number in range(200)}
    assert set(told.values()) == {1}


def test_two_processes_at_once_send_once(tmp_path: Path) -> None:
    """A reactor and an administrator at the same moment."""
    with web() as (taken, address):
        policy = policy_of(Destination("chat", "webhook", address, per_hour=1000))
        (tmp_path / "policy.json").write_text(to_json(policy))
        environment = {"PYTHONPATH": str(CHECKOUT / "toolkit"), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        argv = [sys.executable, "-c", WORKER, str(tmp_path / "policy.json"), str(tmp_path / "o.sqlite"), "0", "15"]
        children = [subprocess.Popen(argv, env=environment, stdout=subprocess.DEVNULL) for _ in range(3)]
        assert [child.wait() for child in children] == [0, 0, 0]
        tell(Outbox(tmp_path / "o.sqlite"), [], policy, clock=lambda: time.time() + 7200)
    told = Counter(notice["host"] for one in taken for notice in one["notices"])
    assert told == {f"host{number}": 1 for number in range(15)}
