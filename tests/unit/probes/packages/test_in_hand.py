"""Package files that lie on the host."""

from __future__ import annotations

import hashlib
from pathlib import Path

from bootkeep.edges.collect import collect
from bootkeep.edges.host import LiveHost
from bootkeep.facts.paper import PackageInHand
from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Unknown
from bootkeep.probes.packages.in_hand import IN_HAND, packages_in_hand


def test_kernels_and_loaders_are_listed_with_their_digests(tmp_path: Path) -> None:
    folder = tmp_path / "var/cache/apt/archives"
    (folder / "partial").mkdir(parents=True)
    for name in ("linux-image-6.1.0-55-amd64_6.1.1_amd64.deb", "grub-pc_2.06_amd64.deb", "vim_9_amd64.deb"):
        (folder / name).write_bytes(name.encode())
    (folder / "partial/linux-image-6.1.0-56-amd64_6.1.2_amd64.deb").write_bytes(b"half of it")
    found = packages_in_hand(collect(LiveHost(tmp_path), (IN_HAND,)))
    assert isinstance(found, tuple)
    assert [package.path.rpartition("/")[2] for package in found] == [
        "grub-pc_2.06_amd64.deb",
        "linux-image-6.1.0-55-amd64_6.1.1_amd64.deb",
    ]
    name = "grub-pc_2.06_amd64.deb"
    digest = hashlib.sha256(name.encode()).hexdigest()
    assert found[0] == PackageInHand(f"/var/cache/apt/archives/{name}", len(name), digest)


def test_an_emptied_cache_is_empty_and_one_nobody_looked_at_is_unknown(tmp_path: Path) -> None:
    assert packages_in_hand(collect(LiveHost(tmp_path), (IN_HAND,))) == ()
    assert isinstance(packages_in_hand(Readings()), Unknown)
