"""What causes a look at a host: its start after a reboot, a transaction that no hook saw, an administrator's event, orchestration.

Each is done on the real daemons of ``make fleet-demo``; what comes of it is looked at on the host and in the master's store.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from bootkeep.facts.errors import BootkeepError
from bootkeep.fleet.store import FleetStore
from bootkeep.flows.catch_up import QUIET_S
from bootkeep.lab.claims import Chapter
from bootkeep.lab.demonstration import Progress
from bootkeep.lab.fleet_hosts import FleetHost, until_they_answer
from bootkeep.lab.salt_daemons import Fleet

#: A package manager whose hooks are not asked, on the kind of host that has it: before, the transaction, after.
_UNSEEN = {
    "deb": (
        "mv /etc/dpkg/dpkg.cfg.d/*bootkeep* /root/",
        "dpkg -i /srv/archive/loose/hello_*-3_*.deb",
        "mv /root/*bootkeep* /etc/dpkg/dpkg.cfg.d/",
    ),
    "el": ("true", "rpm -e --notriggers acmed", "true"),
    "sles": ("true", "rpm -e --notriggers acmed", "true"),
}
_PATIENCE_S = 240.0


def start_missed(hosts: dict[str, FleetHost], say: Progress) -> dict[str, float]:
    """Change a package behind the hooks' back on one host; its name, and when that was."""
    name, host = next(iter(hosts.items()))
    before, command, after = _UNSEEN[host.family.prefix]
    say(f"{name}: {command}, with the hooks out of the way")
    host.host.must(["sh", "-c", before])
    try:
        host.host.must(["sh", "-c", command])
    finally:
        host.host.must(["sh", "-c", after])
    return {name: time.monotonic()}


def captures(
    fleet: Fleet, hosts: dict[str, FleetHost], database: FleetStore, missed: dict[str, float], say: Progress
) -> Chapter:
    """Everything that makes a host be looked at."""
    chapter = Chapter("captures: what makes a host be looked at")
    rebooted = [name for name in hosts if name not in missed] or list(hosts)
    _after_a_reboot(fleet, {name: hosts[name] for name in rebooted}, database, chapter, say)
    _by_an_event(fleet, list(hosts), database, chapter, say)
    for name, since in missed.items():
        _missed(hosts[name], since, database, chapter, say)
    _by_orchestration(fleet, hosts, chapter, say)
    return chapter


def _until(what: Callable[[], Any], seconds: float = _PATIENCE_S) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := what():
            return found
        time.sleep(0.5)
    return None


def _after_a_reboot(
    fleet: Fleet, hosts: dict[str, FleetHost], database: FleetStore, chapter: Chapter, say: Progress
) -> None:
    """The minion's start makes the reactor ask; what the host finds is compared with the state before the transaction."""
    before = {name: (database.host(name), host.store.transaction_ids()[-1]) for name, host in hosts.items()}
    asked = max((row.number for row in database.captures()), default=0)
    for name, host in hosts.items():
        say(f"{name}: reboot")
        host.host.start_again()
    until_they_answer(fleet, list(hosts))
    for name in hosts:
        known, id = before[name]
        row = _until(lambda name=name: _boot_capture(database, name, asked))  # type: ignore[misc]
        said = f"{row.state}: {row.detail}" if row else "nobody asked"
        chapter.claim(
            f"{name} was rebooted: its minion's start caused a capture", bool(row) and row.state == "done", said
        )
        report = _until(lambda name=name, id=id: _boot_report(database, name, id))  # type: ignore[misc]
        words = f"{report.phases[0]} against {report.phases[1]}: {report.headline}" if report else "no report of it"
        chapter.claim(
            f"{name}: the report of {id} compares the boot with the state before the transaction", bool(report), words
        )
        now = database.host(name)
        moved = bool(known and now and known.boot_id and now.boot_id != known.boot_id)
        chapter.claim(f"{name}: the master knows that this is another boot", moved)


def _boot_capture(database: FleetStore, name: str, after: int) -> Any:
    for row in database.captures():
        if row.host == name and row.reason == "boot" and row.number > after and row.state in {"done", "failed"}:
            return row
    return None


def _boot_report(database: FleetStore, name: str, id: str) -> Any:
    report = database.report(name, id)
    return report if report is not None and report.phases[1] == "boot" else None


def _missed(host: FleetHost, since: float, database: FleetStore, chapter: Chapter, say: Progress) -> None:
    """The safety net finds it, its record arrives, and the reactor has the host looked at."""
    wait = QUIET_S + 3 - (time.monotonic() - since)
    if wait > 0:
        say(f"{host.name}: the package database has to be at rest for {QUIET_S:.0f} s")
        time.sleep(wait)
    host.host.run(["systemctl", "start", "bootkeep-catch-up.service"], timeout_s=300)
    found = _until(lambda: next((row for row in database.alerts() if row.kind == "hook-missed"), None), 120)
    chapter.claim(
        f"{host.name}: a transaction that no hook saw is on the master", bool(found), found.text if found else ""
    )
    row = _until(
        lambda: next(
            (row for row in database.captures() if row.reason.startswith("hook missed") and row.done_at), None
        ),
        120,
    )
    said = f"{row.reason}: {row.state}: {row.detail}" if row else "nobody asked"
    chapter.claim(f"{host.name}: it caused a capture", bool(row) and row.state == "done", said)


def _by_an_event(fleet: Fleet, names: list[str], database: FleetStore, chapter: Chapter, say: Progress) -> None:
    say("salt-run bootkeep.capture '*' reason='before the move' wait=False")
    done = fleet.salt_run("bootkeep.capture", "*", "reason=before the move", "wait=False", "--out=json", timeout_s=120)
    if done.exit_code != 0:
        chapter.claim("an administrator's event causes a capture", False, done.stdout + done.stderr)
        return

    def looked() -> Any:
        rows = [row for row in database.captures() if row.reason == "before the move" and row.done_at]
        return rows if len(rows) >= len(names) else None

    rows = _until(looked) or []
    said = "\n".join(f"{row.host}: {row.state}: {row.detail}" for row in rows)
    chapter.claim(
        f"an administrator's event causes a capture on {', '.join(sorted(names))}",
        sorted(row.host for row in rows if row.state == "done") == sorted(names), said,
    )  # fmt: skip


def _by_orchestration(fleet: Fleet, hosts: dict[str, FleetHost], chapter: Chapter, say: Progress) -> None:
    say("salt-run state.orchestrate orch.bootkeep.snapshot_all")
    there = {name: _manual(host) for name, host in hosts.items()}
    pillar = json.dumps({"tgt": "*", "reason": "the night of the move", "batch": "2"})
    done = fleet.salt_run(
        "state.orchestrate", "orch.bootkeep.snapshot_all", f"pillar={pillar}", "--out=json", timeout_s=300
    )
    try:
        (rows,) = json.loads(done.stdout)["data"].values()
        (row,) = rows.values()
    except (ValueError, KeyError, TypeError):
        chapter.claim("orchestration bootkeep.snapshot_all", False, (done.stdout + done.stderr)[-1500:])
        return
    new = {name: len(_manual(host)) - len(there[name]) for name, host in hosts.items()}
    chapter.claim(
        f"orchestration bootkeep.snapshot_all, two hosts at a time: result {row['result']}; new snapshots on each: {new}",
        row["result"] is True and all(count == 1 for count in new.values()), str(row.get("comment")),
    )  # fmt: skip


def _manual(host: FleetHost) -> list[str]:
    try:
        return sorted(path.name for path in (host.store.root / "manual").iterdir())
    except (OSError, BootkeepError):
        return []
