"""What a minion may send, and what a record has to be before it enters the store. Everything here is about untrusted data."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bootkeep.edges.retention import TRANSACTION_ID
from bootkeep.facts.codec import from_json, from_plain
from bootkeep.facts.delivery import DELIVERY_SCHEMA, Manifest
from bootkeep.facts.errors import BootkeepError, NotUnderstood
from bootkeep.facts.finding import Verdict
from bootkeep.facts.reading import SNAPSHOT_SCHEMA, Snapshot
from bootkeep.facts.transaction import Transaction
from bootkeep.fleet.sql import unpack

#: A minion id that we keep records for: letters, digits and a few signs, no slash, at most a DNS name's length.
HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,252}\Z", re.ASCII)
SHA256 = re.compile(r"[0-9a-f]{64}\Z", re.ASCII)
DOCUMENT_ID = re.compile(r"RB-[0-9A-F]{8}\Z", re.ASCII)
_PACKED = re.compile(r"blobs/|[a-z]+\.json\.gz\Z", re.ASCII)
_BLOB = re.compile(r"blobs/([0-9a-f]{64})\Z", re.ASCII)
_PHASES = "pre|post|settled|boot|manual"
_NAME = re.compile(
    rf"(?:record|restored)\.json\Z|(?:verdict|copies)-(?:{_PHASES})\.json\Z|config/(?:{_PHASES})\.json\Z"
    rf"|(?:{_PHASES})\.json\.gz\Z|blobs/[0-9a-f]{{64}}\Z",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one minion may take of the master. Bytes, and counts."""

    text: int = 64 * 1024  # of an announcement or a status
    answer: int = 1024 * 1024  # of one job return
    file: int = 32 * 1024 * 1024  # of one file of a record, as it travels
    # of one, unpacked: parsed it takes up to thirty times as much memory; a snapshot of 800 packages has 1.3 MiB
    unpacked: int = 16 * 1024 * 1024
    plain: int = 8 * 1024 * 1024  # of one that travels as the JSON that it is
    whole: int = (
        128 * 1024 * 1024
    )  # of all files of a record, unpacked: copies that unpack a thousandfold cost the processor time
    record: int = 64 * 1024 * 1024
    files: int = 5000
    host: int = 1024 * 1024 * 1024  # of everything that is stored of one host
    records: int = 50_000  # of one host
    waiting: int = 1000  # announcements of one host that wait to be pulled
    burst: int = 600  # announcements and statuses at once
    rate: float = 5.0  # of them a second after that
    free: int = 256 * 1024 * 1024  # bytes that stay free on the file system of an embedded store


class NotAccepted(Exception):
    """What a minion sent and the master does not take: ``why`` is a short kind, the message says more."""

    def __init__(self, why: str, detail: str) -> None:
        super().__init__(f"{why}: {detail}")
        self.why = why
        self.detail = detail


class WentAway(Exception):
    """A content that was in the store when a record began to come is not any more: the record is asked for anew."""


def json_object(text: object, limit: int, what: str) -> dict[str, object]:
    """A JSON object from a text of a minion. Raises NotAccepted."""
    if not isinstance(text, str):
        raise NotAccepted("malformed", f"the {what} is no text")
    if len(text) > limit:
        raise NotAccepted("oversized", f"the {what} has {len(text)} characters, {limit} are taken")
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise NotAccepted("malformed", f"the {what} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise NotAccepted("malformed", f"the {what} is no object")
    return found


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Of two values of one key two readers may believe different ones."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no number of JSON")


def checked_id(id: object) -> str:
    """A transaction's id. Raises NotAccepted."""
    if not isinstance(id, str) or not TRANSACTION_ID.match(id):
        raise NotAccepted("bad id", f"{id!r:.80} is not the id of a transaction")
    return id


def checked_manifest(plain: object, id: str, limits: Limits) -> Manifest:
    """A manifest that a minion sent. Raises NotAccepted."""
    try:
        manifest = from_plain(Manifest, plain, where="manifest")
    except (NotUnderstood, RecursionError) as error:
        raise NotAccepted("malformed", f"the manifest: {error}") from error
    names = [file.name for file in manifest.files]
    if manifest.schema != DELIVERY_SCHEMA:
        raise NotAccepted("bad schema", f"manifest schema {manifest.schema}")
    if manifest.id != id:
        raise NotAccepted("bad id", f"the manifest says it is {manifest.id!r:.80}")
    if manifest.phase not in _PHASES.split("|"):
        raise NotAccepted("malformed", f"there is no phase {manifest.phase!r:.40}")
    for file in manifest.files:
        if not _NAME.match(file.name):
            raise NotAccepted("bad path", f"a record has no file {file.name!r:.120}")
        if not SHA256.match(file.sha256) or file.size < 0:
            raise NotAccepted("malformed", f"{file.name}: no digest or size")
        most = limits.file if _PACKED.match(file.name) else limits.plain
        if file.size > most:
            raise NotAccepted("oversized", f"{file.name} has {file.size} bytes, {most} are taken")
    if len(names) > limits.files or manifest.size > limits.record:
        raise NotAccepted("oversized", f"a record of {len(names)} files and {manifest.size} bytes")
    if len(set(names)) != len(names) or names != sorted(names) or "record.json" not in names:
        raise NotAccepted("malformed", "the manifest names a file twice, out of order, or no record.json")
    return manifest


@dataclass(frozen=True, slots=True)
class Contents:
    """What a whole record says, understood."""

    transaction: Transaction
    verdicts: Mapping[str, Verdict]


def understood(manifest: Manifest, body: Callable[[str], bytes], limits: Limits) -> Contents:
    """Parse every file of a record, so that nothing enters the store that nobody can read. Raises NotAccepted.

    ``body`` gives the content with a digest. Compressed files are unpacked up to a limit: a bomb costs that much and no more.
    """
    verdicts: dict[str, Verdict] = {}
    transaction: Transaction | None = None
    room = limits.whole
    try:
        for file in manifest.files:
            content = body(file.sha256)
            room -= len(content)
            if file.name == "record.json":
                transaction = from_json(Transaction, content, where=file.name)
            elif file.name.startswith("verdict-"):
                verdicts[file.name[8:-5]] = from_json(Verdict, content, where=file.name)
            elif file.name.endswith(".json.gz"):
                plain = unpack(content, limit=limits.unpacked, where=file.name)
                room -= len(plain)
                if from_json(Snapshot, plain, where=file.name).schema > SNAPSHOT_SCHEMA:
                    raise NotAccepted("bad schema", f"{file.name} is of a newer schema")
            elif blob := _BLOB.match(file.name):
                plain = unpack(content, limit=limits.file, where=file.name)
                room -= len(plain)
                if hashlib.sha256(plain).hexdigest() != blob.group(1):
                    raise NotAccepted("wrong digest", f"{file.name} holds something else")
            elif not isinstance(json.loads(content), dict):
                raise NotAccepted("malformed", f"{file.name} is no object")
            if room < 0:
                raise NotAccepted("oversized", f"the record unpacks to more than {limits.whole} bytes")
    except (BootkeepError, ValueError, RecursionError) as error:
        raise NotAccepted("malformed", str(error)) from error
    if transaction is None or transaction.id != manifest.id:
        raise NotAccepted("bad id", "record.json is the record of another transaction")
    return Contents(transaction, verdicts)
