"""The host's side against the master's, without Salt between them: what a spool hands out is what the intake stores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootkeep.edges import retention
from bootkeep.edges.spool import Spool
from bootkeep.edges.store import Store
from bootkeep.facts.reading import Reading, Readings, Snapshot, Status
from bootkeep.fleet.intake import Intake
from bootkeep.fleet.rows import TransactionRow
from bootkeep.fleet.store import FleetStore
from bootkeep.fleet.upkeep import Kept, collect_garbage, export, verify_store
from bootkeep.flows.delivery import ANSWER_LIMIT, answer, signed_announcement, signed_status
from bootkeep.flows.sender import Sender
from bootkeep.lab.hostile_minion import Scene
from bootkeep.lab.made_records import finish_record, make_record


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A master that accepts web1."""
    return Scene(tmp_path)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    """web1's store."""
    return Spool(Store(tmp_path / "store"))


def look(bytes: int = 1000) -> Snapshot:
    """A snapshot that does not compress well."""
    import random

    text = random.Random(1).randbytes(bytes // 2).hex()
    status = Reading(Status.OK, "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n")
    readings = {"file:/big": Reading(Status.OK, text), "file:/var/lib/dpkg/status": status}
    return Snapshot("pre", "2026-11-25T12:00:00Z", "web1", "b", Readings(readings), "1")


def deliver(scene: Scene, spool: Spool, rounds: int = 40) -> int:
    """Let both talk until nothing is left to say; how many questions that took."""
    asked = 0
    sender = Sender(spool.store, "web1", scene.keys["web1"])

    def send(tag: str, data: dict[str, str]) -> None:
        kind = scene.intake.told if tag.startswith("bootkeep/status") else scene.intake.announced
        kind(data, scene.now)

    for _ in range(rounds):
        scene.now += 5.0
        sender.look(send, scene.now)
        for question in list(scene.intake.questions(scene.now)):
            asked += 1
            request = {**question.hosts["web1"], "nonce": question.nonce}
            said = answer(spool, request, host="web1", key=scene.keys["web1"], master="m")
            assert len(said["text"]) < 1000 * 1000  # max_event_size is 1 MiB, and Salt trims without a word
            scene.intake.answered("web1", said, scene.now)
    return asked


def test_records_of_any_size_arrive_whole(scene: Scene, spool: Spool) -> None:
    """Small ones in one question with their confirmation in the next; large ones in pieces."""
    for number, size in enumerate((1000, 600_000, 3 * ANSWER_LIMIT)):
        make_record(spool.store, number, look(size))
    deliver(scene, spool)
    assert len(scene.store.records()) == 3
    assert spool.waiting() == ()
    assert verify_store(scene.store).problems == ()
    assert scene.store.refusals() == ()


def test_a_later_phase_is_another_record_of_the_same_transaction(scene: Scene, spool: Spool) -> None:
    """Pre, then post; what is there already is not sent again."""
    open_ = make_record(spool.store, 1, look(), finish=False)
    deliver(scene, spool, 3)
    assert spool.waiting() == ()
    finish_record(spool.store, open_, look())
    assert spool.waiting() == (open_.id,)
    deliver(scene, spool, 3)
    assert [row.phase for row in scene.store.records()] == ["pre", "post"]
    assert len(list(scene.store.transactions())) == 1
    assert spool.waiting() == ()


def test_a_record_that_changes_while_it_is_fetched_arrives_in_its_new_state(scene: Scene, spool: Spool) -> None:
    """The settled look comes when it comes."""
    done = make_record(spool.store, 1, look(2 * ANSWER_LIMIT))
    _tag, data = signed_announcement(spool, done.id, host="web1", key=scene.keys["web1"])
    scene.intake.announced(data, scene.now)
    question = next(scene.intake.questions(scene.now + 5))
    scene.now += 5
    request = {**question.hosts["web1"], "nonce": question.nonce}
    scene.intake.answered("web1", answer(spool, request, host="web1", key=scene.keys["web1"], master="m"), scene.now)
    spool.store.save_snapshot(done.id, "settled", replace(look(3 * ANSWER_LIMIT), phase="settled"))
    spool.store.save_transaction(replace(done, phases=("pre", "post", "settled")))
    deliver(scene, spool)
    assert scene.store.records()[-1].phase == "settled"
    assert spool.waiting() == ()


def test_a_full_disk_takes_what_was_confirmed_and_nothing_else(scene: Scene, spool: Spool) -> None:
    """And the master is told what went."""
    ids = [make_record(spool.store, number, look()).id for number in range(3)]
    deliver(scene, spool)
    ids.append(make_record(spool.store, 9, look()).id)
    ids.append(make_record(spool.store, 10, look()).id)
    assert spool.make_room(2**62) == tuple(ids[:3])
    assert spool.store.transaction_ids() == tuple(ids[3:])
    tag, data = signed_status(spool, host="web1", key=scene.keys["web1"])
    assert tag == "bootkeep/status/web1"
    assert json.loads(data["text"])["dropped"] == ids[:3]
    scene.intake.told(data, scene.now)
    assert sorted(row.id for row in scene.store.alerts() if row.kind == "spool-pruned") == ids[:3]


def test_a_kill_while_room_is_made_leaves_no_half_of_a_record(
    scene: Scene, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a record would be another record, and the sender that starts anew would put it into the place of the whole one."""
    ids = [make_record(spool.store, number, look()).id for number in range(2)]
    deliver(scene, spool)
    stored = {row.id: row.digest for row in scene.store.records()}

    def killed(place: Path) -> None:
        next(path for path in sorted(place.rglob("*")) if path.name.startswith("pre")).unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr(retention, "remove_tree", killed)
    with pytest.raises(KeyboardInterrupt):
        spool.make_room(2**62)
    deliver(scene, Spool(spool.store))
    assert {row.id: row.digest for row in scene.store.records()} == stored
    assert spool.store.transaction_ids() == (ids[1],)


def test_export_and_garbage_collection(scene: Scene, spool: Spool, tmp_path: Path) -> None:
    """Plain files that the host's own code reads; what goes is the oldest, and bodies with it."""
    for number in range(4):
        make_record(spool.store, number, look())
    deliver(scene, spool)
    assert export(scene.store, tmp_path / "copy") == 4
    assert Store(tmp_path / "copy" / "web1").transaction_ids() == spool.store.transaction_ids()
    done = collect_garbage(scene.store, Kept(transactions=1), now="2026-11-26T00:00:00Z")
    assert (done.transactions, done.hosts) == (3, ("web1",))
    assert done.bytes > 0
    assert [row.id for row in scene.store.transactions()] == [spool.store.transaction_ids()[-1]]
    assert verify_store(scene.store).problems == ()


def test_verify_finds_a_damaged_body(scene: Scene, spool: Spool) -> None:
    """A bit that flipped on the master's disk is found, not served."""
    from sqlalchemy import update

    from bootkeep.fleet.tables import BODIES

    make_record(spool.store, 1, look())
    deliver(scene, spool)
    with scene.store.engine.begin() as connection:
        connection.execute(update(BODIES).values(content=b"x"))
    assert any("damaged" in problem for problem in verify_store(scene.store).problems)


def test_verify_beside_a_master_that_works(scene: Scene, spool: Spool) -> None:
    """A state that is stored between two of its questions is no damage."""
    open_ = make_record(spool.store, 1, look(), finish=False)
    deliver(scene, spool, 3)

    class Working(FleetStore):
        def transactions(self, **wanted: Any) -> Iterator[TransactionRow]:
            if spool.waiting() == ():
                finish_record(spool.store, open_, look())
                deliver(scene, spool, 3)
            return super().transactions(**wanted)

    assert verify_store(Working(scene.store.engine)).problems == ()
    assert [row.phase for row in scene.store.records()] == ["pre", "post"]


def test_a_lost_confirmation_is_given_again_after_the_next_word_of_the_host(scene: Scene, spool: Spool) -> None:
    """The master was killed after it had stored the post; its new process knows nothing of it, and the host waits."""
    open_ = make_record(spool.store, 1, look(), finish=False)
    deliver(scene, spool, 3)
    finish_record(spool.store, open_, look())
    sender = Sender(spool.store, "web1", scene.keys["web1"])
    sender.look(lambda tag, data: None, scene.now)  # what it says now goes to a master that is being killed
    reborn = Intake(scene.store, scene.public.get)
    _tag, status = signed_status(spool, host="web1", key=scene.keys["web1"])
    reborn.told(status, scene.now)
    talk(reborn, scene, spool)
    assert spool.waiting() == ()
    assert [row.phase for row in scene.store.records()] == ["pre", "post"]


def test_a_master_that_starts_asks_what_was_announced_to_the_one_before(scene: Scene, spool: Spool) -> None:
    """Without a word of the host: its own repetition may be ten minutes away."""
    make_record(spool.store, 1, look())
    reborn = Intake(scene.store, scene.public.get)
    reborn.reconcile(["web1", "web2", "../web3"], scene.now, tries=2)
    talk(reborn, scene, spool)
    assert spool.waiting() == ()
    assert len(scene.store.records()) == 1


def test_hosts_that_are_away_when_the_master_starts_are_left_alone_soon(scene: Scene) -> None:
    """They speak for themselves when they come back; until then no job runs into the void."""
    scene.intake.reconcile(["web1", "web2"], scene.now, tries=2)
    asked = 0
    for _ in range(200):
        scene.now += 50.0
        asked += len(list(scene.intake.questions(scene.now)))
    assert asked == 2
    assert not scene.intake.busy


def test_a_minion_that_starts_is_asked_again_at_once(scene: Scene, spool: Spool) -> None:
    """It was killed with a question in its hands. The answer to that one, should it come after all, still counts."""
    made = make_record(spool.store, 1, look())
    _tag, data = signed_announcement(spool, made.id, host="web1", key=scene.keys["web1"])
    scene.intake.announced(data, scene.now)
    (lost,) = list(scene.intake.questions(scene.now))
    for _ in range(3):
        scene.intake.started("web1", scene.now + 1)
    (again,) = list(scene.intake.questions(scene.now + 1))
    assert again.nonce != lost.nonce
    # Whoever repeats that event a thousand times gets nobody asked a thousand times.
    for _ in range(1000):
        scene.intake.started("web1", scene.now + 2)
        assert list(scene.intake.questions(scene.now + 2)) == []
    for question in (lost, again):
        request = {**question.hosts["web1"], "nonce": question.nonce}
        said = answer(spool, request, host="web1", key=scene.keys["web1"], master="m")
        scene.intake.answered("web1", said, scene.now + 3)
    assert len(scene.store.records()) == 1
    scene.intake.refusals.flush()
    assert scene.store.refusals() == ()


def test_a_list_of_all_records_confirms_nothing_twice(scene: Scene, spool: Spool) -> None:
    """What the host knows to be stored costs it no second look at its files."""
    make_record(spool.store, 1, look())
    deliver(scene, spool, 3)
    scene.intake.reconcile(["web1"], scene.now)
    asked = []
    for _ in range(3):
        scene.now += 5.0
        for question in list(scene.intake.questions(scene.now)):
            asked.append(question.hosts["web1"])
            said = answer(
                spool, {**asked[-1], "nonce": question.nonce}, host="web1", key=scene.keys["web1"], master="m"
            )
            scene.intake.answered("web1", said, scene.now)
    assert asked == [{"index": True}]


def test_small_records_come_many_in_one_answer(scene: Scene, spool: Spool) -> None:
    """After a burst of transactions each of them changes once more; that is not one job each."""
    for number in range(16):
        make_record(spool.store, number, look())
    scene.intake.reconcile(["web1"], scene.now)
    asked = 0
    while spool.waiting():
        scene.now += 5.0
        for question in list(scene.intake.questions(scene.now)):
            asked += 1
            request = {**question.hosts["web1"], "nonce": question.nonce}
            said = answer(spool, request, host="web1", key=scene.keys["web1"], master="m")
            scene.intake.answered("web1", said, scene.now)
    assert asked == 4  # the list, eight, eight with the confirmation of the first, the last confirmation
    assert len(scene.store.records()) == 16
    assert verify_store(scene.store).problems == ()


def talk(intake: Intake, scene: Scene, spool: Spool, rounds: int = 5) -> None:
    """Let an intake ask web1 until nothing is left to say; the host announces nothing."""
    for _ in range(rounds):
        scene.now += 5.0
        for question in list(intake.questions(scene.now)):
            if "web1" in question.hosts:
                request = {**question.hosts["web1"], "nonce": question.nonce}
                intake.answered(
                    "web1", answer(spool, request, host="web1", key=scene.keys["web1"], master="m"), scene.now
                )
