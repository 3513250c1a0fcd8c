"""Preserved kernels on the disk: built beside their place and renamed, so one is there whole or not at all.

``/boot/bootkeep/<key>/{vmlinuz,initrd.img,kernel.json}`` and ``/usr/lib/bootkeep/preserved/<key>/{modules,beside}/``. The package's
image and its modules below ``kernel/`` get a second name (dpkg replaces files by rename, so the old inodes live on, at no
cost). Copied instead: the initramfs (dracut rewrites it in place), the image of a kernel without a package, everything else
in the modules tree (depmod's indexes, DKMS's modules: ``dkms`` copies over them in place), and all of it where a hard link is
refused (vfat, another device). As a last resort, when /boot has no room and nothing can stop what takes the files away, they
are linked too: a second name costs nothing.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import posixpath
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.files import lock_within, replace_file, sync_folder
from bootkeep.edges.known_digests import sha256_of
from bootkeep.edges.trees import remove_tree
from bootkeep.facts.codec import from_json, to_json
from bootkeep.facts.errors import BootkeepError, NotUnderstood
from bootkeep.facts.preserved import PreservedKernel, PutBack

BOOT_FOLDER = "boot/bootkeep"
MODULES_FOLDER = "usr/lib/bootkeep/preserved"
_PUT_BACK = "put-back.json"
_UNSAFE = re.compile(r"[^A-Za-z0-9.+~-]")
#: A hard link is impossible, a copy is not: other device, vfat, too many links, forbidden by the file system.
_LINK_REFUSALS = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES})
#: Left free in /boot beyond what a copy needs: grub.cfg and grubenv must still be rewritable.
_MARGIN_BYTES = 2 * 1024 * 1024
#: How long one preserving waits for another (a highstate and a package manager's hook at the same time).
_LOCK_WAIT_S = 2.0


class PreserveError(BootkeepError):
    """A kernel could not be preserved; nothing half-made is left."""


@dataclass(frozen=True, slots=True)
class KernelFiles:
    """One packaged kernel as files. Paths are absolute as the machine names them."""

    release: str
    image: str
    initramfs: str  # empty when it boots without one
    modules: str  # empty when it has none
    package: str = ""
    package_version: str = ""
    entry: str = ""  # its file in /boot/loader/entries; empty where grub.cfg holds the entries
    beside: tuple[str, ...] = ()  # the package's other files in /boot
    ghost: bool = False  # the image in /boot is a copy that kernel-install made of the one in the modules tree

    @property
    def key(self) -> str:
        """The name of its preserved copy, on both file systems and on the kernel's command line."""
        return f"{_UNSAFE.sub('-', self.release)}_{_UNSAFE.sub('-', self.package_version)}"


