"""What no hook of rpm can see, and an rpm that is killed: the safety net finds it, and the kernel is bootable again."""

from __future__ import annotations

import json
import random

import pytest

from bootkeep.facts.transaction import Action, Outcome

from .conftest import RpmMachine

pytestmark = pytest.mark.lab
UPDATES = "/srv/rpms/updates"
CATCH_UP = "touch -d '10 minutes ago' /var/lib/rpm/rpmdb.sqlite* && bootkeep catch-up --json"
KILLS = 20
SEED = 20261125


def test_noscripts_is_found_by_the_safety_net(el9: RpmMachine) -> None:
    """rpm -U --noscripts runs no trigger; what was preserved before, by an earlier transaction or the state, is put back."""
    old = el9.built.installed
    before = el9.kernel(old)
    done = el9(f"bootkeep preserve && {CATCH_UP}")
    assert done.exit_code == 0, done.stdout + done.stderr
    done = el9(f"cd {UPDATES} && rpm -Uvh --noscripts kernel*.rpm")
    assert done.exit_code == 0, done.stderr
    assert el9.kernel(old) != before
    assert not el9.transactions()
    done = el9(CATCH_UP)
    assert done.exit_code in {0, 1}, done.stderr
    item = el9.only()
    assert item.hook_missed, done.stdout
    assert {"kernel-core", "kernel-modules"} <= {change.name for change in item.changes}
    after = el9.kernel(old)
    missing = set(before) - set(after)
    assert not missing, (missing, done.stdout, done.stderr)
    assert after == before


@pytest.mark.parametrize("point", range(KILLS))
def test_an_rpm_that_is_killed_leaves_a_kernel_that_boots(el9: RpmMachine, point: int) -> None:
    """SIGKILL at a random moment of K.D.'s command; then the safety net, as its timer starts it."""
    old = el9.built.installed
    before, first = el9.kernel(old), el9.installed("kernel-core")
    # The whole command takes about this long on this machine now: the moments spread over all of it.
    share = random.Random(SEED + point).random()
    script = f"""
cd {UPDATES}
setsid rpm -Uvh *.rpm >/tmp/out 2>&1 &
pid=$!
n=0
while [ $n -lt {int(share * 40) + 1} ] && kill -0 $pid 2>/dev/null; do sleep 0.15; n=$((n + 1)); done
kill -9 -$pid 2>/dev/null && echo killed after $n steps
wait
"""
    killed = el9(script)
    done = el9(CATCH_UP)
    said = (killed.stdout, done.stdout, done.stderr, el9.log())
    assert el9.kernel(old) == before, said
    for item in el9.transactions():
        assert item.outcome is not Outcome.OPEN, said
    if "killed" in killed.stdout and el9.installed("kernel-core") != first:
        assert any(
            item.outcome in {Outcome.INTERRUPTED, Outcome.DONE, Outcome.FAILED} or item.hook_missed
            for item in el9.transactions()
        ), said
    json.loads(done.stdout or "{}")


#: What PackageKit's daemon does: it erases by librpm, where no trigger runs at the end, and stays.
DAEMON = """
import rpm, sys, time
ts = rpm.TransactionSet()
for header in ts.dbMatch("name", sys.argv[1]):
    ts.addErase(header)
problems = ts.run(lambda *_: None, None)
ts.closeDB()
print("erased", problems, flush=True)
time.sleep(600)
"""


def test_a_daemon_that_erases_and_stays_leaves_no_open_record(el9: RpmMachine) -> None:
    """Its record is closed by the safety net though it lives on."""
    (el9.root / "tmp/daemon.py").write_text(DAEMON)
    script = f"""
python3 /tmp/daemon.py acmed >/tmp/said 2>&1 &
pid=$!
n=0
while ! grep -q erased /tmp/said && [ $n -lt 240 ]; do sleep 0.25; n=$((n + 1)); done
cat /tmp/said
grep -q '"outcome": *"open"' /var/lib/bootkeep/transactions/*/record.json && echo it is open
{CATCH_UP} --now
kill -0 $pid && echo it lives
kill $pid
"""
    done = el9(script)
    assert all(word in done.stdout for word in ("erased", "it is open", "it lives")), done.stdout + done.stderr
    assert not el9.installed("acmed")
    item = el9.only()
    assert (item.outcome, item.hook_missed) == (Outcome.DONE, ""), (item, done.stdout, el9.log())
    assert {"pre", "post"} <= set(item.phases)
    assert [(change.name, change.action) for change in item.changes] == [("acmed", Action.REMOVE)]
