"""What a host hands over to its master: announcements, its own status, and the answers to the master's questions.

All of it is data in, data out; Salt's sender engine and execution module carry it. Everything that leaves was redacted when it
entered the store, and every text is signed with the minion's own key (edges.signing).
"""

from __future__ import annotations

import base64
import gzip
import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bootkeep import __version__
from bootkeep.edges import processes
from bootkeep.edges.clock import now_utc
from bootkeep.edges.files import private_folder
from bootkeep.edges.signing import ANNOUNCEMENT, ANSWER, STATUS, sign
from bootkeep.edges.spool import Spool
from bootkeep.edges.store import Store
from bootkeep.facts.codec import to_plain
from bootkeep.facts.delivery import CHUNK, DIGEST_LIMIT, Announcement
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.finding import Verdict
from bootkeep.facts.kernel import LastGood
from bootkeep.facts.transaction import Transaction
from bootkeep.flows.runbook import RUNBOOK_FOLDER, read_printed
from bootkeep.flows.runbook_watch import RunbookWord

_NO_WORD = RunbookWord()
_LATEST = ("boot", "settled", "post", "pre")
#: Bytes of bodies in one answer, before Base64: Salt trims what is larger than max_event_size (1 MiB) without a word.
ANSWER_LIMIT = 3 * CHUNK
#: Entries of the list of waiting records in one status.
_WAITING_MOST = 400
_FINDINGS_MOST = 12
_RUNBOOK_LIMIT = 512 * 1024


def announcement(spool: Spool, id: str) -> Announcement:
    """What the event about a transaction says, cut to what the bus should carry. Raises StoreError."""
    transaction = spool.store.load_transaction(id)
    manifest = spool.manifest(id)
    verdict = _latest_verdict(spool, transaction)
    names = [change.name for change in transaction.changes]
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    made = Announcement(
        id=id,
        phase=manifest.phase,
        digest=manifest.digest,
        size=manifest.size,
        files=len(manifest.files),
        outcome=transaction.outcome.value,
        verdict=verdict.judgement.value if verdict else "UNKNOWN",
        findings=tuple(finding.summary[:500] for finding in verdict.findings[:_FINDINGS_MOST]) if verdict else (),
        counts={"packages": len(names), "findings": len(verdict.findings) if verdict else 0},
        headline=f"{transaction.caller.manager[:100]}: {', '.join(names[:4])[:500]}{more}",
    )
    assert len(json.dumps(to_plain(made))) < DIGEST_LIMIT // 2
    return made


def _latest_verdict(spool: Spool, transaction: Transaction) -> Verdict | None:
    for phase in _LATEST:
        found = spool.store.load_verdict(transaction.id, phase) if phase in transaction.phases else None
        if isinstance(found, Verdict):
            return found
    return None


def signed_announcement(spool: Spool, id: str, *, host: str, key: Path) -> tuple[str, dict[str, str]]:
    """The tag and the data of the event about a transaction."""
    made = announcement(spool, id)
    text = json.dumps({"host": host, "announcement": to_plain(made)}, ensure_ascii=True)
    return f"bootkeep/txn/{id}/{made.phase}", _signed(ANNOUNCEMENT, text, host, key)


def signed_status(
    spool: Spool, *, host: str, key: Path, root: Path = Path("/"), word: RunbookWord = _NO_WORD
) -> tuple[str, dict[str, str]]:
    """The tag and the data of the event about the host itself: its kernels, its runbook, and what waits to be delivered.

    ``word``: what the last check of the runbook said.
    """
    waiting = spool.waiting()
    body = {
        "host": host,
        "at": now_utc(),
        "status": _status(spool, len(waiting), root),
        "runbook": _runbook_facts(root, word),
        "waiting": waiting[:_WAITING_MOST],
        "dropped": spool.take_dropped(),
    }
    return f"bootkeep/status/{host}", _signed(STATUS, json.dumps(body, ensure_ascii=True), host, key)


def _status(spool: Spool, waiting: int, root: Path) -> dict[str, Any]:
    last_good = spool.store.last_good()
    release = platform.uname()
    required = (root / "run/reboot-required").exists() or (root / "var/run/reboot-required").exists()
    return {
        "name": release.node,
        "system": _system_name(root),
        "tool_version": __version__,
        "boot_id": processes.boot_id(),
        "running_kernel": release.release,
        "last_good_kernel": last_good.release if isinstance(last_good, LastGood) else "",
        "reboot_pending": True if required else None,
        "waiting": waiting,
    }


def _system_name(root: Path) -> str:
    try:
        lines = (root / "etc/os-release").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition("=")[2].strip("\"'") for line in lines if line.startswith("PRETTY_NAME=")), "")[:200]


def _runbook_facts(root: Path, word: RunbookWord) -> dict[str, Any] | None:
    """Which runbook the host has, and whether it still fits; None when it has none."""
    try:
        printed = read_printed(root / RUNBOOK_FOLDER)
    except (BootkeepError, OSError):
        return None
    if printed is None:
        return None
    state, moved = word.of(printed.document_id)
    return {
        "document_id": printed.document_id,
        "generated_at": printed.generated_at,
        "state": state,
        "moved": list(moved),
    }


# --- answers ----------------------------------------------------------------------------------------------------------


