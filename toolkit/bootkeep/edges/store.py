"""The store: what bootkeep remembers on this host, whole or not at all, readable by root only, and bounded.

::

    /var/lib/bootkeep/                     0700
        transactions/<id>/record.json      facts.transaction.Transaction
        transactions/<id>/<phase>.json.gz  facts.reading.Snapshot
        transactions/<id>/verdict-<phase>.json  facts.finding.Verdict, as it was reached then
        transactions/<id>/config/<phase>.json   path -> digest of its copy
        transactions/<id>/delivered        who holds this transaction too, and in which state (edges.delivered)
        transactions/<id>/copies-<phase>.json   what else makes each file what it is (edges.kept_copies)
        redaction.key                      the host's key for pseudonyms (edges.redaction_key)
        blobs/<2 hex>/<sha256>.gz          the copies themselves, each content once
        last-good.json                     facts.kernel.LastGood
        override.json                      facts.transaction.Override, waits to be used once

Every file is written beside its place, flushed and renamed (:func:`bootkeep.edges.files.replace_file`), so SIGKILL or a
power cut leaves the old content or the new one. A directory without ``record.json`` is a transaction whose writer died
before the record: it does not exist for readers and :meth:`Store.prune` removes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import hashlib
import json
import os
import re
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bootkeep.edges import delivered
from bootkeep.edges.clean_texts import keep_clean, unless_clean
from bootkeep.edges.files import lock_within, private_folder, replace_file, sync_folder
from bootkeep.edges.packing import Packer, unpack
from bootkeep.edges.redaction_key import make_key
from bootkeep.edges.refusals import damage, damaged, refusals
from bootkeep.edges.retention import TRANSACTION_ID, Retention, blob_path, prune_leftovers, prune_transactions
from bootkeep.edges.room import with_room
from bootkeep.facts.codec import from_json, to_json
from bootkeep.facts.errors import NotUnderstood, StoreError
from bootkeep.facts.finding import Verdict
from bootkeep.facts.kernel import LastGood
from bootkeep.facts.reading import Reading, Readings, Snapshot
from bootkeep.facts.reading_redaction import DPKG_STATUS, Redaction, is_kept_as_it_is, stands_alone
from bootkeep.facts.transaction import Outcome, Override, Transaction
from bootkeep.facts.unknown import Absent, Maybe, Unknown

STORE_ROOT = Path("/var/lib/bootkeep")
PHASES = frozenset({"pre", "post", "settled", "boot", "manual"})
#: One copy of a configuration file; a larger file is listed with its digest missing, never half-copied.
CONFIG_COPY_LIMIT = 4 * 1024 * 1024
#: A gzip member may unpack to at most this much: a damaged or hostile file must not eat the memory.
_SNAPSHOT_LIMIT = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class DamagedTransaction:
    """A record that could not be read. Listed beside the others, so that nobody takes it for one that never was."""

    id: str
    why: str


def new_transaction_id(now: str) -> str:
    """An id for a transaction that starts at ``now`` (UTC, ``2026-11-23T17:03:12Z``): sorts by time, never repeats.

    The first five of its hex digits count microseconds, so that two transactions of one second sort as they began.
    """
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    same_second = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)) == now
    microseconds = nanoseconds // 1000 if same_second else 999_999
    return f"{now.replace('-', '').replace(':', '')}-{microseconds:05x}{int.from_bytes(os.urandom(2)) & 0xFFF:03x}"


class Store:
    """The snapshot store below ``root``. Every method raises :class:`StoreError` for what the disk refuses."""

    def __init__(self, root: Path = STORE_ROOT) -> None:
        self.root = root
        self._clean: dict[str, tuple[Reading, Reading]] = {}  # answers as they were read, and as they are kept
        self._packer = Packer()

    # --- transactions -------------------------------------------------------------------------------------------------

    def save_transaction(self, transaction: Transaction) -> None:
        """Write or replace one record."""
        with refusals(self.root, "write the record of a transaction"):
            self._write(self._folder(transaction.id, make=True) / "record.json", _json(transaction))

    def load_transaction(self, transaction_id: str) -> Transaction:
        """One record by its id."""
        path = self._folder(transaction_id) / "record.json"
        with refusals(path, "read the record of a transaction"):
            try:
                content = path.read_bytes()
            except FileNotFoundError as error:
                raise StoreError(
                    f"there is no transaction {transaction_id}",
                    where=str(self.root),
                    next_step="'bootkeep transactions' lists those there are.",
                ) from error
        with damage(path):
            transaction = from_json(Transaction, content, where=str(path))
        if transaction.id != transaction_id:
            raise damaged(path, f"the record says it is {transaction.id}")
        return transaction

    def new_id(self, now: str) -> str:
        """An id for a transaction that starts ``now``. It sorts behind every record there is, also when the clock was set back:
        what came last is the last one, for all that looks for it."""
        made = new_transaction_id(now)
        newest = self.transaction_ids()[-1:]
        if not newest or newest[0] < made:
            return made
        stamp, _, digits = newest[0].rpartition("-")
        return f"{stamp}-{min(int(digits, 16) + 0x1000, 0xFFFFFFFF):08x}"  # a microsecond later

    def transaction_ids(self) -> tuple[str, ...]:
        """Ids of all transactions that have a record, oldest first."""
        with refusals(self.root, "list the transactions"):
            try:
                names = sorted(entry.name for entry in os.scandir(self.root / "transactions"))
            except FileNotFoundError:
                return ()
        return tuple(
            name for name in names if TRANSACTION_ID.match(name) and os.path.lexists(self._folder(name) / "record.json")
        )

    def transactions(self) -> tuple[Transaction | DamagedTransaction, ...]:
        """All transactions, oldest first; a record that cannot be read is listed as damaged."""
        return tuple(self._load_or_damaged(name) for name in self.transaction_ids())

    def newest(self, count: int) -> tuple[Transaction, ...]:
        """The newest readable records, newest first. Looks at no more than ``count`` records: a hook has no time."""
        loaded = (self._load_or_damaged(name) for name in reversed(self.transaction_ids()[-count:]))
        return tuple(item for item in loaded if isinstance(item, Transaction))

    def _load_or_damaged(self, name: str) -> Transaction | DamagedTransaction:
        try:
            return self.load_transaction(name)
        except StoreError as error:
            return DamagedTransaction(name, str(error))

    # --- snapshots ----------------------------------------------------------------------------------------------------

    def save_snapshot(self, transaction_id: str, phase: str, snapshot: Snapshot) -> None:
        """Keep one snapshot of a transaction, without secrets; a newer one of the same phase replaces it."""
        with refusals(self.root, f"write the {phase} snapshot"):
            path = self._folder(transaction_id, make=True) / f"{_phase(phase)}.json.gz"
            clean = replace(snapshot, readings=self._redacted(snapshot.readings))
            self._write(path, self._packer.pack(clean))

    def _redacted(self, readings: Readings) -> Readings:
        """Without secrets. A hook saves a snapshot twice, the second time with more in it: each answer is redacted once."""
        new = {
            name: reading
            for name, reading in readings.answers.items()
            if name not in self._clean or self._clean[name][0] is not reading
        }
        redaction = Redaction(make_key(self.root), readings.answers.get(DPKG_STATUS))
        self._clean.update({name: (reading, _clean(redaction, name, reading)) for name, reading in new.items()})
        keep_clean()
        return Readings({name: self._clean[name][1] for name in readings.answers})

    def load_snapshot(self, transaction_id: str, phase: str) -> Snapshot:
        """One snapshot of a transaction."""
        path = self._folder(transaction_id) / f"{_phase(phase)}.json.gz"
        with refusals(path, f"read the {phase} snapshot"), damage(path):
            try:
                content = unpack(path, _SNAPSHOT_LIMIT)
            except FileNotFoundError as error:
                raise StoreError(
                    f"transaction {transaction_id} has no {phase} snapshot",
                    where=str(self.root),
                    next_step="Its record says which phases were taken.",
                ) from error
            return from_json(Snapshot, content, where=str(path))

    def save_verdict(self, transaction_id: str, phase: str, verdict: Verdict) -> None:
        """Keep what was judged at a phase; the transaction's record, whatever later rules would say."""
        with refusals(self.root, "write the verdict"):
            path = self._folder(transaction_id, make=True) / f"verdict-{_phase(phase)}.json"
            self._write(path, _json(verdict))

    def load_verdict(self, transaction_id: str, phase: str) -> Maybe[Verdict]:
        """What was judged at a phase; Absent when nothing was, Unknown when the file cannot be read."""
        path = self._folder(transaction_id) / f"verdict-{_phase(phase)}.json"
        try:
            return from_json(Verdict, path.read_bytes(), where=str(path))
        except FileNotFoundError:
            return Absent(f"verdict of the {phase} phase")
        except (OSError, NotUnderstood) as error:
            return Unknown(f"{path} cannot be read: {error}")

    # --- copies of configuration files --------------------------------------------------------------------------------

    def save_config_copies(self, transaction_id: str, phase: str, copies: Mapping[str, bytes]) -> None:
        """Keep the content of files, by path. Equal contents are stored once, over all transactions."""
        with refusals(self.root, "copy configuration files"), self._locked(fcntl.LOCK_SH):
            digests = {path: self._keep_blob(content) for path, content in sorted(copies.items())}
            folder = private_folder(self._folder(transaction_id, make=True) / "config")
            replace_file(folder / f"{_phase(phase)}.json", json.dumps(digests, ensure_ascii=True).encode())

    def config_copies(self, transaction_id: str, phase: str) -> dict[str, bytes]:
        """The content of every configuration file that was copied in this phase, by path; empty when none was."""
        index = self._folder(transaction_id) / "config" / f"{_phase(phase)}.json"
        with refusals(index, "read the copies of configuration files"), damage(index):
            try:
                digests = json.loads(index.read_bytes())
            except FileNotFoundError:
                return {}
            return {str(path): self._blob(str(digest)) for path, digest in dict(digests).items()}

    def _keep_blob(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        path = self._blob_path(digest)
        try:
            if self._blob(digest) == content:
                os.utime(path)  # young again: prune leaves it to the index that is about to name it
                return digest
        except (OSError, StoreError, EOFError, zlib.error):
            pass  # not there, or damaged: written anew
        private_folder(path.parent.parent)
        private_folder(path.parent)
        replace_file(path, gzip.compress(content, compresslevel=6, mtime=0))
        return digest

    def _blob(self, digest: str) -> bytes:
        path = self._blob_path(digest)
        content = unpack(path, CONFIG_COPY_LIMIT)
        if hashlib.sha256(content).hexdigest() != digest:
            raise damaged(path, "its content does not have the digest that its name says")
        return content

    def _blob_path(self, digest: str) -> Path:
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise damaged(self.root / "blobs", f"{digest[:80]!r} is not a digest")
        return blob_path(self.root, digest)

    # --- last-good and override ---------------------------------------------------------------------------------------

    def last_good(self) -> Maybe[LastGood]:
        """The recorded last-good kernel; Absent when none was proven yet, Unknown when the record cannot be read."""
        path = self.root / "last-good.json"
        try:
            return from_json(LastGood, path.read_bytes(), where=str(path))
        except FileNotFoundError:
            return Absent("last-good record")
        except (OSError, NotUnderstood) as error:
            return Unknown(f"{path} cannot be read: {error}")

    def save_last_good(self, last_good: LastGood) -> None:
        """Record the kernel that booted and passed its health check."""
        with refusals(self.root, "record the last-good kernel"):
            self._make_root()
            replace_file(self.root / "last-good.json", _json(last_good))

    def save_override(self, override: Override) -> None:
        """Let the guard pass one transaction; replaces an override that waits."""
        with refusals(self.root, "write the override"):
            self._make_root()
            replace_file(self.root / "override.json", _json(override))

    def has_override(self) -> bool:
        """Whether an override waits to be used."""
        return (self.root / "override.json").exists()

    def take_override(self) -> Override | None:
        """Take the waiting override away, so that it serves once; None when there is none or it is damaged."""
        path = self.root / "override.json"
        taken = self.root / f".override.{os.getpid()}.taken"
        with refusals(self.root, "take the override"):
            try:
                path.rename(taken)  # atomic: of two takers one gets it
            except FileNotFoundError:
                return None
            try:
                return from_json(Override, taken.read_bytes(), where=str(path))
            except NotUnderstood:
                return None
            finally:
                taken.unlink(missing_ok=True)

    # --- bounds -------------------------------------------------------------------------------------------------------

    def prune(self, retention: Retention | None = None) -> tuple[str, ...]:
        """Remove the oldest transactions beyond the retention, and what no record refers to; the ids that went."""
        limits = retention or Retention()
        with refusals(self.root, "prune the store"):
            if not (self.root / "transactions").is_dir():
                return ()
            with self._locked(fcntl.LOCK_EX):
                newest_first = reversed(self.transaction_ids())
                gone = prune_transactions(self.root / "transactions", newest_first, self._is_open, limits)
                prune_leftovers(self.root)
        return gone

    def _is_open(self, name: str) -> bool:
        found = self._load_or_damaged(name)
        return isinstance(found, Transaction) and found.outcome is Outcome.OPEN

    def mark_delivered(self, transaction_id: str, to: str) -> None:
        """Say that somebody else (``to``) holds this transaction, so that retention may take it from here."""
        with refusals(self.root, "mark a transaction as delivered"):
            folder = self._folder(transaction_id)
            folder.lstat()  # one that is not there cannot have been delivered
            delivered.mark(folder, to)

    def is_delivered(self, transaction_id: str) -> bool:
        """Whether somebody else holds this transaction as it is now."""
        return delivered.is_delivered(self._folder(transaction_id))

    def place(self, transaction_id: str) -> Path:
        """The folder of a transaction, whether it is there or not. Raises StoreError for what is no id."""
        return self._folder(transaction_id)

    def writable(self) -> None:
        """Prove that the store can be written: one small file is written, flushed and removed."""
        with refusals(self.root, "write into the store"):
            self._make_root()
            probe = self.root / f".selftest.{os.getpid()}"
            replace_file(probe, b"bootkeep\n" * 512)
            probe.unlink()

    def _write(self, path: Path, content: bytes) -> None:
        """Write a file of a transaction, see :func:`bootkeep.edges.room.with_room`."""
        with_room(self, lambda: replace_file(path, content), 2 * len(content))

    # --- places -------------------------------------------------------------------------------------------------------

    def _make_root(self) -> None:
        private_folder(self.root)

    def _folder(self, transaction_id: str, *, make: bool = False) -> Path:
        if not TRANSACTION_ID.match(transaction_id):
            raise StoreError(
                f"{transaction_id[:80]!r} is not the id of a transaction",
                where=str(self.root),
                next_step="'bootkeep transactions' lists the ids there are.",
            )
        folder = self.root / "transactions" / transaction_id
        if make and not folder.is_dir():
            with_room(self, lambda: self._make_folder(folder), 0)
        return folder

    def _make_folder(self, folder: Path) -> None:
        self._make_root()
        private_folder(folder.parent)
        private_folder(folder)
        sync_folder(folder.parent)

    @contextlib.contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """Writers of copies share the lock; prune has it alone, so that no copy vanishes under its index."""
        self._make_root()
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.root / "lock", flags, 0o600)
        try:
            lock_within(descriptor, how, seconds=2.0)
            yield
        finally:
            os.close(descriptor)


def _clean(redaction: Redaction, name: str, reading: Reading) -> Reading:
    """An answer without secrets; a text that had none a moment ago has none now."""
    if is_kept_as_it_is(name) or not stands_alone(name):
        return redaction.of(name, reading)
    text = unless_clean(name, reading.text, lambda: redaction.of(name, reading).text)
    return reading if text == reading.text else replace(reading, text=text)


def _json(value: object) -> bytes:
    return to_json(value).encode("ascii") + b"\n"


def _phase(phase: str) -> str:
    if phase not in PHASES:
        raise StoreError(
            f"{phase[:40]!r} is not a phase", where="store", next_step=f"Use one of {', '.join(sorted(PHASES))}."
        )
    return phase
