"""What the intake does with what it has accepted: rows in the store, and alerts."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from bootkeep.edges.clock import now_utc
from bootkeep.edges.retention import TRANSACTION_ID
from bootkeep.facts.codec import from_json
from bootkeep.facts.delivery import Manifest
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.finding import Judgement
from bootkeep.facts.runbook import Fingerprint
from bootkeep.facts.transaction import Outcome, Transaction
from bootkeep.fleet.limits import DOCUMENT_ID, Contents, NotAccepted
from bootkeep.fleet.rows import HostStatus
from bootkeep.fleet.sql import clean, unpack
from bootkeep.fleet.store import FleetStore
from bootkeep.fleet.writing import Writer

#: Verdicts are not among them: they come with the records that they stand on.
_STATUS_TEXTS = (
    *(
        "name",
        "system",
        "tool_version",
        "boot_id",
        "running_kernel",
        "default_kernel",
        "last_good_kernel",
        "runbook_state",
    ),
)
_RUNBOOK_LIMIT = 8 * 1024 * 1024
_LIST_MOST = 400


def status_of(text: Mapping[str, object]) -> tuple[HostStatus, str, tuple[str, ...], tuple[str, ...]]:
    """A host's word about itself: its status, its runbook's id, the ids that wait, and those that went for lack of space.

    Fields of the wrong type are left out, texts are cut: it is a minion's word. Raises NotAccepted when there is none.
    """
    said = text.get("status")
    if not isinstance(said, dict):
        raise NotAccepted("malformed", "no status in it")
    texts = {name: clean(value, 300) for name in _STATUS_TEXTS if isinstance(value := said.get(name), str)}
    if texts.get("runbook_state") not in {"FRESH", "STALE", "UNKNOWN"}:
        texts.pop("runbook_state", None)
    pending, count = said.get("reboot_pending"), said.get("waiting")
    status = HostStatus(
        **texts,
        reboot_pending=pending if isinstance(pending, bool) else None,
        waiting=max(0, min(count, 10**6)) if isinstance(count, int) else 0,
    )
    runbook = text.get("runbook")
    document = runbook.get("document_id") if isinstance(runbook, dict) else None
    return (
        status,
        document if isinstance(document, str) and DOCUMENT_ID.match(document) else "",
        _ids(text.get("waiting")),
        _ids(text.get("dropped")),
    )


def _ids(value: object) -> tuple[str, ...]:
    items = value[:_LIST_MOST] if isinstance(value, list) else []
    return tuple(id for id in items if isinstance(id, str) and TRANSACTION_ID.match(id))


def store_record(store: FleetStore, host: str, manifest: Manifest, contents: Contents) -> bool:
    """Put a whole record into the store, in one go; False when exactly this one was there already."""
    now = now_utc()
    with store.writing() as writer:
        writer.save_transaction(host, contents.transaction, contents.verdicts, digest=manifest.digest, now=now)
        new = writer.save_record(host, manifest, now=now)
        writer.set_problem(host, "")
        if new:
            _raise_alerts(writer, host, contents, now)
    return new


def _raise_alerts(writer: Writer, host: str, contents: Contents, now: str) -> None:
    transaction = contents.transaction
    latest = next((contents.verdicts[p] for p in ("boot", "settled", "post", "pre") if p in contents.verdicts), None)
    if latest is not None and latest.judgement is Judgement.NO_GO and transaction.outcome is not Outcome.OPEN:
        writer.raise_alert(host, "no-go", transaction.id, f"{host}: {latest.sentence}", now=now, id=transaction.id)
    if missed := _missed(transaction):
        fresh = writer.raise_alert(host, "hook-missed", transaction.id, f"{host}: {missed}", now=now, id=transaction.id)
        if fresh:
            # What else happened on a host whose hooks do not see everything? The reactor on bootkeep/stored takes the look.
            writer.ask_capture(host, reason=f"hook missed: {transaction.id}", asked_by="hook missed", now=now)


def _missed(transaction: Transaction) -> str:
    return f"no hook saw {transaction.id}: {transaction.hook_missed}" if transaction.hook_missed else ""


def save_runbook(store: FleetStore, host: str, said: object) -> bool:
    """Keep a host's runbook; False when it sent none. Raises NotAccepted."""
    if not isinstance(said, dict):
        return False
    document, generated, fingerprint = (str(said.get(k, "")) for k in ("document_id", "generated_at", "fingerprint"))
    if not DOCUMENT_ID.match(document):
        raise NotAccepted("bad id", f"{document!r:.80} is not the id of a runbook")
    try:
        from_json(Fingerprint, fingerprint, where="fingerprint")
        packed = base64.b64decode(str(said.get("text")), validate=True)
        text = unpack(packed, limit=_RUNBOOK_LIMIT, where="runbook").decode("ascii")
    except (BootkeepError, binascii.Error, ValueError) as error:
        raise NotAccepted("malformed", f"the runbook: {error}") from error
    with store.writing() as writer:
        writer.save_runbook(host, document, text, generated_at=generated, fingerprint=fingerprint, now=now_utc())
    return True
