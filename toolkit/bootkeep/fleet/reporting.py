"""Reports of stored transactions: the host's own records, laid out as its store, and the host's own renderer over them."""

from __future__ import annotations

import logging
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from bootkeep.edges.clock import now_utc
from bootkeep.edges.files import private_folder
from bootkeep.edges.store import Store
from bootkeep.facts.change import ChangeClass
from bootkeep.facts.codec import from_json
from bootkeep.facts.errors import StoreError
from bootkeep.facts.policy import Policy
from bootkeep.fleet.changes import same_change
from bootkeep.fleet.limits import Limits, checked_manifest
from bootkeep.fleet.store import FleetStore
from bootkeep.flows.report import build_report
from bootkeep.reports.document import Report

log = logging.getLogger(__name__)


def build_stored_report(store: FleetStore, host: str, id: str, policy: Policy | None = None) -> Report:
    """The report of a stored transaction, made anew and not kept. Raises BootkeepError."""
    with tempfile.TemporaryDirectory(prefix="bootkeep-report-") as folder:
        root = Path(folder)
        lay_out(store, host, id, root)
        earlier = [row.id for row in store.transactions(host=host, before=id, limit=1)]
        for other in earlier:
            lay_out(store, host, other, root)  # the report also tells what changed since the one before
        return build_report(Store(root), id, policy=policy)


def lay_out(store: FleetStore, host: str, id: str, root: Path) -> None:
    """Write the newest record of a transaction below ``root`` as the host's store has it. Raises StoreError, OSError."""
    records = store.records(host, id)
    if not records:
        raise StoreError(
            f"there is no transaction {id} of {host}",
            where="the fleet's store",
            next_step="See: bootkeep fleet status.",
        )
    manifest = checked_manifest(from_json(dict, records[-1].manifest, where=id), id, Limits())
    place = private_folder(root / "transactions" / id)
    for file in manifest.files:
        content = store.body(host, file.sha256)
        if content is None:
            raise StoreError(
                f"{file.name} of {id} of {host} is missing",
                where="the fleet's store",
                next_step="Run: bootkeep fleet verify.",
            )
        digest = file.name[6:]
        path = root / "blobs" / digest[:2] / f"{digest}.gz" if file.name.startswith("blobs/") else place / file.name
        private_folder(path.parent)
        path.write_bytes(content)


def report_pending(
    store: FleetStore,
    *,
    limit: int = 200,
    older_than_s: float = 0.0,
    policy: Policy | None = None,
    share: int = 0,
) -> tuple[tuple[str, str], ...]:
    """Make the reports that are missing or outdated; (host, id) of each. One that cannot be made is told as an alert.

    ``older_than_s``: only of records that were stored so many seconds ago. ``share``: how many bytes of a host are
    stored, 0: as many as the intake takes by default.
    """
    made: list[tuple[str, str]] = []
    share = share or Limits().host
    until = (
        datetime.fromtimestamp(time.time() - older_than_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if older_than_s else ""
    )
    for host, id in store.unreported(limit, stored_until=until):
        row, here = store.transaction(host, id), store.host(host)
        if row is None or here is None:
            continue
        if here.bytes + here.other_bytes > share:
            # Small records may give large reports, and all of them are stored before the first report is made.
            _cannot(store, host, id, row.digest, f"{host} has used its share of the store, {share} bytes")
            continue
        try:
            report = build_stored_report(store, host, id, policy)
        except OSError as error:
            # No room for the files, no right to make any: that is nobody's record, and the report is made when it is mended.
            log.error("bootkeep: reports cannot be made now, and are tried again: %s", error)
            break
        except Exception as error:
            if isinstance(error.__cause__, SQLAlchemyError):
                raise  # the database is away
            # A record of a minion in the wrong hands may break what nobody thought of; the others' reports go on.
            log.warning("bootkeep: no report of %s of %s", id, host, exc_info=error)
            _cannot(store, host, id, row.digest, str(error))
            continue
        now = now_utc()
        with store.writing() as writer:
            if not writer.save_report(host, id, report, digest=row.digest, now=now):
                continue  # retention was faster
            for change in report.changes:
                if change.change_class is ChangeClass.SECURITY_WEAKENED:
                    same = same_change(change)
                    writer.raise_alert(
                        host, "weakened", f"{id} {same}"[:64], f"{host}: {change.sentence}", now=now, id=id, same=same
                    )
        made.append((host, id))
    return tuple(made)


def _cannot(store: FleetStore, host: str, id: str, digest: str, why: str) -> None:
    """Not tried again for the same record; somebody is told."""
    with store.writing() as writer:
        writer.set_reported(host, id, digest)
        writer.raise_alert(host, "report-failed", id, f"{host}: no report of {id}: {why}", now=now_utc(), id=id)
