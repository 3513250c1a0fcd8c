"""What the command line, the runner and the reactors do with a fleet, in one place each: write its pages, tell of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from bootkeep.edges.clock import now_utc
from bootkeep.edges.messages_config import MESSAGES_PATH, load_messages
from bootkeep.edges.site_folder import ONLY_US, Readers, SiteWritten
from bootkeep.facts.notice import Message, MessagePolicy, Notice
from bootkeep.fleet.configuration import command_line_settings, dsn_of
from bootkeep.fleet.database import FLEET_ROOT
from bootkeep.fleet.notices import notices_of, targets, told
from bootkeep.fleet.outbox import Delivered, Outbox, tell
from bootkeep.fleet.pages import write_pages
from bootkeep.fleet.store import FleetStore
from bootkeep.fleet.store_pages import StorePages
from bootkeep.reports.message import compose_message

PAGES = FLEET_ROOT / "pages"
OUTBOX = FLEET_ROOT / "outbox.sqlite"
#: Alerts of the store that become messages; the others stand on the pages.
_TOLD_KINDS = ("no-go", "weakened", "hook-missed", "runbook-overdue")


@contextmanager
def opened(dsn: str = "") -> Iterator[FleetStore]:
    """The store that a DSN names, or that this master is configured for, and let go again; its schema is not touched."""
    store = FleetStore.open(dsn or dsn_of(command_line_settings()), upgrade=False)
    try:
        yield store
    finally:
        store.close()


def bring_pages_up_to_date(
    folder: Path = PAGES,
    *,
    dsn: str = "",
    readers: Readers = ONLY_US,
    everything: bool = False,
    say: Callable[[int, int], None] | None = None,
) -> SiteWritten:
    """Write what changed."""
    now = now_utc()
    with opened(dsn) as store:
        return write_pages(StorePages(store, now=now), folder, now=now, readers=readers, everything=everything, say=say)


def tell_of_fleet(*, dsn: str = "", policy_file: Path = MESSAGES_PATH, outbox: Path = OUTBOX) -> Delivered:
    """Tell whom the rules name of what is new, and send again what did not go."""
    policy = load_messages(policy_file)
    with opened(dsn) as store:
        notices = notices_of_store(store, policy)
        alerts = [alert.number for alert in store.alerts(untold=True) if alert.kind in _TOLD_KINDS]
        done = tell(Outbox(outbox), notices, policy, clock=time.time)
        if alerts:
            # The outbox has them now, and loses nothing.
            with store.writing() as writer:
                writer.mark_told(alerts, now_utc())
        return done


def messages_due(*, dsn: str = "", policy_file: Path = MESSAGES_PATH) -> list[tuple[str, Message]]:
    """What would be said to whom if nobody had been told yet. Sends and notes nothing."""
    policy = load_messages(policy_file)
    with opened(dsn) as store:
        notices = notices_of_store(store, policy)
    found = []
    for target in targets(policy):
        theirs = [one for one in notices if target in told(one, policy)]
        if theirs:
            found.append(
                (
                    target.to[0] if target.to else target.name,
                    compose_message(theirs, destination=target.name, pages=policy.pages),
                )
            )
    return found


def notices_of_store(store: FleetStore, policy: MessagePolicy) -> list[Notice]:
    """Every notice that the store gives now."""
    now = now_utc()
    source = StorePages(store, now=now, days=policy.look_back_days)
    return list(notices_of(source.hosts(), source.recent(), policy, now=now))
