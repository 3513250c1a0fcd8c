"""The outbox over kill -9, and with several processes at it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from bootkeep.facts.codec import to_json
from bootkeep.facts.notice import Destination, Notice, NoticeKind
from bootkeep.fleet.outbox import Outbox, tell
from conftest import CHECKOUT
from fleet.receivers import mail_server, policy_of, smtp, web

WORKER = """
import sys, time
from pathlib import Path
import pytest

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


@contextmanager
def receiver(kind: str) -> Iterator[tuple[Destination, Callable[[], dict[str, str]]]]:
    """Where messages go, and what has come: id of the message, as a receiver tells a repetition by it, and its text."""
    if kind == "webhook":
        with web() as (taken, address):
            yield (
                Destination("to", "webhook", address, per_hour=100000),
                lambda: {one["id"]: one["text"] for one in taken},
            )
    else:
        with mail_server() as (box, address):
            texts = lambda: {str(mail["Message-ID"]): str(mail.get_content()) for _, mail in box.mails}  # noqa: E731
            yield replace(smtp(address, per_hour=100000), name="to"), texts


@pytest.mark.parametrize("kind", ["webhook", "smtp"])
def test_killed_at_random_nothing_is_lost_and_nothing_is_told_twice(kind: str, tmp_path: Path) -> None:
    """kill -9 of the process that tells, 11 times. A repetition carries the id of the first, so that it is seen as one."""
    with receiver(kind) as (destination, come):
        policy = policy_of(destination)
        (tmp_path / "policy.json").write_text(to_json(policy))
        dice = random.Random(7)
        environment = {"PYTHONPATH": str(CHECKOUT / "toolkit"), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
        killed, outbox, whole = 0, tmp_path / "outbox.sqlite", 0.0
        for round in range(12):
            argv = [sys.executable, "-c", WORKER, str(tmp_path / "policy.json"), str(outbox), str(round * 6), "6"]
            child = subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True)
            assert child.stdout is not None
            child.stdout.readline()
            started = time.monotonic()
            if not round:  # the first one lives, and says how long the work takes on this machine
                assert child.wait() == 0
                whole = time.monotonic() - started
            else:
                time.sleep(dice.uniform(0, whole))
                os.kill(child.pid, signal.SIGKILL)
                killed += child.wait() == -signal.SIGKILL
            child.stdout.close()
        assert killed >= 6
        # What the source still says is noted again, as every run does; then all that waits is sent.
        every = [
            Notice(NoticeKind.WEAKENED, f"host{n}", f"key{n}", f"sentence {n}", "2026-11-24T10:00:00Z", f"t{n}")
            for n in range(72)
        ]
        tell(Outbox(outbox), every, policy, clock=lambda: time.time() + 7200)
        assert Outbox(outbox).waiting() == 0
        texts = come()
    assert len(texts) > 6
    # The last message holds the many that nobody had written down yet, and names only the first of them: ask the outbox.
    told: Counter[str] = Counter()
    with contextlib.closing(sqlite3.connect(outbox)) as database:
        rows = database.execute(
            "SELECT notice.id, message.id FROM notice JOIN message ON message.id = notice.message"
        ).fetchall()
    known = {text.partition("@")[0].lstrip("<") for text in texts}
    for notice, message in rows:
        assert message in known  # what is marked as sent has come
        told[notice] += 1
    assert set(told) == {one.id for one in every} and set(told.values()) == {1}
    assert known == {message for _, message in rows}  # and what has come is marked


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