def preserved_kernels(root: Path) -> tuple[PreservedKernel, ...]:
    """All preserved kernels with a readable record, by key. One without is no copy: the next preserve rebuilds it."""
    found: list[PreservedKernel] = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for entry in sorted(os.scandir(root / BOOT_FOLDER), key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                path = Path(entry.path) / "kernel.json"
                with contextlib.suppress(FileNotFoundError, NotUnderstood):
                    record = from_json(PreservedKernel, path.read_bytes(), where=str(path))
                    if record.key == entry.name:
                        found.append(record)
    return tuple(found)


def is_whole(root: Path, record: PreservedKernel) -> bool:
    """Whether the copy's image and initramfs still have the digests of its record, and its modules are there."""
    folder = root / BOOT_FOLDER / record.key
    try:
        image_good = sha256_of(folder / "vmlinuz") == record.image_sha256
        initramfs_good = not record.initramfs_sha256 or sha256_of(folder / "initrd.img") == record.initramfs_sha256
    except OSError:
        return False
    return image_good and initramfs_good and (not record.modules_path or _below(root, record.modules_path).is_dir())


def is_current(root: Path, record: PreservedKernel, kernel: KernelFiles) -> bool:
    """Whether the copy holds the very initramfs and module indexes that the packaged kernel has now. Raises OSError."""
    if kernel.initramfs and sha256_of(_below(root, kernel.initramfs)) != record.initramfs_sha256:
        return False
    indexes = [
        _below(root, folder) / "modules.dep" for folder in (kernel.modules, record.modules_path) if folder
    ]  # depmod rewrites it whenever a module comes or goes: DKMS's, too
    return len({path.read_bytes() if path.is_file() else b"" for path in indexes}) <= 1


def preserve_files(
    root: Path, kernel: KernelFiles, *, now: str, refresh: bool = False, last_resort: bool = False
) -> PreservedKernel:
    """Keep a kernel's files alive. Does nothing when a whole copy exists. Raises PreserveError and leaves no draft.

    ``last_resort``: without room for copies in /boot, second names of the very files will do. What is written over in place
    then changes under both names; what is removed stays.
    ``refresh``: a copy of the same image with another initramfs or other module indexes is made again. Another build under
    the same release and version (a kernel built by hand, a package made again) gets a key of its own: the older copy may be
    the proven one.
    """
    draft = root / BOOT_FOLDER
    try:
        with _alone(root):
            wanted = sha256_of(_below(root, kernel.image))
            key = kernel.key
            for record in preserved_kernels(root):
                if record.key not in {key, _other_build(key, wanted)} or not is_whole(root, record):
                    continue
                if record.image_sha256 != wanted:
                    key = _other_build(key, wanted)
                elif not refresh or is_current(root, record, kernel):
                    return record
                else:
                    key = record.key
            boot_draft, modules_draft = draft / f".{key}.draft", root / MODULES_FOLDER / f".{key}.draft"
            try:
                for draft in (boot_draft, modules_draft):
                    draft.mkdir(parents=True, mode=0o755)
                links = last_resort and not _has_room(root, kernel, boot_draft)
                if not links:
                    _check_room(root, kernel, boot_draft)
                record = _build(root, kernel, key, boot_draft, modules_draft, now, links=links)
                _into_place(modules_draft, root / MODULES_FOLDER / key)
                _into_place(boot_draft, root / BOOT_FOLDER / key)  # last: with kernel.json the copy begins to exist
            finally:
                remove_tree(boot_draft, ignore_errors=True)
                remove_tree(modules_draft, ignore_errors=True)
    except OSError as error:
        raise PreserveError(
            f"the kernel {kernel.release} could not be preserved: {error.strerror or error}",
            where=str(error.filename or draft),
            next_step="Free some space there, or remove an older kernel by name, then run it again.",
        ) from error
    return record


def put_back_record(root: Path, key: str) -> PutBack | None:
    """What of this preserved kernel stands at its own paths again and belongs to bootkeep; None when nothing does."""
    path = root / MODULES_FOLDER / key / _PUT_BACK
    try:
        return from_json(PutBack, path.read_bytes(), where=str(path))
    except (FileNotFoundError, NotADirectoryError, NotUnderstood):
        return None


def save_put_back_record(root: Path, key: str, record: PutBack | None) -> None:
    """Write it whole, or take it away with None. Raises OSError."""
    path = root / MODULES_FOLDER / key / _PUT_BACK
    if record is None:
        path.unlink(missing_ok=True)
    else:
        path.parent.mkdir(parents=True, mode=0o755, exist_ok=True)
        replace_file(path, (to_json(record, indent=1) + "\n").encode("ascii"), mode=0o644)


def remove_preserved(root: Path, key: str) -> None:
    """Remove one copy. Both halves lose their names first, so that it never looks whole while it goes."""
    if _UNSAFE.search(key.replace("_", "", 1)) or not key or key.startswith("."):
        raise PreserveError(
            f"{key[:80]!r} is no key of a preserved kernel", where=BOOT_FOLDER, next_step="List them first."
        )
    try:
        with _alone(root):
            for folder in (root / BOOT_FOLDER / key, root / MODULES_FOLDER / key):
                if folder.is_dir():
                    remove_tree(folder.rename(folder.with_name(f".{key}.draft")))
    except OSError as error:
        raise PreserveError(
            f"the preserved kernel {key} could not be removed: {error.strerror or error}",
            where=str(error.filename or BOOT_FOLDER),
            next_step="Mount it writable, then run it again.",
        ) from error


def _other_build(key: str, image_sha256: str) -> str:
    return f"{key}+{image_sha256[:8]}"


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One at a time; what an earlier one left when it was killed goes: it may fill a small /boot."""
    folder = root / MODULES_FOLDER
    folder.mkdir(parents=True, mode=0o755, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            lock_within(descriptor, fcntl.LOCK_EX, seconds=_LOCK_WAIT_S)
        except BlockingIOError as error:
            raise PreserveError(
                "another program is preserving a kernel at this moment",
                where=str(folder),
                next_step="Wait for its end, then run it again.",
            ) from error
        for half in (root / BOOT_FOLDER, folder):
            for left in half.glob(".*.draft"):
                remove_tree(left, ignore_errors=True)
        yield
    finally:
        os.close(descriptor)


def _build(
    root: Path, kernel: KernelFiles, key: str, boot_draft: Path, modules_draft: Path, now: str, *, links: bool
) -> PreservedKernel:
    image = _below(root, kernel.image)
    wanted = sha256_of(image)
    if links or (kernel.package and not kernel.ghost):
        _link_or_copy(image, boot_draft / "vmlinuz")
    else:
        # kernel-install writes over its copy in place; and without a package nobody says that what writes the image (a
        # hand, sbsign, an image builder) does so by rename.
        _copy(image, boot_draft / "vmlinuz")
    initramfs_sha256 = ""
    if kernel.initramfs:
        initramfs_sha256 = sha256_of(_below(root, kernel.initramfs))
        (_link_or_copy if links else _copy)(_below(root, kernel.initramfs), boot_draft / "initrd.img")
        _same(boot_draft / "initrd.img", initramfs_sha256)
    _same(boot_draft / "vmlinuz", wanted)
    if kernel.entry:
        (_link_or_copy if links else _copy)(_below(root, kernel.entry), boot_draft / "entry.conf")
    modules_path = ""
    if kernel.modules:
        _keep_tree(_below(root, kernel.modules), modules_draft / "modules")
        modules_path = f"/{MODULES_FOLDER}/{key}/modules"
    beside = _keep_beside(root, kernel, modules_draft / "beside")
    record = PreservedKernel(
        schema=1,
        key=key,
        release=kernel.release,
        package=kernel.package,
        package_version=kernel.package_version,
        image_sha256=wanted,
        initramfs_sha256=initramfs_sha256,
        modules_path=modules_path,
        preserved_at=now,
        initramfs_path=kernel.initramfs,
        entry_path=kernel.entry,
        beside=beside,
    )
    content = (to_json(record, indent=1) + "\n").encode("ascii")
    try:
        replace_file(boot_draft / "kernel.json", content, mode=0o644)
    except OSError as error:
        if not links or error.errno != errno.ENOSPC:
            raise
        # Not a single block is left: the record lies beside the modules, and a symbolic link needs only its inode.
        replace_file(modules_draft / "kernel.json", content, mode=0o644)
        (boot_draft / "kernel.json").symlink_to(f"../../../{MODULES_FOLDER}/{key}/kernel.json")
    return record


def _keep_beside(root: Path, kernel: KernelFiles, folder: Path) -> dict[str, str]:
    """No boot needs them, but a kernel without them is not the one that was there. On the root file system: /boot may be small."""
    kept: dict[str, str] = {}
    if kernel.beside:
        folder.mkdir(mode=0o755)
    for path in kernel.beside:
        source, target = _below(root, path), folder / posixpath.basename(path)
        wanted = sha256_of(source)
        if kernel.package and not kernel.ghost:
            _link_or_copy(source, target)
        else:
            _copy(source, target, flush=False)
        _same(target, wanted)
        kept[path] = wanted
    return kept


def _same(path: Path, wanted: str) -> None:
    if sha256_of(path) != wanted:
        raise OSError(errno.EIO, "the copy differs from its original", str(path))


def _check_room(root: Path, kernel: KernelFiles, draft: Path) -> None:
    """Refuse before the first byte: a full /boot must not be made fuller by us."""
    needed, free = _room(root, kernel, draft)
    if free < needed:
        raise OSError(errno.ENOSPC, f"needs {needed >> 20} MiB, {free >> 20} MiB are free", str(draft))


def _has_room(root: Path, kernel: KernelFiles, draft: Path) -> bool:
    needed, free = _room(root, kernel, draft)
    return free >= needed


def _room(root: Path, kernel: KernelFiles, draft: Path) -> tuple[int, int]:
    """Bytes that copies in /boot need, and bytes that are free there."""
    info = os.statvfs(draft)
    needed = _MARGIN_BYTES
    if kernel.initramfs:
        needed += _below(root, kernel.initramfs).stat().st_size
    image = _below(root, kernel.image)
    if not kernel.package or kernel.ghost or image.stat().st_dev != draft.stat().st_dev or _is_fat(draft):
        needed += image.stat().st_size
    return needed, info.f_bavail * info.f_frsize


def _is_fat(folder: Path) -> bool:
    """vfat has no inodes to count, and no hard links."""
    return os.statvfs(folder).f_files == 0


def _keep_tree(source: Path, target: Path) -> None:
    target.mkdir(mode=0o755)
    for parent, folders, names in os.walk(source, onerror=_raise):
        inside = Path(parent).relative_to(source)
        packaged = inside.parts[:1] == ("kernel",)
        for name in (*folders, *names):
            linkable = packaged or (not inside.parts and name == "vmlinuz")
            old, new = Path(parent) / name, target / inside / name
            mode = old.lstat().st_mode
            if stat.S_ISLNK(mode):
                new.symlink_to(old.readlink())
            elif stat.S_ISDIR(mode):
                new.mkdir(mode=stat.S_IMODE(mode))
            elif linkable:
                _link_or_copy(old, new)
            elif stat.S_ISREG(mode):
                _copy(old, new, flush=False)


def _raise(error: OSError) -> None:
    raise error


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source.resolve(), target)
    except OSError as error:
        if error.errno not in _LINK_REFUSALS:
            raise
        _copy(source, target)


def _copy(source: Path, target: Path, *, flush: bool = True) -> None:
    import shutil  # as for remove_tree

    shutil.copyfile(source, target)
    with contextlib.suppress(PermissionError):  # vfat keeps no modes
        shutil.copystat(source, target)
    if flush:
        with target.open("rb") as stream:
            os.fsync(stream.fileno())


def _into_place(draft: Path, place: Path) -> None:
    sync_folder(draft)
    if place.exists():  # damaged or unfinished: a whole one would have been left alone
        old = place.with_name(f".{place.name}.old.draft")
        remove_tree(old, ignore_errors=True)
        place.rename(old)
        draft.rename(place)
        remove_tree(old, ignore_errors=True)
    else:
        draft.rename(place)
    sync_folder(place.parent)


def _below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")
