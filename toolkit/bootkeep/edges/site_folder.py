"""A folder of pages that is written again and again: only what changed is replaced, each file whole or not at all.

A manifest remembers from what each file was made. It forgets a file before the file is replaced and learns it again after the
new one is on the disk, so that a run that was killed leaves nothing that a later run takes for current.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.files import private_folder, replace_file, sync_folder
from bootkeep.facts.errors import BootkeepError

#: Our own files, below the folder. A web server has no business there.
OWN = ".bootkeep"
_MANIFEST, _LOCK = "manifest.json", "lock"
#: So many files are replaced between two saves of the manifest.
_BATCH = 500


@dataclass(frozen=True, slots=True)
class PageFile:
    """One file to be: where, from what (``key``), and how it is made when it has to be."""

    path: str  # relative, made of safe names
    key: str
    make: Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class Readers:
    """Who may read the pages beside their owner: nobody, or one group, such as a web server's."""

    group: int = -1

    @property
    def mode(self) -> int:
        """Of a file."""
        return 0o600 if self.group < 0 else 0o640

    def let_in(self, folder: Path) -> None:
        """Into a folder."""
        if self.group >= 0:
            os.chown(folder, -1, self.group)
        folder.chmod(self.mode | 0o100 | (0o010 if self.group >= 0 else 0))


#: The owner alone: pages say what is wrong with every host.
ONLY_US = Readers()


@dataclass(frozen=True, slots=True)
class SiteWritten:
    """What a run did."""

    written: int
    kept: int
    removed: int
    bytes_written: int
    planned: int = 0  # pages that were looked at
    read: int = 0  # transactions that were read for it


def write_site(
    root: Path,
    pages: Sequence[PageFile],
    *,
    readers: Readers = ONLY_US,
    everything: bool = False,
    say: Callable[[int, int], None] | None = None,
) -> SiteWritten:
    """Bring a folder to exactly these pages. Order matters: what links to others comes after them.

    ``everything``: replace also what is current. ``say`` is told how many of the changed files are done.
    Raises BootkeepError when another run is at work, or the folder holds something that is not ours; OSError when it cannot write.
    """
    with _locked(root, readers):
        manifest = {} if everything else _read_manifest(root)
        there = set(_files(root))
        wanted = {page.path for page in pages}
        todo = [page for page in pages if manifest.get(page.path) != page.key or page.path not in there]
        gone = sorted(there - wanted)
        for path in gone:
            manifest.pop(path, None)
        size = _write(root, todo, manifest, readers, say) if todo or gone else 0
        for path in gone:
            (root / path).unlink(missing_ok=True)
            with suppress(OSError):  # not empty: another page of the host is still there
                (root / path).parent.rmdir()
    return SiteWritten(len(todo), len(pages) - len(todo), len(gone), size, len(pages))


def update_site(
    root: Path,
    pages: Sequence[PageFile],
    *,
    readers: Readers = ONLY_US,
    say: Callable[[int, int], None] | None = None,
    own: Mapping[str, bytes] | None = None,
) -> SiteWritten:
    """Bring these pages up to date and leave all others as they are. ``own``: files of ours that belong to the result.

    Raises as :func:`write_site`.
    """
    with _locked(root, readers):
        manifest = _read_manifest(root) if pages else {}
        todo = [page for page in pages if manifest.get(page.path) != page.key or not (root / page.path).is_file()]
        size = _write(root, todo, manifest, readers, say) if todo else 0
        for name, content in (own or {}).items():
            replace_file(root / OWN / name, content, mode=0o600)
    return SiteWritten(len(todo), len(manifest) - len(todo), 0, size, len(pages))


def read_own(root: Path, name: str) -> bytes:
    """A file that :func:`update_site` has kept. Raises OSError."""
    return (root / OWN / name).read_bytes()


def _write(
    root: Path,
    todo: Sequence[PageFile],
    manifest: dict[str, str],
    readers: Readers,
    say: Callable[[int, int], None] | None,
) -> int:
    """Replace these files, and teach the manifest; bytes."""
    for page in todo:
        manifest.pop(page.path, None)
    _write_manifest(root, manifest)
    size = 0
    for start in range(0, len(todo), _BATCH):
        batch = todo[start : start + _BATCH]
        size += _replace_all(root, batch, readers)
        manifest.update((page.path, page.key) for page in batch)
        _write_manifest(root, manifest)
        if say is not None:
            say(start + len(batch), len(todo))
    return size


@contextmanager
def _locked(root: Path, readers: Readers) -> Iterator[None]:
    own = root / OWN
    if root.exists() and not own.is_dir() and any(root.iterdir()):
        raise BootkeepError(
            "the folder is not empty and was not made by bootkeep, so nothing was written",
            where=str(root),
            next_step="Give a new or an empty folder.",
        )
    if not root.exists():
        private_folder(root)
    readers.let_in(root)
    private_folder(own)
    with open(os.open(own / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "wb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BootkeepError(
                "another run is writing these pages",
                where=str(root),
                next_step="Wait until it is done, then try again.",
            ) from error
        yield


def _read_manifest(root: Path) -> dict[str, str]:
    """Path -> key; nothing when there is none or it is damaged: then everything is written anew."""
    try:
        read = json.loads((root / OWN / _MANIFEST).read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return {path: key for path, key in read.items() if isinstance(key, str)} if isinstance(read, dict) else {}


def _write_manifest(root: Path, manifest: dict[str, str]) -> None:
    replace_file(root / OWN / _MANIFEST, json.dumps(manifest, separators=(",", ":")).encode(), mode=0o600)


def _files(root: Path) -> Iterator[str]:
    """Every page that lies there, relative; drafts of a run that was killed are cleared away."""
    for folder, inner, names in os.walk(root):
        inner[:] = [name for name in inner if name != OWN]
        for name in names:
            path = Path(folder, name)
            if name.startswith(".") and name.endswith(".draft"):
                path.unlink(missing_ok=True)
            else:
                yield path.relative_to(root).as_posix()


def _replace_all(root: Path, batch: Sequence[PageFile], readers: Readers) -> int:
    """Bytes of one batch: all drafts, one flush of the file system, then the renames and their folders.

    A flush for each of 50,000 files takes minutes on a busy master; one for hundreds says the same.
    """
    drafts: list[tuple[Path, Path]] = []
    size = 0
    try:
        for page in batch:
            path = root / page.path
            _make_folder(path.parent, root, readers)
            draft = path.with_name(f".{path.name[:200]}.{os.getpid()}.draft")
            drafts.append((draft, path))
            content = page.make()
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(draft, flags, 0o600), "wb") as stream:
                if readers.group >= 0:
                    os.fchown(stream.fileno(), -1, readers.group)
                os.fchmod(stream.fileno(), readers.mode)
                stream.write(content)
            size += len(content)
        _flush(root)
        for draft, path in drafts:
            draft.replace(path)
    except BaseException:
        for draft, _ in drafts:
            draft.unlink(missing_ok=True)
        raise
    for folder in {path.parent for _, path in drafts}:
        sync_folder(folder)
    return size


def _flush(root: Path) -> None:
    """syncfs(2), which Python does not have: everything written to this file system is on the disk, or OSError says why not."""
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(root))
    finally:
        os.close(descriptor)


def _make_folder(folder: Path, root: Path, readers: Readers) -> None:
    if folder.is_dir():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for made in (folder, *folder.parents):
        if made == root:
            return
        readers.let_in(made)
