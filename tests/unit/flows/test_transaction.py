"""Sessions: one process, one transaction, whatever its hooks do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bootkeep.edges import processes
from bootkeep.edges.store import Store
from bootkeep.facts.policy import Policy
from bootkeep.facts.transaction import Action, Caller, Outcome, PackageChange, Transaction
from bootkeep.flows.transaction import Answer, Request, close_orphans, close_transaction, open_transaction

POLICY = Policy()
A = PackageChange("a", "all", "1", "2", Action.UPGRADE)
B = PackageChange("b", "all", "", "1", Action.INSTALL)


def me(pid: int = 1, *, ticks: int | None = None, boot: str | None = None) -> Caller:
    """A living process: pid 1, unless told otherwise."""
    found = processes.process(pid)
    start = ticks if ticks is not None else found.start_ticks if found else 0
    return Caller("apt-get", pid, start, boot or processes.boot_id(), ("apt-get",), "")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "var/lib/dpkg/info").mkdir(parents=True)
    status(tmp_path, a="1")
    return tmp_path


def status(root: Path, state: str = "installed", **versions: str) -> None:
    """What dpkg says is installed."""
    paragraphs = (
        f"Package: {name}\nStatus: install ok {state}\nArchitecture: all\nVersion: {version}\n"
        for name, version in versions.items()
    )
    (root / "var/lib/dpkg/status").write_text("\n".join(paragraphs))


def store(root: Path) -> Store:
    return Store(root / "var/lib/bootkeep")


def only(root: Path) -> Transaction:
    (item,) = store(root).transactions()
    assert isinstance(item, Transaction)
    return item


def pre(root: Path, *changes: PackageChange, caller: Caller | None = None) -> Answer:
    request = Request(caller or me(), changes, {})
    return open_transaction(request, store=store(root), policy=POLICY, root=root, deadline_s=2.0)


def post(root: Path, caller: Caller | None = None) -> Answer:
    return close_transaction(
        Request(caller or me(), (), {}), store=store(root), policy=POLICY, root=root, deadline_s=2.0
    )


def test_a_pair_is_a_transaction(root: Path) -> None:
    assert pre(root, A) == Answer()
    assert only(root).outcome is Outcome.OPEN
    status(root, a="2")
    answer = post(root)
    item = only(root)
    assert (item.outcome, item.phases, item.changes) == (Outcome.DONE, ("pre", "post"), (A,))
    assert item.id in answer.text
    assert "\n" not in answer.text
    assert post(root) == Answer()


def test_steps_of_one_process_are_one_transaction(root: Path) -> None:
    for _ in range(2):
        pre(root, A)
    status(root, a="2")
    post(root)
    first = store(root).load_snapshot(only(root).id, "pre")
    for _ in range(2):
        pre(root, B)
    assert only(root).outcome is Outcome.OPEN
    status(root, a="2", b="1")
    post(root)
    item = only(root)
    assert [step.changes for step in item.steps] == [(A,), (B,)]
    assert item.outcome is Outcome.DONE
    assert store(root).load_snapshot(item.id, "pre") == first


def test_a_failed_step_is_told_once_and_healed_by_a_later_one(root: Path) -> None:
    pre(root, A)
    status(root, a="2", state="half-configured")
    assert "FAILED: a is left half-configured" in post(root).text
    repair = replace(A, action=Action.CONFIGURE, old_version="2")
    pre(root, repair)
    status(root, a="2")
    post(root)
    item = only(root)
    assert (item.outcome, item.outcome_detail) == (Outcome.DONE, "")


def test_a_process_that_lives_on_starts_a_new_one_later(root: Path) -> None:
    pre(root, A)
    status(root, a="2")
    post(root)
    store(root).save_transaction(replace(only(root), ended_at="2020-01-01T00:00:00Z"))
    pre(root, B)
    assert len(store(root).transactions()) == 2


def test_another_process_is_another_transaction(root: Path) -> None:
    pre(root, A)
    pre(root, B, caller=me(ticks=12345))
    assert len(store(root).transactions()) == 2


@pytest.mark.parametrize(
    "gone", [{"pid": 2**22 - 1, "ticks": 1}, {"ticks": 1}, {"boot": "00000000-0000-0000-0000-000000000000"}]
)
@pytest.mark.parametrize("unpacked", [False, True])
def test_a_gone_process_is_closed_as_interrupted(root: Path, gone: dict[str, int | str], unpacked: bool) -> None:
    caller = me(**gone)  # type: ignore[arg-type]
    pre(root, A, caller=caller)
    if unpacked:
        status(root, a="2")
    (closed,) = close_orphans(store(root), root=root)
    assert closed.outcome is Outcome.INTERRUPTED
    assert ("nothing was changed" in closed.outcome_detail) is not unpacked
    assert closed.ended_at
    assert only(root) == closed
    assert close_orphans(store(root), root=root) == ()


def test_a_living_process_is_left_alone(root: Path) -> None:
    pre(root, A)
    assert close_orphans(store(root), root=root) == ()
    assert only(root).outcome is Outcome.OPEN


def test_a_post_without_a_pre_is_recorded_and_says_so(root: Path) -> None:
    answer = post(root)
    item = only(root)
    assert item.phases == ("post",)
    assert "no snapshot from before" in item.outcome_detail
    assert item.id in answer.text


def test_a_damaged_status_is_no_success(root: Path) -> None:
    pre(root, A)
    (root / "var/lib/dpkg/status").write_text("garbage")
    post(root)
    assert only(root).outcome is Outcome.FAILED


def test_a_plan_that_was_not_understood_is_kept_as_such(root: Path) -> None:
    request = Request(me(), (), {}, not_understood="the plan could not be read: x")
    answer = open_transaction(request, store=store(root), policy=POLICY, root=root, deadline_s=2.0)
    assert "did not judge" in answer.text
    post(root)
    assert "the plan could not be read" in only(root).outcome_detail
