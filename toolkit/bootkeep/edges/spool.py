"""The spool: the host's own store, seen as what a master has to get. Nothing is copied: a record is the store's files."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path

from bootkeep.edges import delivered
from bootkeep.edges.files import replace_file
from bootkeep.edges.retention import blob_path, remove_transaction
from bootkeep.edges.store import Store
from bootkeep.facts.delivery import CHUNK, DeliveredFile, Manifest
from bootkeep.facts.errors import StoreError

_PHASES = ("boot", "settled", "post", "pre")
_DROPPED_MOST = 200


class Spool:
    """What of a store is still to be delivered, and the files of it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._manifests: dict[str, tuple[str, Manifest]] = {}  # by id: made for this stamp

    def waiting(self) -> tuple[str, ...]:
        """Ids of transactions that nobody holds as they are now, oldest first. Raises StoreError."""
        return tuple(id for id in self.store.transaction_ids() if not delivered.is_delivered(self._place(id)))

    def stamp(self, id: str) -> str:
        """See :func:`bootkeep.edges.delivered.stamp_of`."""
        return delivered.stamp_of(self._place(id))

    def manifest(self, id: str) -> Manifest:
        """The record as it is now. Raises StoreError when it changes while it is read, or cannot be read."""
        place = self._place(id)
        for _attempt in range(3):
            try:
                stamp = delivered.stamp_of(place)
                known = self._manifests.get(id)
                if known is not None and known[0] == stamp:
                    return known[1]
                files = self._files(place)
                if delivered.stamp_of(place) == stamp:
                    made = Manifest(id, self._phase(files), files)
                    self._manifests[id] = (stamp, made)
                    return made
            except OSError as error:
                raise self._unreadable(id, str(error)) from error
        raise self._unreadable(id, "it is being written")

    def _files(self, place: Path) -> tuple[DeliveredFile, ...]:
        found = [_described(name, place / name) for name in delivered.parts(place)]
        blobs: set[str] = set()
        for name in delivered.parts(place):
            if name.startswith("config/"):
                try:
                    blobs |= {str(digest) for digest in json.loads((place / name).read_bytes()).values()}
                except (ValueError, AttributeError):
                    continue  # a damaged index is delivered as it is; its copies cannot be named
        for digest in sorted(blobs):
            path = blob_path(self.store.root, digest)
            if len(digest) == 64 and digest.isalnum() and path.is_file():
                found.append(_described(f"blobs/{digest}", path))
        return tuple(sorted(found, key=lambda file: file.name))

    @staticmethod
    def _phase(files: tuple[DeliveredFile, ...]) -> str:
        names = {file.name for file in files}
        return next((phase for phase in _PHASES if f"{phase}.json.gz" in names), "pre")

    def confirmed_digest(self, id: str) -> str:
        """The digest under which a master has confirmed the transaction as it is now; empty when none has."""
        return delivered.confirmed_digest(self._place(id))

    def chunk(self, id: str, name: str, sha256: str, offset: int) -> bytes:
        """Up to ``CHUNK`` bytes of one file of the record, which has to be the one with this digest.

        Raises StoreError when it is another one by now, or is not part of the record.
        """
        manifest = self.manifest(id)
        file = next((file for file in manifest.files if file.name == name), None)
        if file is None or file.sha256 != sha256:
            raise self._unreadable(id, f"it has no {name[:80]!r} with this digest any more")
        path = blob_path(self.store.root, name[6:]) if name.startswith("blobs/") else self._place(id) / name
        try:
            with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as stream:
                stream.seek(max(0, offset))
                return stream.read(CHUNK)
        except OSError as error:
            raise self._unreadable(id, str(error)) from error

    def confirm(self, id: str, digest: str, master: str) -> bool:
        """The master says that it has stored this record. True when that is the transaction as it is now."""
        place = self._place(id)
        try:
            stamp = delivered.stamp_of(place)
            if self.manifest(id).digest != digest:
                return False
            delivered.mark(place, master, digest, stamp)
        except OSError as error:
            raise self._unreadable(id, str(error)) from error
        return True

    def make_room(self, wanted_bytes: int) -> tuple[str, ...]:
        """Remove the oldest *confirmed* transactions until so many bytes are free below the store; their ids.

        What no master holds stays, whatever the disk says. What went is noted for :meth:`take_dropped`.
        """
        gone: list[str] = []
        for id in self.store.transaction_ids()[:-1]:  # the newest one stays for the reader at the console
            if free_bytes(self.store.root) >= wanted_bytes:
                break
            place = self._place(id)
            if delivered.is_delivered(place):
                with contextlib.suppress(OSError):
                    remove_transaction(place)
                if not place.is_dir():  # what may be left of it is no transaction any more
                    gone.append(id)
        if gone:
            with contextlib.suppress(
                StoreError, OSError
            ):  # a writer holds the lock, or not even a note fits: room was made
                self.store.prune()  # copies that only they named
                self._note_dropped(gone)
        return tuple(gone)

    def _note_dropped(self, gone: list[str]) -> None:
        try:
            known = json.loads((self.store.root / delivered.DROPPED).read_bytes())
        except (OSError, ValueError):
            known = []
        content = json.dumps([*known, *gone][-_DROPPED_MOST:]).encode("ascii")
        replace_file(self.store.root / delivered.DROPPED, content)

    def take_dropped(self) -> tuple[str, ...]:
        """Ids that went for lack of space and that nobody was told of yet. :meth:`told_dropped` forgets them."""
        try:
            return tuple(str(id) for id in json.loads((self.store.root / delivered.DROPPED).read_bytes()))
        except (OSError, ValueError, TypeError):
            return ()

    def told_dropped(self) -> None:
        """They were told."""
        (self.store.root / delivered.DROPPED).unlink(missing_ok=True)

    def _place(self, id: str) -> Path:
        return self.store.place(id)

    def _unreadable(self, id: str, why: str) -> StoreError:
        return StoreError(
            f"the record of {id[:40]} cannot be delivered now: {why}",
            where=str(self.store.root),
            next_step="It stays in the store and is tried again.",
        )


def free_bytes(folder: Path) -> int:
    """Bytes that root may still write on the file system of a folder."""
    space = os.statvfs(folder)
    return space.f_bfree * space.f_frsize


def _described(name: str, path: Path) -> DeliveredFile:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return DeliveredFile(name, digest, stream.tell())
