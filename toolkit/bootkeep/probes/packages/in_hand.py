"""Package files that lie on the host: what can be installed when there is no network."""

from __future__ import annotations

from bootkeep.facts.paper import PackageInHand
from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.answers import object_of, rows_of
from bootkeep.probes.read import Digest, Listing, Probe

#: apt keeps what it fetched until ``apt-get clean`` (apt.conf(5), Dir::Cache::archives).
_FOLDER = "/var/cache/apt/archives"
_STEMS = (
    "linux-image-*",
    "linux-modules-*",
    "grub-*",
    "grub2-*",
    "shim-*",
    "initramfs-tools*",
    "cryptsetup*",
    "lvm2*",
    "mdadm*",
)
FILES = Listing(f"{_FOLDER}/*.deb")
DIGESTS = tuple(Digest(f"{_FOLDER}/{stem}.deb") for stem in _STEMS)


def packages_in_hand(readings: Readings) -> Maybe[tuple[PackageInHand, ...]]:
    """Kernels, boot loaders and what an initramfs is built with, by path."""
    rows = rows_of(readings, FILES, _FOLDER)
    if isinstance(rows, Absent):
        return ()
    if isinstance(rows, Unknown):
        return rows
    sizes = {str(row.get("path", "")): row.get("size") for row in rows}
    found = []
    for read in DIGESTS:
        digests = object_of(readings, read, _FOLDER)
        if isinstance(digests, Unknown):
            return digests
        for path, digest in ({} if isinstance(digests, Absent) else digests).items():
            size = sizes.get(path)
            found.append(PackageInHand(path, size if isinstance(size, int) else 0, str(digest)))
    return tuple(sorted(found, key=lambda package: package.path))


IN_HAND = Probe(name="packages in hand", reads=(FILES, *DIGESTS), understand=packages_in_hand, tier=3)
