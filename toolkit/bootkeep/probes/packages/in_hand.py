"""Package files that lie on the host: what can be installed when there is no network."""

from __future__ import annotations

from bootkeep.facts.paper import PackageInHand
from bootkeep.facts.reading import Readings, Status
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
#: dnf keeps them with keepcache=1, zypper with keeppackages=1; below a folder for each repository.
RPM_PLACES = ("/var/cache/dnf/*/packages", "/var/cache/zypp/packages/*/*", "/var/lib/bootkeep/packages")
_RPM_STEMS = ("kernel*", "grub2-*", "shim*", "dracut*", "lvm2*", "cryptsetup*", "mdadm*")
RPM_FILES = tuple(Listing(f"{place}/*.rpm") for place in RPM_PLACES)
RPM_DIGESTS = tuple(Digest(f"{place}/{stem}.rpm") for place in RPM_PLACES for stem in _RPM_STEMS)


def packages_in_hand(readings: Readings) -> Maybe[tuple[PackageInHand, ...]]:
    """Kernels, boot loaders and what an initramfs is built with, by path. What was never asked for is not there."""
    found: list[PackageInHand] = []
    sizes: dict[str, object] = {}
    for listing in (FILES, *RPM_FILES):
        if listing is not FILES and readings[listing.key].status is Status.NOT_TAKEN:
            continue
        rows = rows_of(readings, listing, listing.pattern)
        if isinstance(rows, Unknown):
            return rows
        sizes |= {str(row.get("path", "")): row.get("size") for row in (() if isinstance(rows, Absent) else rows)}
    for read in (*DIGESTS, *RPM_DIGESTS) if sizes else ():
        if read not in DIGESTS and readings[read.key].status is Status.NOT_TAKEN:
            continue
        digests = object_of(readings, read, read.pattern)
        if isinstance(digests, Unknown):
            return digests
        for path, digest in ({} if isinstance(digests, Absent) else digests).items():
            size = sizes.get(path)
            found.append(PackageInHand(path, size if isinstance(size, int) else 0, str(digest)))
    return tuple(sorted(found, key=lambda package: package.path))


IN_HAND = Probe(
    name="packages in hand",
    reads=(FILES, *DIGESTS, *RPM_FILES, *RPM_DIGESTS),
    understand=packages_in_hand,
    tier=3,
)
