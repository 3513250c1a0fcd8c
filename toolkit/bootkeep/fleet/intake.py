"""The way in: from events that anybody may have put on the bus to records that a host certainly delivered.

An event is never more than a hint, though a signed one: it makes the intake ask that host, and what the host's own key has
signed as the answer to this question is checked, stored once and confirmed. The intake knows no Salt: the engine hands it
events and publishes the questions that it gives. Its memory may vanish at any moment: hosts announce again what was not confirmed.
"""

from __future__ import annotations

import itertools
import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bootkeep.edges.clock import now_utc
from bootkeep.edges.signing import ANNOUNCEMENT, ANSWER, STATUS, Unsigned, verify
from bootkeep.facts.errors import StoreError
from bootkeep.fleet.assembly import Assembly
from bootkeep.fleet.conversation import (
    START_HEARD_S,
    WAIT_MOST_S,
    WAIT_S,
    HostState,
    OpenQuestion,
    Question,
    Stored,
)
from bootkeep.fleet.guard import Guard
from bootkeep.fleet.limits import HOST, SHA256, Limits, NotAccepted, WentAway, checked_id, json_object
from bootkeep.fleet.receiving import save_runbook, status_of, store_record
from bootkeep.fleet.refusals import Refusals, as_refusal
from bootkeep.fleet.share import check_room
from bootkeep.fleet.store import FleetStore

log = logging.getLogger(__name__)

#: Seconds until a question counts as unanswered.
ANSWER_S = 40.0
#: Hosts in one published job, and jobs without an answer at a time.
HOSTS_A_JOB, JOBS_OPEN = 40, 8
#: Records of one host in one question: as many come back as one answer holds.
RECORDS_A_QUESTION = 8
#: Confirmations wait so long for company: one job confirms many.
CONFIRM_S = 0.4


