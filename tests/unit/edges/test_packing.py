"""A snapshot that is packed in two goes is the snapshot that is packed in one."""

from __future__ import annotations

import gzip
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bootkeep.edges.packing import Packer
from bootkeep.facts.codec import from_json
from bootkeep.facts.reading import Reading, Readings, Snapshot, Status

TEXTS = st.text(st.characters(codec=None, exclude_categories=()), max_size=30)
READINGS = st.builds(Reading, st.sampled_from(Status), TEXTS, st.integers(-9, 255), TEXTS, st.floats(0, 60))
ANSWERS = st.dictionaries(TEXTS, READINGS, max_size=5)


def read_back(packed: bytes) -> Snapshot:
    """As the store reads its files."""
    return from_json(Snapshot, gzip.decompress(packed), where="test")


def snapshot(answers: dict[str, Reading], phase: str = "post") -> Snapshot:
    """One with these answers."""
    return Snapshot(phase, "2026-11-30T17:00:00Z", "web01", "boot", Readings(answers), "0")


@given(st.lists(ANSWERS, min_size=1, max_size=4), st.booleans())
def test_every_pack_reads_back_as_what_was_given(rounds: list[dict[str, Reading]], grow: bool) -> None:
    """Growing, as a hook does it, with answers replaced now and then; or unrelated ones one after the other."""
    packer = Packer()
    known: dict[str, Reading] = {}
    for answers in rounds:
        known = {**known, **answers} if grow else answers
        assert read_back(packer.pack(snapshot(known))) == snapshot(known)


@given(ANSWERS, ANSWERS)
def test_another_look_is_not_continued(one: dict[str, Reading], two: dict[str, Reading]) -> None:
    packer = Packer()
    packer.pack(snapshot(one, "pre"))
    both = {**two, **one}
    assert read_back(packer.pack(snapshot(both))) == snapshot(both)
    changed = {name: replace(answer, text="other") for name, answer in both.items()}
    assert read_back(packer.pack(snapshot(changed))) == snapshot(changed)


def test_the_same_look_has_the_same_bytes() -> None:
    """Its digest is what a master asks for: nothing of the moment of packing is in it."""
    answers = {"file:/etc/hosts": Reading(Status.OK, "127.0.0.1 localhost\n")}
    assert Packer().pack(snapshot(answers)) == Packer().pack(snapshot(answers))