def answer(
    spool: Spool, request: Mapping[str, Any], *, host: str, key: Path, master: str, root: Path = Path("/")
) -> dict[str, str]:
    """What the master asked this host in one job: confirmations taken, and records or pieces of them handed out.

    ``request``: ``nonce``; ``confirm``, a list of [id, digest] that are stored; ``records``, a list of {id, have: digests};
    ``pieces``, a list of {id, name, sha256, offset}; ``index``, whether to list all that waits; ``runbook``, a document id.
    """
    budget = ANSWER_LIMIT
    body: dict[str, Any] = {"host": host, "nonce": str(request.get("nonce", "")), "confirmed": [], "errors": {}}
    for id, digest in _pairs(request.get("confirm", ())):
        try:
            body["confirmed"].append([id, digest, spool.confirm(id, digest, master)])
        except BootkeepError as error:
            body["errors"][id] = str(error)[:500]
    body["manifests"], body["pieces"] = {}, []
    for wanted in _dicts(request.get("records", ())):
        used, whole = _record(spool, wanted, body, budget)
        budget -= used
        if not whole:
            break  # its rest is asked for before anything else
    for wanted in _dicts(request.get("pieces", ())):
        budget -= _piece(spool, wanted, body) if budget >= CHUNK else 0
    if request.get("index"):
        body["waiting"] = _index(spool)
    if request.get("runbook"):
        body["runbook"] = _runbook(root)
    return _signed(ANSWER, json.dumps(body, ensure_ascii=True), host, key)


def _record(spool: Spool, wanted: Mapping[str, Any], body: dict[str, Any], budget: int) -> tuple[int, bool]:
    """A record's manifest, and what the master lacks of it as far as the budget goes: what it took, and whether that is all."""
    id = str(wanted.get("id", ""))
    used = 0
    try:
        manifest = spool.manifest(id)
        body["manifests"][id] = to_plain(manifest)
        have = {str(digest) for digest in wanted.get("have", ())}
        for file in manifest.files:
            if file.sha256 in have:
                continue
            for offset in range(0, max(1, file.size), CHUNK):
                if used + min(file.size - offset, CHUNK) > budget:
                    return used, False
                request = {"id": id, "name": file.name, "sha256": file.sha256, "offset": offset}
                used += _piece(spool, request, body)
    except BootkeepError as error:
        body["errors"][id[:64]] = str(error)[:500]
    return used, True


def _piece(spool: Spool, wanted: Mapping[str, Any], body: dict[str, Any]) -> int:
    id, name, sha256 = (str(wanted.get(field, "")) for field in ("id", "name", "sha256"))
    offset = wanted.get("offset", 0)
    if not isinstance(offset, int):
        return 0
    try:
        content = spool.chunk(id, name, sha256, offset)
    except BootkeepError as error:
        body["errors"][id[:64]] = str(error)[:500]
        return 0
    data = base64.b64encode(content).decode("ascii")
    body["pieces"].append({"id": id, "name": name, "sha256": sha256, "offset": offset, "data": data})
    return len(content)


def _index(spool: Spool) -> list[list[str | bool]]:
    """Every transaction with the digest of its record, and whether a master has confirmed it: it may have lost it since."""
    found: list[list[str | bool]] = []
    for id in spool.store.transaction_ids():
        try:
            confirmed = spool.confirmed_digest(id)
            found.append([id, confirmed or spool.manifest(id).digest, bool(confirmed)])
        except BootkeepError:
            continue  # it is being written, or damaged
    return found


def _runbook(root: Path) -> dict[str, Any] | None:
    """The host's runbook with its fingerprint; None when there is none, or it is too large for one answer."""
    folder = root / RUNBOOK_FOLDER
    try:
        printed = read_printed(folder)
        text = (folder / "runbook.txt").read_bytes()
    except (BootkeepError, OSError):
        return None
    packed = gzip.compress(text, mtime=0)
    if printed is None or len(packed) > _RUNBOOK_LIMIT:
        return None
    return {
        "document_id": printed.document_id,
        "generated_at": printed.generated_at,
        "fingerprint": json.dumps(to_plain(printed.fingerprint)),
        "text": base64.b64encode(packed).decode("ascii"),
    }


def _signed(purpose: str, text: str, host: str, key: Path) -> dict[str, str]:
    return {"text": text, "signature": sign(key, purpose, host, text)}


def _pairs(value: object) -> list[tuple[str, str]]:
    items = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    return [(str(one[0]), str(one[1])) for one in items if isinstance(one, Sequence) and len(one) == 2]


def _dicts(value: object) -> list[Mapping[str, Any]]:
    items = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    return [one for one in items if isinstance(one, Mapping)]


def capture(store: Store, reason: str) -> dict[str, Any]:
    """A look at the host because somebody asked: see ``bootkeep_fleet.capture``. Raises StoreError."""
    from bootkeep.edges.config import load_policy
    from bootkeep.flows.settling import after_boot
    from bootkeep.flows.snapshot import save_snapshot, take_snapshot

    looked = after_boot(store, load_policy())
    if looked is not None:
        return {"transaction": looked.id, "sentence": f"looked after the boot, for {looked.id}"}
    if reason == "boot":
        return {"transaction": "", "sentence": "not rebooted since its last transaction: nothing to look at"}
    taken = take_snapshot("manual", boot=True, deadline_s=60.0)
    path = private_folder(store.root / "manual") / f"{now_utc().replace('-', '').replace(':', '')}.json"
    save_snapshot(taken, path)
    return {"transaction": "", "sentence": f"a snapshot is kept at {path}"}
