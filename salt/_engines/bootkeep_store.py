"""The intake: stores what minions deliver, and confirms it. A master engine; configuration of the master::

    engines:
      - bootkeep_store: {}

    bootkeep:
      dsn: sqlite:////var/lib/bootkeep-fleet/fleet.sqlite   # or postgresql+psycopg://user@host/name

All decisions are in bootkeep.fleet.intake; this module carries events in and jobs out. Nothing is lost with it: a minion keeps
every record until it is confirmed.
"""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import salt.client
import salt.utils.event
import salt.utils.jid

if TYPE_CHECKING:
    __opts__: dict[str, Any]

log = logging.getLogger(__name__)
__virtualname__ = "bootkeep_store"

#: What minions run for us.
_FUNCTION = "bootkeep_fleet.exchange"
#: Anybody may put bootkeep/reconcile on the bus: every minion lists its store for it, so it is done no oftener than this.
_RECONCILE_S = 30.0
#: Jobs for a host that does not answer when the master starts: it speaks for itself when it comes back.
_HELLO_TRIES = 2
#: Seconds between two calls for reports. A reaction costs the master a process, and takes whatever is there.
_REACTIONS_APART_S = 1.0


def __virtual__() -> str:
    return __virtualname__


def start(report_after: float = 120.0) -> None:
    """
    Follow the master's bus, for ever.

    report_after
        seconds that a stored transaction may wait for its report before this engine makes it itself, because no reactor did
    """
    while True:
        try:
            _Engine(__opts__, report_after).run()
        except Exception:
            log.exception(
                "bootkeep: the intake starts anew; nothing is lost, minions announce again what is not confirmed"
            )
            time.sleep(5.0)


class _Engine:
    """One life of the engine."""

    def __init__(self, opts: dict[str, Any], report_after: float) -> None:
        from bootkeep.fleet.configuration import intake_of
        from bootkeep.fleet.conversation import Wish
        from bootkeep.fleet.jobs import Jobs

        self._opts = opts
        self._intake = intake_of(opts.get("bootkeep") or {}, Path(opts["pki_dir"]) / "minions")
        self._client = salt.client.LocalClient(mopts=opts)
        self._jobs = Jobs(self._intake)
        self._report_after = report_after
        self._reconcile = Wish(_RECONCILE_S)
        self._next_repair = time.monotonic() + report_after
        self._news = False  # something was stored that no reaction was called for yet
        self._next_reaction = 0.0

    def run(self) -> None:
        """Until something breaks."""
        with salt.utils.event.get_master_event(self._opts, self._opts["sock_dir"], listen=True) as bus:
            bus.fire_event({}, "bootkeep/started")
            # What was announced to the process before this one is forgotten; the hosts would repeat it in their own time.
            self._intake.reconcile(_accepted(self._opts), time.monotonic(), tries=_HELLO_TRIES)
            while True:
                event = bus.get_event(wait=0.1, full=True, auto_reconnect=True)
                taken = 0
                while event is not None and taken < 500:
                    self._event(event["tag"], event["data"], time.monotonic())
                    taken += 1
                    event = bus.get_event(wait=0, full=True, no_block=True)
                if event is not None:
                    self._event(event["tag"], event["data"], time.monotonic())
                if self._reconcile.due(time.monotonic()):
                    self._intake.reconcile(_accepted(self._opts), time.monotonic())
                self._publish(time.monotonic())
                for one in self._intake.stored():
                    data = {"host": one.host, "transaction": one.id, "phase": one.phase, "outcome": one.outcome}
                    bus.fire_event(data, f"bootkeep/stored/{one.host}/{one.id}/{one.phase}")
                    self._news = True
                self._react(bus, time.monotonic())
                self._repair(bus, time.monotonic())

    def _event(self, tag: str, data: Any, now: float) -> None:
        if tag.startswith("bootkeep/txn/"):
            self._intake.announced(_payload(data), now)
        elif tag.startswith("bootkeep/status/"):
            self._intake.told(_payload(data), now)
        elif tag.startswith("salt/minion/") and tag.endswith("/start"):
            self._intake.started(tag[len("salt/minion/") : -len("/start")], now)
        elif tag == "bootkeep/reconcile":
            self._reconcile.heard()
        elif tag.startswith("salt/job/") and "/ret/" in tag:
            self._returned(tag, data, now)

    def _returned(self, tag: str, data: Any, now: float) -> None:
        jid, _ret, host = tag[len("salt/job/") :].partition("/ret/")
        answer = data.get("return") if isinstance(data, dict) else None
        if self._jobs.returned(jid, host, answer, now):
            self._forget(jid)

    def _publish(self, now: float) -> None:
        for question in self._intake.questions(now):
            request = {"nonce": question.nonce, "hosts": question.hosts}
            try:
                job = self._client.run_job(list(question.hosts), _FUNCTION, [request], "list", listen=False)
                jid = str(job["jid"])
            except Exception as error:  # the publisher is busy or going down: the hosts are asked again later
                log.warning("bootkeep: a question could not be published: %s", error)
                for host in question.hosts:
                    self._intake.failed(host, question.nonce, now)
                continue
            self._jobs.published(jid, question.nonce, question.hosts, now)
        for jid in self._jobs.expired(now):
            self._forget(jid)

    def _forget(self, jid: str) -> None:
        """Bodies were stored once; the job cache must not keep them a second time."""
        if self._opts.get("master_job_cache") == "local_cache":
            folder = Path(self._opts["cachedir"]) / "jobs"
            shutil.rmtree(salt.utils.jid.jid_dir(jid, str(folder), self._opts["hash_type"]), ignore_errors=True)

    def _react(self, bus: Any, now: float) -> None:
        """Call for the reports of what was stored: at once, and in a storm once a second for everything that came."""
        if self._news and now >= self._next_reaction:
            bus.fire_event({}, "bootkeep/work")
            self._news, self._next_reaction = False, now + _REACTIONS_APART_S

    def _repair(self, bus: Any, now: float) -> None:
        """A reactor's queue may have dropped a reaction: what is left undone is called for again, then done here."""
        if now < self._next_repair:
            return
        self._next_repair = now + self._report_after / 2
        from bootkeep.fleet.reporting import report_pending

        store = self._intake.store
        if store.unreported(1) or store.captures("asked") or store.captures("sent"):
            bus.fire_event({}, "bootkeep/work")
            report_pending(store, limit=5, older_than_s=self._report_after, share=self._intake.limits.host)


def _payload(data: Any) -> Any:
    """Events of the request channel carry what was sent below ``data``."""
    inner = data.get("data") if isinstance(data, dict) else None
    return inner if isinstance(inner, dict) else data


def _accepted(opts: dict[str, Any]) -> list[str]:
    try:
        return sorted(path.name for path in (Path(opts["pki_dir"]) / "minions").iterdir())
    except FileNotFoundError:
        return []  # a master that no minion has come to yet
