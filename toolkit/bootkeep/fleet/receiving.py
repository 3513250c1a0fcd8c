"""What the intake does with what it has accepted: rows in the store, and alerts."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bootkeep.edges.clock import now_utc
from bootkeep.edges.retention import TRANSACTION_ID
from bootkeep.facts.codec import from_json, to_json
from bootkeep.facts.delivery import Manifest
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.finding import Judgement
from bootkeep.facts.runbook import Fingerprint, Freshness
from bootkeep.facts.transaction import Outcome, Transaction
from bootkeep.fleet.limits import DOCUMENT_ID, Contents, NotAccepted, WentAway
from bootkeep.fleet.rows import HostStatus
from bootkeep.fleet.sql import clean, unpack
from bootkeep.fleet.store import FleetStore
from bootkeep.fleet.writing import Writer
from bootkeep.runbook.fingerprint import WEIGHT

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
    ),
)
_STATES = frozenset(one.value for one in Freshness)
_RUNBOOK_LIMIT = 8 * 1024 * 1024
_LIST_MOST = 400


@dataclass(frozen=True, slots=True)
class SaidOfRunbook:
    """What a host says of the runbook that it has."""

    document: str = ""  # RB-1A2B3C4D; empty: it has none
    state: str = "UNKNOWN"  # facts.runbook.Freshness
    moved: str = ""  # sections of the facts that changed since, by comma

    def of_copy(self, copy: str) -> tuple[str, str]:
        """State and moved of the master's copy: of another document than the host's own it is certain that it is behind."""
        if not self.document:
            return "UNKNOWN", ""
        return (self.state, self.moved) if copy == self.document else ("STALE", "")


def status_of(text: Mapping[str, object]) -> tuple[HostStatus, SaidOfRunbook, tuple[str, ...], tuple[str, ...]]:
    """A host's word about itself: its status, its runbook, the ids that wait, and those that went for lack of space.

    Fields of the wrong type are left out, texts are cut: it is a minion's word. Raises NotAccepted when there is none.
    """
    said = text.get("status")
    if not isinstance(said, dict):
        raise NotAccepted("malformed", "no status in it")
    texts = {name: clean(value, 300) for name in _STATUS_TEXTS if isinstance(value := said.get(name), str)}
    pending, count = said.get("reboot_pending"), said.get("waiting")
    status = HostStatus(
        **texts,
        reboot_pending=pending if isinstance(pending, bool) else None,
        waiting=max(0, min(int(count), 10**6)) if isinstance(count, int) else 0,
    )
    return (
        status,
        _said_of_runbook(text.get("runbook")),
        _ids(text.get("waiting")),
        _ids(text.get("dropped")),
    )


def _said_of_runbook(said: object) -> SaidOfRunbook:
    """States and sections are words of ours, and nothing else is taken."""
    if not isinstance(said, dict):
        return SaidOfRunbook()
    document, state, moved = said.get("document_id"), said.get("state"), said.get("moved")
    if not isinstance(document, str) or not DOCUMENT_ID.match(document):
        return SaidOfRunbook()
    known = state if isinstance(state, str) and state in _STATES else "UNKNOWN"
    names = moved[:_LIST_MOST] if isinstance(moved, list) else []
    return SaidOfRunbook(
        document, known, ", ".join(sorted({one for one in names if isinstance(one, str) and one in WEIGHT}))
    )


def _ids(value: object) -> tuple[str, ...]:
    items = value[:_LIST_MOST] if isinstance(value, list) else []
    return tuple(id for id in items if isinstance(id, str) and TRANSACTION_ID.match(id))


def store_record(
    store: FleetStore, host: str, manifest: Manifest, contents: Contents, bodies: Iterable[bytes] = ()
) -> bool:
    """Put a whole record into the store, in one go; False when exactly this one was there already.

    ``bodies``: those of its files that are not in the store yet. Raises WentAway when another one is not there any more: what
    is confirmed to the host has to be whole, and old contents go while records come.
    """
    now = now_utc()
    with store.writing() as writer:
        writer.saw(host, now)
        for body in bodies:
            writer.save_body(host, body)
        if writer.lacks_bodies(host, manifest):
            raise WentAway(manifest.id)
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
            # What else happened on a host whose hooks do not see everything? The reaction to bootkeep/work takes the look.
            # One look answers for all that came meanwhile: a host that reports a thousand keeps nobody waiting for so many.
            writer.ask_capture(host, reason="hook missed", asked_by=transaction.id, now=now)


def _missed(transaction: Transaction) -> str:
    return f"no hook saw {transaction.id}: {transaction.hook_missed}" if transaction.hook_missed else ""


def save_runbook(store: FleetStore, host: str, said: object, told: SaidOfRunbook) -> bool:
    """Keep a host's runbook; False when it sent none. ``told``: what its last status said of it. Raises NotAccepted."""
    if not isinstance(said, dict):
        return False
    document, generated, fingerprint = (str(said.get(k, "")) for k in ("document_id", "generated_at", "fingerprint"))
    if not DOCUMENT_ID.match(document):
        raise NotAccepted("bad id", f"{document!r:.80} is not the id of a runbook")
    try:
        fingerprint = to_json(from_json(Fingerprint, fingerprint, where="fingerprint"))
        packed = base64.b64decode(str(said.get("text")), validate=True)
        text = unpack(packed, limit=_RUNBOOK_LIMIT, where="runbook").decode("ascii")
    except (BootkeepError, binascii.Error, ValueError) as error:
        raise NotAccepted("malformed", f"the runbook: {error}") from error
    with store.writing() as writer:
        now = now_utc()
        writer.save_runbook(host, document, text, generated_at=generated, fingerprint=fingerprint, now=now)
        writer.set_runbook_state(host, *told.of_copy(document), now=now)
    return True
