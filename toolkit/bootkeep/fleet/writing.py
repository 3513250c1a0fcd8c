"""Every way to write into the fleet's store. Each method is safe to repeat: the second time changes nothing that matters."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict

from sqlalchemy import (
    Connection,
    and_,
    case,
    delete,
    or_,
    select,
    update,
)

from bootkeep.facts.codec import to_json
from bootkeep.facts.delivery import Manifest
from bootkeep.facts.finding import Verdict
from bootkeep.facts.runbook import Freshness
from bootkeep.facts.transaction import Outcome, Transaction
from bootkeep.fleet.changes import change_row
from bootkeep.fleet.order import Moment, came_later
from bootkeep.fleet.removing import Removing
from bootkeep.fleet.rows import HostStatus
from bootkeep.fleet.sql import clean, pack, upsert
from bootkeep.fleet.statements import (
    BODIES_THERE,
    HOST_ROW,
    IN_ORDER,
    LAST_CHANGE,
    MOMENTS,
    RECORD_THERE,
    grown,
)
from bootkeep.fleet.tables import (
    ALERTS,
    BODIES,
    CAPTURES,
    CHANGES,
    HOSTS,
    RECORDS,
    REFUSALS,
    REPORTS,
    RUNBOOKS,
    TRANSACTIONS,
    VERDICTS,
)
from bootkeep.reports.document import Report

#: Phases in the order in which they can come.
PHASES = ("pre", "post", "settled", "boot")
#: States of a runbook that still gets its host up.
_FITS = (Freshness.FRESH.value, Freshness.STALE_MINOR.value)
#: So many runbooks of one host are kept.
RUNBOOKS_KEPT = 5
#: What a column of 64 bits holds.
_TICKS_MOST = 2**62
_EMPTY_KEEPS = ("verdict", "verdict_sentence", "verdict_at", "default_kernel")


class Writer(Removing):
    """Writes into one open database transaction; see :meth:`bootkeep.fleet.store.FleetStore.writing`."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._number = 0

    def finish(self) -> None:
        """The last thing before the transaction ends: what came counts into each host's share, in one go."""
        came, self._grown = self._grown, {}
        for host in {host for host, _column in came}:
            more = {f"more_{column}": size for (name, column), size in came.items() if name == host}
            self._connection.execute(grown(tuple(more)), {"this": host, **more})

    def _change(self) -> int:
        """The number of this transaction's changes: greater than all that anybody can see, and nobody sees a greater one first."""
        if not self._number:
            if self._connection.dialect.name == "postgresql":
                self._connection.execute(IN_ORDER)  # until the commit; SQLite has one writer at a time anyway
            self._number = int(self._connection.execute(LAST_CHANGE).scalar_one()) + 1
        return self._number

    def _grow(self, host: str, column: str, size: int) -> None:
        self._grown[host, column] = self._grown.get((host, column), 0) + size

    # --- hosts --------------------------------------------------------------------------------------------------------

    def saw(self, host: str, now: str) -> None:
        """This host spoke to us."""
        if (host, now) in self._seen:
            return
        self._seen.add((host, now))
        row = {"host": host, "first_seen": now, "last_seen": now}
        upsert(self._connection, HOSTS, row, keep=("first_seen",))

    def save_status(self, host: str, status: HostStatus, now: str) -> None:
        """What the host tells of itself; texts that are empty leave what is on record for the verdict and the runbook."""
        self.saw(host, now)
        values = {name: clean(value) if isinstance(value, str) else value for name, value in asdict(status).items()}
        values = {name: value for name, value in values.items() if value != "" or name not in _EMPTY_KEEPS}
        state, moved = str(values.pop("runbook_state")), str(values.pop("runbook_moved"))
        self._update_host(host, **values)
        if state:
            self.set_runbook_state(host, state, moved, now=now)

    def set_runbook_state(self, host: str, state: str, moved: str, *, now: str) -> None:
        """Whether the master's copy of its runbook still fits, as the host says; the day it stopped to is kept."""
        good = state in _FITS
        since = case((HOSTS.c.runbook_bad_since == "", now), else_=HOSTS.c.runbook_bad_since)
        self._update_host(host, runbook_state=clean(state, 16), runbook_moved=clean(moved), runbook_state_at=now)
        self._connection.execute(
            update(HOSTS).where(HOSTS.c.host == host).values(runbook_bad_since="" if good else since)
        )

    def set_problem(self, host: str, problem: str) -> None:
        """What keeps this host's records from coming; empty when nothing does any more."""
        self._update_host(host, problem=clean(problem))

    def forget_host(self, host: str) -> None:
        """Remove a host with everything that it delivered."""
        self._seen = {(name, now) for name, now in self._seen if name != host}
        for table in (CAPTURES, ALERTS):
            self._connection.execute(delete(table).where(table.c.host == host))
        self._connection.execute(delete(HOSTS).where(HOSTS.c.host == host))

    # --- transactions -------------------------------------------------------------------------------------------------

    def save_transaction(
        self, host: str, transaction: Transaction, verdicts: Mapping[str, Verdict], *, digest: str, now: str
    ) -> None:
        """A transaction in its newest state, with the verdicts of its phases. ``digest``: of the record that says so."""
        self.saw(host, now)
        latest = next((verdicts[phase] for phase in reversed(PHASES) if phase in verdicts), None)
        values: dict[str, object] = {
            "host": host,
            "id": transaction.id,
            "started_at": clean(transaction.started_at, 20),
            "ended_at": clean(transaction.ended_at, 20),
            "manager": clean(transaction.caller.manager, 200),
            "command": clean(" ".join(transaction.caller.command)),
            "user": clean(transaction.caller.user, 200),
            "salt_job": clean(transaction.caller.salt_job, 64),
            "outcome": transaction.outcome.value,
            "outcome_detail": clean(transaction.outcome_detail),
            "phases": json.dumps([phase for phase in PHASES if phase in transaction.phases]),
            "packages": len(transaction.changes),
            "verdict": latest.judgement.value if latest else "UNKNOWN",
            "verdict_sentence": clean(latest.sentence) if latest else "UNKNOWN: there is no verdict on record.",
            "mood": _mood(transaction, latest),
            "digest": digest,
            "first_stored_at": now,
            "stored_at": now,
            "change": self._change(),
            "boot_id": clean(transaction.caller.boot_id, 64),
            "start_ticks": min(max(transaction.caller.start_ticks, 0), _TICKS_MOST),
        }
        upsert(self._connection, TRANSACTIONS, values, keep=("first_stored_at",))
        for phase, verdict in verdicts.items():
            findings = to_json(verdict.findings)
            self._grow(host, "other_bytes", len(findings))
            upsert(
                self._connection,
                VERDICTS,
                {
                    "host": host,
                    "id": transaction.id,
                    "phase": phase,
                    "verdict": verdict.judgement.value,
                    "sentence": clean(verdict.sentence),
                    "findings": findings,
                },
            )
        self._follow_newest(host, transaction, latest)

    def _follow_newest(self, host: str, transaction: Transaction, verdict: Verdict | None) -> None:
        """The host's own row speaks of its newest transaction."""
        here = self._connection.execute(HOST_ROW, {"host": host}).one()
        if here.last_transaction not in ("", transaction.id):
            moments = {
                row.id: Moment(row.id, row.boot_id, row.start_ticks, row.first_stored_at)
                for row in self._connection.execute(
                    MOMENTS, {"host": host, "ids": [transaction.id, here.last_transaction]}
                )
            }
            last = moments.get(here.last_transaction)
            if last is not None and came_later(last, moments[transaction.id], here.boot_id):
                return
        values: dict[str, object] = {"last_transaction": transaction.id}
        if verdict is not None:
            values |= {
                "verdict": verdict.judgement.value,
                "verdict_sentence": clean(verdict.sentence),
                "verdict_at": clean(transaction.ended_at or transaction.started_at, 20),
            }
        self._connection.execute(update(HOSTS).where(HOSTS.c.host == host).values(**values))

    # --- records ------------------------------------------------------------------------------------------------------

    def save_record(self, host: str, manifest: Manifest, *, now: str) -> bool:
        """A delivered state of a transaction that is in the store; False when exactly this one was there already."""
        wanted = {"host": host, "id": manifest.id, "digest": manifest.digest}
        if self._connection.execute(RECORD_THERE, wanted).first() is not None:
            return False
        content = to_json(manifest)
        self._grow(host, "other_bytes", len(content))
        self._connection.execute(
            RECORDS.insert().values(
                host=host,
                id=manifest.id,
                digest=manifest.digest,
                phase=manifest.phase,
                manifest=content,
                size=manifest.size,
                stored_at=now,
            )
        )
        return True

    def lacks_bodies(self, host: str, manifest: Manifest) -> bool:
        """Whether a file of the record is not in the store, and holds the host so that none can go before this is over."""
        self.hold(host)
        wanted = sorted({file.sha256 for file in manifest.files})
        for start in range(0, len(wanted), 500):
            part = wanted[start : start + 500]
            found = self._connection.execute(BODIES_THERE, {"host": host, "digests": part}).scalars()
            if set(part) - set(found):
                return True
        return False

    def save_body(self, host: str, content: bytes) -> str:
        """One file of a record, once a host; its digest. Counts into the host's bytes when it is new."""
        sha256 = hashlib.sha256(content).hexdigest()
        row = {"host": host, "sha256": sha256, "size": len(content), "content": content}
        if upsert(self._connection, BODIES, row, replace=False):
            self._grow(host, "bytes", len(content))
        return sha256

    # --- reports and runbooks -----------------------------------------------------------------------------------------

    def save_report(self, host: str, id: str, report: Report, *, digest: str, now: str) -> bool:
        """The report of a transaction, and its changes; False when the transaction is not there any more.

        ``digest``: of the record that the report stands on.
        """
        self.hold(host)
        if not self._connection.execute(MOMENTS, {"host": host, "ids": [id]}).first():
            return False
        content = pack(to_json(report).encode("ascii"))
        row = {
            "host": host,
            "id": id,
            "digest": digest,
            "headline": clean(report.headline),
            "content": content,
            "generated_at": clean(report.generated_at, 20) or now,
            "tool_version": clean(report.tool_version, 64),
        }
        upsert(self._connection, REPORTS, row)
        self._connection.execute(delete(CHANGES).where(CHANGES.c.host == host, CHANGES.c.id == id))
        rows = [change_row(host, id, number, change) for number, change in enumerate(report.changes)]
        if rows:
            self._connection.execute(CHANGES.insert(), rows)
        lines = sum(len(str(value)) for row in rows for value in row.values())
        self._grow(host, "other_bytes", len(content) + lines)
        self._connection.execute(
            update(TRANSACTIONS)
            .where(TRANSACTIONS.c.host == host, TRANSACTIONS.c.id == id)
            .values(
                summary=clean(report.summary),
                weakened=report.weakened,
                mood=report.mood,
                reported=digest,
                change=self._change(),
            )
        )
        if report.kernels.boots_next:
            newest = and_(HOSTS.c.host == host, HOSTS.c.last_transaction == id)
            self._connection.execute(
                update(HOSTS).where(newest).values(default_kernel=clean(report.kernels.boots_next, 200))
            )
        return True

    def set_reported(self, host: str, id: str, digest: str) -> None:
        """No report is to be made of this record (again)."""
        self.hold(host)  # first the host, then the order of changes: whoever takes both takes them so
        wanted = and_(TRANSACTIONS.c.host == host, TRANSACTIONS.c.id == id)
        self._connection.execute(update(TRANSACTIONS).where(wanted).values(reported=digest, change=self._change()))

    def save_runbook(
        self, host: str, document_id: str, text: str, *, generated_at: str, fingerprint: str, now: str
    ) -> None:
        """A runbook of a host becomes its current one; the oldest beyond ``RUNBOOKS_KEPT`` go."""
        self.saw(host, now)
        row = {
            "host": host,
            "document_id": document_id,
            "generated_at": clean(generated_at, 20),
            "fingerprint": fingerprint,
            "content": pack(text.encode("ascii", "replace")),
            "stored_at": now,
        }
        upsert(self._connection, RUNBOOKS, row)
        self._update_host(host, runbook=document_id, runbook_at=row["generated_at"])
        kept = (
            select(RUNBOOKS.c.document_id)
            .where(RUNBOOKS.c.host == host)
            .order_by(RUNBOOKS.c.stored_at.desc(), RUNBOOKS.c.generated_at.desc())
            .limit(RUNBOOKS_KEPT)
        )
        names = list(self._connection.execute(kept).scalars())
        self._connection.execute(
            delete(RUNBOOKS).where(RUNBOOKS.c.host == host, RUNBOOKS.c.document_id.not_in([*names, document_id]))
        )

    # --- captures, alerts, refusals -----------------------------------------------------------------------------------

    def ask_capture(self, host: str, *, reason: str, asked_by: str, now: str, lately: str = "") -> int:
        """Ask for a look at a host; its number. The same question that still waits is not asked twice.

        ``lately``: nor is one that was asked at this moment or later, whatever became of it.
        """
        waits = CAPTURES.c.state.in_(("asked", "sent"))
        waiting = select(CAPTURES.c.number).where(
            CAPTURES.c.host == host,
            CAPTURES.c.reason == clean(reason),
            or_(waits, and_(CAPTURES.c.asked_at >= lately, CAPTURES.c.asked_at <= now)) if lately else waits,
        )
        there = self._connection.execute(waiting).scalars().first()
        if there is not None:
            return int(there)
        values = {"host": host, "reason": clean(reason), "asked_by": clean(asked_by, 200), "asked_at": now}
        done = self._connection.execute(CAPTURES.insert().values(**values).returning(CAPTURES.c.number))
        return int(done.scalar_one())

    def set_capture(self, number: int, state: str, *, detail: str = "", now: str = "") -> None:
        """What became of a capture: sent, done or failed."""
        values = {"state": state, "detail": clean(detail), "done_at": now}
        self._connection.execute(update(CAPTURES).where(CAPTURES.c.number == number).values(**values))

    def raise_alert(self, host: str, kind: str, key: str, text: str, *, now: str, id: str = "", same: str = "") -> bool:
        """Somebody has to be told; False when this alert is on record already. ``key``: what makes it the same one."""
        there = select(ALERTS.c.number).where(ALERTS.c.host == host, ALERTS.c.kind == kind, ALERTS.c.key == key)
        if self._connection.execute(there).first() is not None:
            return False
        row = {"host": host, "id": id, "kind": kind, "key": key, "same": same, "text": clean(text), "raised_at": now}
        self._grow(host, "other_bytes", len(row["text"]))
        self._connection.execute(ALERTS.insert().values(**row))
        return True

    def mark_told(self, numbers: Iterable[int], now: str) -> None:
        """Somebody was told of these alerts."""
        self._connection.execute(update(ALERTS).where(ALERTS.c.number.in_(list(numbers))).values(told_at=now))

    def refuse(self, sender: str, why: str, example: str, now: str, *, times: int = 1) -> None:
        """Count what was turned away: a row for each sender and reason, however often it comes."""
        name, reason = clean(sender, 253), clean(why, 64)
        row = {
            "sender": name,
            "why": reason,
            "example": clean(example, 500),
            "times": 0,
            "first_at": now,
            "last_at": now,
        }
        upsert(self._connection, REFUSALS, row, replace=False)
        same = and_(REFUSALS.c.sender == name, REFUSALS.c.why == reason)
        self._connection.execute(
            update(REFUSALS)
            .where(same)
            .values(times=REFUSALS.c.times + times, last_at=now, example=clean(example, 500))
        )


def _mood(transaction: Transaction, verdict: Verdict | None) -> str:
    """As :attr:`bootkeep.reports.document.Report.mood`, until the report is there."""
    word = verdict.judgement.value if verdict else "UNKNOWN"
    if word == "NO-GO" or transaction.outcome in {Outcome.FAILED, Outcome.INTERRUPTED}:
        return "bad"
    return "good" if word == "GO" else "odd"
