"""check() on a root made of files: whole, damaged, and asked a second time."""

from __future__ import annotations

from pathlib import Path

from bootkeep.edges.host import LiveHost
from bootkeep.facts.finding import Judgement
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Reading
from bootkeep.flows.check import check
from bootkeep.probes.read import Read


class Counting:
    """A host that remembers what it was asked."""

    def __init__(self, root: Path) -> None:
        self.name = "counting"
        self.asked: list[str] = []
        self._host = LiveHost(root)

    def answer(self, read: Read) -> Reading:
        self.asked.append(read.key)
        return self._host.answer(read)


def a_root(tmp_path: Path) -> Path:
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot/initrd.img-6.1.0-1-amd64").write_bytes(b"garbage")
    return tmp_path


def test_an_unchanged_image_is_not_read_again(tmp_path: Path) -> None:
    host = Counting(a_root(tmp_path))
    key = "native:initramfs:/boot/initrd.img-6.1.0-1-amd64"
    first = check(host, Policy())
    assert host.asked.count(key) == 1
    again = check(host, Policy(), earlier=first.readings)
    assert host.asked.count(key) == 1
    assert again.readings[key] == first.readings[key]
    (tmp_path / "boot/initrd.img-6.1.0-1-amd64").write_bytes(b"other garbage")
    check(host, Policy(), earlier=again.readings)
    assert host.asked.count(key) == 2


def test_a_deadline_that_passed_is_unknown_never_go(tmp_path: Path) -> None:
    result = check(Counting(a_root(tmp_path)), Policy(), deadline_s=-1.0)
    assert result.verdict.judgement is Judgement.UNKNOWN
