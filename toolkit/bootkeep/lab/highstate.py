"""``salt-call --local state.highstate`` three times: the plan on an untouched host, the work, and nothing left to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bootkeep.lab.host import DisposableHost

#: What a dry run must leave alone: everything that the formula or a package could write.
WATCHED = ("/etc", "/boot", "/usr", "/var/lib", "/opt/salt", "/root", "/srv")
# Salt's own cache and keys, and Python's bytecode, come with any call of Salt. grains and the job cache are below them.
_NOT_WATCHED = (
    "/var/cache",
    "/etc/salt/pki",
    "/etc/salt/minion_id",
    "/etc/salt/minion.d",
    "/srv/bootkeep",
    "/var/lib/systemd",
)


@dataclass(frozen=True, slots=True)
class Run:
    """One highstate."""

    results: dict[str, Any]  # state id -> Salt's own result
    exit_code: int
    output: str

    @property
    def changed(self) -> set[str]:
        """Names of states that changed something, or would in a dry run."""
        return {_short(key) for key, row in self.results.items() if row.get("changes") or row.get("result") is None}

    @property
    def failed(self) -> set[str]:
        """Names of states that failed."""
        return {
            f"{_short(key)}: {row.get('comment')}" for key, row in self.results.items() if row.get("result") is False
        }


@dataclass(frozen=True, slots=True)
class Highstate:
    """How the three runs went."""

    lines: tuple[str, ...]
    problems: tuple[str, ...]


def _short(key: str) -> str:
    """``module_|-id_|-name_|-function`` -> ``id``."""
    return key.split("_|-")[1] if key.count("_|-") >= 3 else key


def apply_three_times(host: DisposableHost, progress: Callable[[str], None]) -> Highstate:
    """Plan, apply, apply again; say what happened and what does not hold."""
    problems = []
    before = fingerprint(host)
    progress("salt-call --local state.highstate test=True: the plan, on the untouched host")
    plan = run(host, "test=True")
    moved = differences(before, fingerprint(host))
    if moved:
        problems.append(f"the dry run changed {len(moved)} files, first {moved[0]}")
    if plan.failed or not plan.results:
        problems.append(f"the dry run failed: {sorted(plan.failed) or plan.output[-2000:]}")
    progress("salt-call --local state.highstate: the work")
    work = run(host)
    if work.failed or not work.results:
        problems.append(f"the highstate failed: {sorted(work.failed) or work.output[-2000:]}")
    if plan.changed != work.changed:
        problems.append(f"plan and work differ in {sorted(plan.changed ^ work.changed)}")
    progress("salt-call --local state.highstate again: nothing may be left to do")
    again = run(host)
    if again.changed or again.failed:
        problems.append(f"the second run is not idle: {sorted(again.changed | again.failed)}")
    lines = (
        f"dry run      {len(plan.results)} states, {len(plan.changed)} would change, {len(moved)} files changed",
        f"first run    {len(work.results)} states, {len(work.changed)} changed, {len(work.failed)} failed",
        f"second run   {len(again.results)} states, {len(again.changed)} changed, {len(again.failed)} failed",
        *(f"DOES NOT HOLD: {problem}" for problem in problems),
    )
    return Highstate(lines, tuple(problems))


def run(host: DisposableHost, *arguments: str) -> Run:
    """One ``state.highstate``; its JSON is read, its text kept for the reader."""
    done = host.run(
        ["salt-call", "--local", "--out=json", "--retcode-passthrough", "state.highstate", *arguments], timeout_s=300
    )
    try:
        results = json.loads(done.stdout)["local"]
    except (ValueError, KeyError, TypeError):
        results = {}
    if not isinstance(results, dict):  # a list of errors: the states did not even render
        results = {}
    return Run(results, done.exit_code, done.stdout + done.stderr)


def fingerprint(host: DisposableHost) -> dict[str, str]:
    """Name, kind, mode, owner, size and time of every watched file."""
    skipped = [word for path in (*_NOT_WATCHED, "*/__pycache__") for word in ("-path", path, "-prune", "-o")]
    argv = ["find", *WATCHED, "-xdev", *skipped, "-type", "d", "-printf", r"%p\t%y %m %u %g\n", "-o"]
    # Contents by time and size (a directory's time moves with a temporary file that came and went: only its mode counts).
    argv += ["-printf", r"%p\t%y %m %u %g %s %T@ %l\n"]
    lines = host.must(argv, timeout_s=120).splitlines()
    return dict(line.split("\t", 1) for line in lines if "\t" in line)


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Paths that came, went or changed."""
    return sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
