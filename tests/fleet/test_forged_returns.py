"""The bus is no witness: what anybody may have put there costs a neighbour nothing."""

from __future__ import annotations

from pathlib import Path

from bootkeep.edges.signing import ANSWER
from bootkeep.fleet.conversation import Wish
from bootkeep.fleet.jobs import Jobs
from bootkeep.lab.hostile_minion import ID, Scene


def test_a_forged_return_does_not_silence_the_neighbour(tmp_path: Path) -> None:
    """web1 sees the jobs of all, and returns in web2's name an error, something unsigned, nothing; web2's answer still counts."""
    scene = Scene(tmp_path)
    scene.announce(host="web2")
    scene.ask()
    jobs = Jobs(scene.intake)
    jobs.published("2026", scene.nonce, ["web2"], scene.now)
    for forged in ("ERROR", {"text": "{}", "signature": ""}, None, ["x"]):
        assert not jobs.returned("2026", "web2", forged, scene.now)
    body = {"host": "web2", "nonce": scene.nonce, "confirmed": [], "errors": {ID: "it is being written"}}
    assert jobs.returned("2026", "web2", scene.signed(ANSWER, body, key="web2"), scene.now)
    assert not jobs.returned("2026", "web2", None, scene.now)
    scene.intake.refusals.flush()
    assert [(row.why, row.times) for row in scene.store.refusals()] == [("bad host name", 1)]
    scene.store.close()


def test_a_host_that_cannot_answer_is_asked_again_later(tmp_path: Path) -> None:
    """What looks like a failure puts the next question off, and it does so once for each question."""
    scene = Scene(tmp_path)
    scene.announce()
    scene.ask()
    jobs = Jobs(scene.intake)
    jobs.published("2026", scene.nonce, ["web1"], scene.now)
    for _ in range(50):
        jobs.returned("2026", "web1", "no such function", scene.now)
    assert list(scene.intake.questions(scene.now + 1.9)) == []
    (again,) = scene.intake.questions(scene.now + 2.1)
    assert set(again.hosts) == {"web1"}
    assert jobs.expired(scene.now + 100) == []
    assert jobs.expired(scene.now + 121) == ["2026"]
    scene.store.close()


def test_everybody_is_asked_for_everything_twice_a_minute_at_most() -> None:
    """The event bootkeep/reconcile may come from any minion, ten thousand times: each lets every minion list its store."""
    wish = Wish(30.0)
    assert not wish.due(0.0)
    done = 0
    for number in range(10_000):
        wish.heard()
        done += wish.due(number / 100)  # over 100 seconds
    assert done == 4
