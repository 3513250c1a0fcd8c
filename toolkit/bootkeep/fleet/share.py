"""How much of the master one host may take, and whether there is room for another record of it."""

from __future__ import annotations

import shutil
from pathlib import Path

from bootkeep.facts.errors import StoreError
from bootkeep.fleet.assembly import Assembly
from bootkeep.fleet.conversation import HostState
from bootkeep.fleet.limits import Limits, NotAccepted
from bootkeep.fleet.store import FleetStore

#: Seconds between two exact counts of what a host takes that is over its share.
RECOUNT_S = 60.0


def check_room(
    store: FleetStore,
    limits: Limits,
    host: str,
    state: HostState,
    assembly: Assembly,
    *,
    place: Path | None,
    now: float,
) -> None:
    """Pass when the record may come. ``place``: the folder of an embedded store.

    Raises NotAccepted when the host has its share, StoreError when the disk is full.
    """
    if state.records < 0 or state.records >= limits.records:
        state.records = store.count_records(host)  # anew: some may have gone since
    if state.records >= limits.records:
        raise NotAccepted("quota", f"{host} has {state.records} records here, {limits.records} is its share")
    used, coming = _used(store, host), assembly.missing_bytes + assembly.manifest_bytes
    if used + coming > limits.host and now >= state.recount_at:
        state.recount_at = now + RECOUNT_S
        with store.writing() as writer:
            writer.count_share(host)
        used = _used(store, host)
    if used + coming > limits.host:
        raise NotAccepted("quota", f"{host} has {used} bytes here, {limits.host} is its share")
    if place is not None:
        free = shutil.disk_usage(place).free
        if free - assembly.missing_bytes < limits.free:
            # Not this host's fault, so nothing is refused: it is asked again later, and keeps everything until then.
            raise StoreError(
                f"only {free // 1024 // 1024} MiB are free",
                where=str(place),
                next_step="Free space, or run: bootkeep fleet gc.",
            )


def _used(store: FleetStore, host: str) -> int:
    row = store.host(host)
    return row.bytes + row.other_bytes if row else 0
