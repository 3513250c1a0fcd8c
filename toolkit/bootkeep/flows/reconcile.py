"""Kept files whose originals vanished are put back at their own paths: after a package manager that was killed half-way.

A preserved kernel boots from its own place, with its own entry. But what stands in the packaged menu, and what the package
database says is installed, names the original paths: as long as the package is there for the database, its files belong there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bootkeep.edges.clock import now_utc
from bootkeep.edges.known_digests import sha256_of
from bootkeep.edges.preserved import (
    MODULES_FOLDER,
    is_whole,
    preserved_kernels,
    put_back_record,
    save_put_back_record,
)
from bootkeep.edges.store import Store
from bootkeep.edges.vanished import missing_of, put_file_back, put_tree_back
from bootkeep.facts.kernel import LastGood
from bootkeep.facts.preserved import PreservedKernel, PutBack
from bootkeep.facts.transaction import Outcome, PackageChange, Transaction
from bootkeep.flows.package_family import installed_packages

#: How many of the newest records may tell that a package manager went away half-way.
_RECENT = 5
#: Debian's, Fedora's and EL's, SUSE's.
_INITRAMFS = ("boot/initrd.img-{}", "boot/initramfs-{}.img", "boot/initrd-{}")
_GONE = frozenset({"config-files", "not-installed"})


def put_back_vanished(root: Path, store: Store, *, unseen: Sequence[PackageChange] = ()) -> tuple[str, ...]:
    """Put back what vanished of the preserved kernels that must be there; one sentence for each. Nothing is overwritten.

    Which must be there: a kernel whose package is still installed for the database, in the version that was preserved; and the
    last-good one when it went in a transaction that nobody was asked about (no hook saw it, or it was cut off). A kernel that
    somebody removed on purpose stays away. ``unseen``: what no hook saw and is about to be recorded. Raises OSError and
    PreserveError; what was put back stays.
    """
    said: list[str] = []
    for record in preserved_kernels(root):
        if _belongs(root, store, record, unseen) and is_whole(root, record):
            said += put_back(root, record)
    return tuple(said)


def _belongs(root: Path, store: Store, record: PreservedKernel, unseen: Sequence[PackageChange]) -> bool:
    there = [
        package for package in installed_packages(root) if package.name == record.package and package.state not in _GONE
    ]
    if any(package.version == record.package_version for package in there):
        return True
    good = store.last_good()
    is_good = isinstance(good, LastGood) and good.image_sha256 == record.image_sha256
    return is_good and (_takes(unseen, record) or _unasked(store, record))


def _takes(changes: Iterable[PackageChange], record: PreservedKernel) -> bool:
    """Whether these changes took the kernel's package away: removed it, or put another version in its place."""
    return any(change.name == record.package and change.old_version == record.package_version for change in changes)


def _unasked(store: Store, record: PreservedKernel) -> bool:
    """Whether the transaction that took the package away was cut off, or seen by no hook."""
    for item in store.newest(_RECENT):
        if _takes(item.changes, record):
            return _nobody_was_asked(item)
    return False


def _nobody_was_asked(item: Transaction) -> bool:
    return bool(item.hook_missed) or (item.outcome is Outcome.INTERRUPTED and item.override is None)


def put_back(root: Path, record: PreservedKernel) -> list[str]:
    """Put back what vanished of one kernel, in sentences: modules, initramfs, what lies beside the image, image, entry.

    In this order: an image that is there has everything that it needs, and an entry leads to something. What is put back belongs
    to no package, so it is written down first: whatever stops this half-way, nothing of it is ever nobody's. Raises OSError.
    """
    image = root / f"boot/vmlinuz-{record.release}"
    if image.exists() and sha256_of(image) != record.image_sha256:
        return []  # another build of the same release stands there: its modules must not be mixed with ours
    place = f"usr/lib/modules/{record.release}" if record.modules_path else ""
    kept = root / record.modules_path.lstrip("/")
    modules = missing_of(kept, root / place) if place else ()
    files = _missing_in_boot(root, record)
    if not modules and not files:
        return []
    _write_down(root, record, files, place if modules else "", modules)
    said: list[str] = []
    if count := put_tree_back(kept, root / place, modules):
        said.append(f"{count} file{'' if count == 1 else 's'} of /{place} had vanished and were put back")
    for path, (source, _digest) in files.items():
        # dracut and kernel-install write in place: the initramfs, and an image where they are at work, are no second name of ours.
        link = source.name == "vmlinuz" and not record.entry_path
        if put_file_back(source, root / path.lstrip("/"), link=link):
            said.append(f"{path} had vanished and was put back")
    return said


def _missing_in_boot(root: Path, record: PreservedKernel) -> dict[str, tuple[Path, str]]:
    """Path -> (kept file, SHA-256), in the order in which they are put back."""
    folder = root / "boot/bootkeep" / record.key
    wanted: dict[str, tuple[Path, str]] = {}
    if record.initramfs_sha256:
        names = [name.format(record.release) for name in _INITRAMFS]
        if not any((root / name).is_file() for name in names):
            path = record.initramfs_path or f"/{names[_family(root)]}"
            wanted[path] = (folder / "initrd.img", record.initramfs_sha256)
    for path, digest in record.beside.items():
        source = root / MODULES_FOLDER / record.key / "beside" / path.rsplit("/", 1)[-1]
        if source.is_file() and sha256_of(source) == digest:
            wanted[path] = (source, digest)
    wanted[f"/boot/vmlinuz-{record.release}"] = (folder / "vmlinuz", record.image_sha256)
    if record.entry_path and (folder / "entry.conf").is_file():
        wanted[record.entry_path] = (folder / "entry.conf", sha256_of(folder / "entry.conf"))
    return {path: row for path, row in wanted.items() if not os.path.lexists(root / path.lstrip("/"))}


def _write_down(
    root: Path,
    record: PreservedKernel,
    files: Mapping[str, tuple[Path, str]],
    tree: str,
    modules: Iterable[Path],
) -> None:
    known = put_back_record(root, record.key)
    boot = {**(known.boot if known else {}), **{path: digest for path, (_source, digest) in files.items()}}
    names = dict.fromkeys((*(known.modules if known else ()), *(str(path) for path in modules)))
    place = f"/{tree}" if tree else (known.tree if known else "")
    save_put_back_record(root, record.key, PutBack(1, record.release, boot, place, tuple(names), now_utc()))


def _family(root: Path) -> int:
    """Which of the names of an initramfs this system uses."""
    if (root / "var/lib/dpkg/status").exists():
        return 0
    return 2 if any((root / "boot").glob("initrd-*")) or (root / "etc/SUSE-brand").exists() else 1