class Intake:
    """All hosts' deliveries. ``key_of``: the accepted public key of a host, None when it has none."""

    def __init__(
        self,
        store: FleetStore,
        key_of: Callable[[str], bytes | None],
        limits: Limits | None = None,
        *,
        place: Path | None = None,
    ) -> None:
        self.store = store
        self.limits = limits or Limits()
        self._key_of = key_of
        self._place = place  # of an embedded store, for its free space
        self._hosts: dict[str, HostState] = {}
        self._open: dict[str, OpenQuestion] = {}  # by nonce
        self._stored: list[Stored] = []
        self._now = 0.0
        self.refusals = Refusals(store)

    # --- what comes -----------------------------------------------------------------------------------------------------

    def announced(self, data: object, now: float) -> None:
        """An event about a transaction. What is not a host's own word is refused and counted."""
        with self._guarded(data):
            self._now = now
            host, text = self._signed(data, ANNOUNCEMENT, now)
            said = text.get("announcement")
            if not isinstance(said, dict):
                raise NotAccepted("malformed", "no announcement in it")
            id, digest = checked_id(said.get("id")), said.get("digest")
            if not isinstance(digest, str) or not SHA256.match(digest):
                raise NotAccepted("malformed", f"{digest!r:.80} is no digest")
            self._want(host, id, digest, now, self.store.digests_of(host, id))

    def told(self, data: object, now: float) -> None:
        """An event about a host itself."""
        with self._guarded(data):
            host, text = self._signed(data, STATUS, now)
            status, said, waiting, dropped = status_of(text)
            moment, row = now_utc(), self.store.host(host)
            copy = row.runbook if row else ""
            state, moved = said.of_copy(copy) if copy else ("UNKNOWN", "")
            known = {id for id, _digest in self.store.digests(host)} if dropped else set()
            with self.store.writing() as writer:
                writer.save_status(host, replace(status, runbook_state=state, runbook_moved=moved), moment)
                # What is not here was never confirmed, so no honest host has dropped it.
                for id in set(dropped) & known:
                    writer.raise_alert(
                        host,
                        "spool-pruned",
                        id,
                        f"{host}: its disk is full; {id}, stored here, made room",
                        now=moment,
                        id=id,
                    )
            here = self._hosts[host]
            here.said = said
            if said.document and said.document != copy:
                here.runbook = said.document
            # What waits there and is not under way here was announced to a master that has forgotten it, or its confirmation
            # was lost: also where an earlier phase of it is stored. The host's own repetition may be ten minutes away.
            under_way = set(here.pending) | {id for id, _digest in (*here.confirm, *here.refused)}
            here.index = here.index or bool(set(waiting) - under_way)
            here.not_before = min(here.not_before, now + WAIT_S)

    def answered(self, host: str, data: object, now: float) -> None:
        """A job return. ``host``: whose return Salt says it is; the signature decides."""
        with self._guarded(data, host):
            self._now = now
            claimed, text = self._signed(data, ANSWER, now, limit=self.limits.answer)
            nonce = text.get("nonce")
            waits = self._open.get(nonce) if isinstance(nonce, str) else None
            if waits is None or claimed not in waits.hosts:
                raise NotAccepted("not asked", f"an answer of {claimed} to a question that nobody asked it")
            waits.hosts.discard(claimed)
            state = self._hosts[claimed]
            state.wait, state.not_before = WAIT_S, now
            state.asked = "" if state.asked == nonce else state.asked
            with self._guarded(data, claimed):
                self._take(claimed, state, text, now)

    def failed(self, host: str, nonce: str, now: float) -> bool:
        """A job of ours came back without an answer (the minion has no such function, or it raised); False: known already.

        Or so it looks: any minion may put such a return on the bus in the name of another. It is asked again later, and what
        its own key has signed as the answer to this question is taken all the same.
        """
        waits = self._open.get(nonce)
        if waits is None or host not in waits.hosts - waits.failed:
            return False
        waits.failed.add(host)
        self._unanswered(host, nonce, now)
        return True

    def waits_for(self, host: str, nonce: str) -> bool:
        """Whether the answer of this host to this question may still come."""
        waits = self._open.get(nonce)
        return waits is not None and host in waits.hosts

    def started(self, host: str, now: float) -> None:
        """A minion says that it has started: the answer that it owed will not come, so it is asked again at once.

        Anybody can say so; then the host is asked one question more, and a late answer to the first one still counts.
        """
        if HOST.match(host) and self._key_of(host) is not None:
            state = self._state(host, now)
            if now - state.heard >= START_HEARD_S:
                state.heard, state.asked, state.wait = now, "", WAIT_S
                state.not_before = min(state.not_before, now)

    # --- what goes --------------------------------------------------------------------------------------------------------

    def questions(self, now: float) -> Iterator[Question]:
        """The jobs to publish now."""
        self._expire(now)
        self.refusals.tick(now)
        ready = [name for name, state in self._hosts.items() if self._is_due(state, now)]
        while ready and sum(one.waits for one in self._open.values()) < JOBS_OPEN:
            part, ready = ready[:HOSTS_A_JOB], ready[HOSTS_A_JOB:]
            nonce = secrets.token_hex(16)
            asked = {name: self._request(name, self._hosts[name]) for name in part}
            for name in part:
                self._hosts[name].asked = nonce
            self._open[nonce] = OpenQuestion(now, set(part))
            yield Question(nonce, asked)

    def stored(self) -> tuple[Stored, ...]:
        """What entered the store since the last call."""
        found, self._stored = tuple(self._stored), []
        return found

    def reconcile(self, hosts: Iterable[str], now: float, *, tries: int = 0) -> None:
        """Ask these hosts for the list of all that they wait to deliver; ``tries``: no oftener than that where nobody answers."""
        for host in hosts:
            if HOST.match(host) and self._key_of(host) is not None:
                state = self._state(host, now)
                state.index, state.hello = True, tries
                state.not_before = max(state.not_before, now + WAIT_S) if tries else state.not_before

    @property
    def busy(self) -> bool:
        """Whether anything is under way."""
        return any(s.asked or s.pending or s.confirm or s.runbook or s.index for s in self._hosts.values())

    # --- inside -----------------------------------------------------------------------------------------------------------

    def _signed(self, data: object, purpose: str, now: float, limit: int = 0) -> tuple[str, dict[str, object]]:
        """The host that certainly said this, and what it said. Raises NotAccepted."""
        if not isinstance(data, Mapping):
            raise NotAccepted("malformed", "no mapping")
        text, signature = data.get("text"), data.get("signature")
        found = json_object(text, limit or self.limits.text, purpose)
        host = found.get("host")
        if not isinstance(host, str) or not HOST.match(host):
            raise NotAccepted("bad host name", f"{host!r:.120}")
        key = self._key_of(host)
        if key is None:
            raise NotAccepted("no accepted key", f"{host} is no accepted minion")
        if not isinstance(signature, str) or len(signature) > 4096:
            raise NotAccepted("not signed", f"{purpose} that says it is of {host}")
        state = self._state(host, now)
        try:
            verify(key, purpose, host, str(text), signature)
        except Unsigned as error:
            raise NotAccepted("forged", f"{purpose} that says it is of {host}: {error}") from error
        # Only now: a neighbour that speaks in this host's name must not use up what the host itself may say.
        if purpose != ANSWER:  # those are asked for, each once
            self._pay(state, host, now)
        return host, found

    def _pay(self, state: HostState, host: str, now: float) -> None:
        """A bucket of tokens for each host: what floods is put off, and announced again by an honest sender."""
        state.tokens = min(float(self.limits.burst), state.tokens + (now - state.refilled) * self.limits.rate)
        state.refilled = now
        if state.tokens < 1:
            raise NotAccepted("too many", f"{host} says more than {self.limits.rate:g} things a second")
        state.tokens -= 1

    def _state(self, host: str, now: float) -> HostState:
        return self._hosts.setdefault(host, HostState(float(self.limits.burst), now))

    def _want(
        self, host: str, id: str, digest: str, now: float, known: set[tuple[str, str]], *, confirmed: bool = False
    ) -> None:
        """``known``: (id, digest) of what is stored of this transaction."""
        state = self._hosts[host]
        if (id, digest) in state.refused:
            return  # it was refused as it is; another digest is another record
        if (id, digest) in known:
            if not confirmed:  # else the host knows that it is here
                state.confirm.setdefault((id, digest), now)
        elif len(state.pending) < self.limits.waiting or id in state.pending:
            state.pending[id] = digest
        state.not_before = min(state.not_before, now + WAIT_S)

    def _is_due(self, state: HostState, now: float) -> bool:
        if state.asked or now < state.not_before:
            return False
        confirm_due = bool(state.confirm) and now - next(iter(state.confirm.values())) >= CONFIRM_S
        return bool(state.pending or state.assembly or state.runbook or state.index or confirm_due)

    def _request(self, host: str, state: HostState) -> dict[str, Any]:
        request: dict[str, Any] = {}
        if state.confirm:
            request["confirm"] = [list(pair) for pair in list(state.confirm)[:200]]
        if state.assembly is None and state.pending:
            first = itertools.islice(state.pending, RECORDS_A_QUESTION)
            request["records"] = [{"id": id, "have": sorted(self.store.file_digests(host, id))} for id in first]
        elif state.assembly is not None:
            request["pieces"] = state.assembly.missing()
        if state.runbook:
            request["runbook"] = state.runbook
        if state.index:
            request["index"] = True
        return request

    def _take(self, host: str, state: HostState, text: Mapping[str, object], now: float) -> None:
        """Everything that one answer brings. What is refused concerns this answer's record only."""
        for pair in _lists(text.get("confirmed")):
            state.confirm.pop((str(pair[0]), str(pair[1])), None)
        errors = text.get("errors")
        for id in errors if isinstance(errors, dict) else ():
            if state.assembly is not None and state.assembly.manifest.id == id:
                state.assembly = None  # it changed on the host meanwhile: from the start, with what is new
            state.confirm = OrderedDict((pair, at) for pair, at in state.confirm.items() if pair[0] != id)
            state.pending.pop(str(id), None)  # announced again when it can be read
        if state.index and "waiting" in text:
            state.index, state.hello = False, 0
            known = self.store.digests(host)  # once: the list has everything that the host holds
            row = self.store.host(host)
            let_go = row.let_go if row else ""
            for pair in _lists(text.get("waiting")):
                told = pair[2:] == [True]
                if SHA256.match(str(pair[1])) and not (
                    told and str(pair[0]) <= let_go
                ):  # was here, and its time was over
                    self._want(host, checked_id(pair[0]), str(pair[1]), now, known, confirmed=told)
        if state.runbook and "runbook" in text:
            state.runbook = ""
            save_runbook(self.store, host, text["runbook"], state.said)
        self._take_records(host, state, text, now)

    def _take_records(self, host: str, state: HostState, text: Mapping[str, object], now: float) -> None:
        """The record that is being put together, then the others that this answer holds whole."""
        found, manifests = text.get("pieces"), text.get("manifests")
        pieces = found if isinstance(found, list) else []
        self._fill(host, state, pieces, now)
        for id, plain in manifests.items() if isinstance(manifests, dict) else ():
            if state.assembly is None and id in state.pending:
                self._begin(host, state, id, plain)
                self._fill(host, state, pieces, now)

    def _fill(self, host: str, state: HostState, pieces: list[object], now: float) -> None:
        if state.assembly is None:
            return
        assembly, id = state.assembly, state.assembly.manifest.id
        try:
            check_room(self.store, self.limits, host, state, assembly, place=self._place, now=now)
            assembly.add(pieces)
            if not assembly.complete:
                return
            contents = assembly.understood()
            if store_record(self.store, host, assembly.manifest, contents, assembly.unsaved.values()):
                state.records += 1
                transaction = contents.transaction
                self._stored.append(Stored(host, id, assembly.manifest.phase, transaction.outcome.value))
            state.confirm[(id, assembly.manifest.digest)] = now
            state.assembly = None
            state.pending.pop(id, None)
        except StoreError:
            raise
        except WentAway:
            state.assembly = None  # asked for anew: it is pending still
        except Exception as error:
            refusal = as_refusal(error)
            self._turn_away(host, state, id, refusal, assembly.manifest.digest)
            raise refusal from error

    def _begin(self, host: str, state: HostState, id: str, plain: object) -> None:
        try:
            state.assembly = Assembly.begin(self.store, host, plain, checked_id(id), self.limits)
        except NotAccepted as refusal:
            self._turn_away(host, state, id, refusal)
            raise

    def _turn_away(self, host: str, state: HostState, id: str, refusal: NotAccepted, digest: str = "") -> None:
        """This record is not taken as it is: it is not asked for again until the host announces another one.

        Only where it is too much is it the same record that may be taken one day: when something else has gone.
        """
        state.assembly = None
        announced = state.pending.pop(id, "")
        if refusal.why != "quota":
            state.refused |= {(id, one): refusal.why for one in (announced, digest) if one}
        while len(state.refused) > 2 * self.limits.waiting:
            state.refused.pop(next(iter(state.refused)))
        self._tell_problem(host, f"{id} is not stored: {refusal}")

    def _tell_problem(self, host: str, problem: str) -> None:
        with self.store.writing() as writer:
            writer.saw(host, now_utc())
            writer.set_problem(host, problem)

    def _expire(self, now: float) -> None:
        for nonce, one in list(self._open.items()):
            if not one.hosts:
                del self._open[nonce]
            elif now - one.asked_at > ANSWER_S:
                del self._open[nonce]
                for host in one.hosts - one.failed:
                    self._unanswered(host, nonce, now)

    def _unanswered(self, host: str, nonce: str, now: float) -> None:
        state = self._hosts[host]
        if state.asked != nonce:
            return  # it was asked again meanwhile
        if state.hello:
            state.hello -= 1
            state.index = state.hello > 0  # it speaks for itself when it comes back
        self._put_off(state, now)

    @staticmethod
    def _put_off(state: HostState, now: float) -> None:
        state.asked = ""
        state.not_before = now + state.wait
        state.wait = min(state.wait * 2, WAIT_MOST_S)

    def _guarded(self, data: object, host: str = "") -> Guard:
        return Guard(self, data, host)

    def known(self, sender: str) -> str:
        """A sender as it is counted: names that anybody can make up by the million share one row."""
        return sender if HOST.match(sender) and self._key_of(sender) is not None else "unknown"

    def disk_refused(self, host: str, error: StoreError) -> None:
        """The store could not be written: nothing is lost, the host keeps it, and everybody is asked again later."""
        log.error("bootkeep: nothing is lost, and it is tried again: %s", error)
        if host in self._hosts:
            self._hosts[host].assembly = None
            self._put_off(self._hosts[host], self._now)


def _lists(value: object) -> list[list[object]]:
    return [one for one in value if isinstance(one, list) and len(one) >= 2] if isinstance(value, list) else []
