"""The fleet's verbs on the master, for the administrator and for the reactors.

The reactors pass no data of an event here: an event is only a sign that there may be work, and what the work is stands in the
fleet's store, where no minion can write it.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import salt.client
from salt.exceptions import SaltRunnerError

if TYPE_CHECKING:
    __opts__: dict[str, Any]

log = logging.getLogger(__name__)
#: Seconds in which a host's start is looked at once.
_LATELY_S = 60.0
#: Seconds that an administrator waits for a worker that is busy.
_PATIENCE_S = 120.0
__virtualname__ = "bootkeep"


def __virtual__() -> str:
    return __virtualname__


def status() -> dict[str, Any]:
    """
    The hosts with their verdicts, and how many rows the fleet's store has.

    CLI Example:

    .. code-block:: bash

        salt-run bootkeep.status
    """
    with _store() as store:
        rows = {row.host: {"verdict": row.verdict, "sentence": row.verdict_sentence, "waiting": row.waiting,
                           "last_seen": row.last_seen, "problem": row.problem} for row in store.hosts()}  # fmt: skip
        return {"hosts": _shown(rows), "rows": store.counts()}


def transactions(host: str = "", limit: int = 20) -> list[dict[str, Any]]:
    """
    The newest stored transactions, of one host when it is named.

    CLI Example:

    .. code-block:: bash

        salt-run bootkeep.transactions web1 limit=5
    """
    from bootkeep.facts.codec import to_plain

    with _store() as store:
        return [_shown(to_plain(row)) for row in store.transactions(host=host, limit=int(limit))]


def work() -> dict[str, Any]:
    """
    Do what is pending: reports of stored transactions, looks that were asked for. Safe to call at any time, by anybody, twice.

    CLI Example:

    .. code-block:: bash

        salt-run bootkeep.work
    """
    with _alone() as alone:
        if not alone:
            return {"busy": True}
        from bootkeep.fleet.configuration import limits_of
        from bootkeep.fleet.reporting import report_pending

        with _store() as store:
            share = limits_of(__opts__.get("bootkeep") or {}).host
            made: list[tuple[str, str]] = []
            captured: dict[str, str] = {}
            # What comes while this works belongs to it too: the reaction that it caused found us busy.
            while True:
                part, looked = report_pending(store, share=share), _captures(store)
                if not part and not looked:
                    break
                made += part
                captured |= looked
        if made:
            _fire("bootkeep/reported")
    return {"reports": [list(one) for one in made], "captures": captured}


def started(minion: str = "") -> dict[str, Any]:
    """
    A minion says that it has started: look at it, if it was rebooted since its last transaction.

    minion
        its id

    CLI Example:

    .. code-block:: bash

        salt-run bootkeep.started web1
    """
    # Anybody may put that event on the bus: a neighbour is not looked at without end for it.
    return _ask([minion], "boot", "reactor: minion start", lately_s=_LATELY_S) | work()


def capture(tgt: str, reason: str = "", tgt_type: str = "glob", wait: bool = True) -> dict[str, Any]:
    """
    Take a look at hosts now; each is kept on the host, and a transaction that waits for its look gets it.

    tgt
        which minions
    reason
        words to find it by
    wait
        whether to wait for the looks; without it they are asked for, and the event ``bootkeep/capture`` has a reactor take them

    CLI Example:

    .. code-block:: bash

        salt-run bootkeep.capture 'web*' reason='before the move'
    """
    client = salt.client.LocalClient(mopts=__opts__)
    hosts = client.gather_minions(tgt, tgt_type) if hasattr(client, "gather_minions") else []
    asked = _ask(list(hosts), reason or "asked for by hand", "administrator")
    if not wait:
        return asked | {"fired": _fire("bootkeep/capture")}
    until = time.monotonic() + _PATIENCE_S
    done = work()
    # Another worker may have taken ours: what became of them stands in the store.
    while done.get("busy") and time.monotonic() < until:
        time.sleep(1.0)
        done = work()
    with _store() as store:
        states = {row.host: row.state for row in store.captures() if row.number in asked["asked"]}
    return asked | done | {"captures": states}


def reconcile() -> bool:
    """
    Ask every minion for the list of its records, and fetch what the store lacks; the intake does it in its own time.

    CLI Example:

    .. code-block:: bash

        salt-run bootkeep.reconcile
    """
    return _fire("bootkeep/reconcile")


def _fire(tag: str) -> bool:
    import salt.utils.event

    with salt.utils.event.get_master_event(__opts__, __opts__["sock_dir"], listen=False) as bus:
        return bool(bus.fire_event({}, tag))


def pages(folder: str = "/var/lib/bootkeep-fleet/pages") -> dict[str, int]:
    """
    Bring the fleet's pages up to date: only what changed is written.

    folder
        where they lie

    CLI Example:

    .. code-block:: bash

        salt-run bootkeep.pages
    """
    from bootkeep.fleet.verbs import bring_pages_up_to_date

    with _errors():
        done = bring_pages_up_to_date(Path(folder), dsn=_dsn())
    return {"written": done.written, "kept": done.kept, "removed": done.removed}


def tell() -> dict[str, int]:
    """
    Tell the people whom the rules of pillar ``bootkeep:messages`` name of what is new; send again what did not go.

    CLI Example:

    .. code-block:: bash

        salt-run bootkeep.tell
    """
    from bootkeep.fleet.verbs import tell_of_fleet

    with _errors():
        done = tell_of_fleet(dsn=_dsn())
    return {"noted": done.noted, "sent": done.sent, "failed": done.failed, "waiting": done.waiting}


def _shown(value: Any) -> Any:
    """Salt prints texts as they are: what a minion said must not move the cursor, or turn a line around."""
    from bootkeep.reports.printable import printable

    if isinstance(value, dict):
        return {key: _shown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    return printable(value) if isinstance(value, str) else value


def _dsn() -> str:
    from bootkeep.fleet.configuration import dsn_of

    return dsn_of(__opts__.get("bootkeep") or {})


@contextlib.contextmanager
def _errors() -> Iterator[None]:
    """An error that the operator can act on, as Salt's own."""
    from bootkeep.facts.errors import BootkeepError

    try:
        yield
    except BootkeepError as error:
        raise SaltRunnerError(str(error)) from error


def _ask(hosts: list[str], reason: str, asked_by: str, lately_s: float = 0.0) -> dict[str, Any]:
    from bootkeep.edges.clock import now_utc, utc_of
    from bootkeep.fleet.limits import HOST

    keys = Path(__opts__["pki_dir"]) / "minions"
    accepted = [host for host in hosts if isinstance(host, str) and HOST.match(host) and (keys / host).is_file()]
    now, lately = now_utc(), utc_of(time.time() - lately_s) if lately_s else ""
    with _store() as store, store.writing() as writer:
        return {
            "asked": [
                writer.ask_capture(host, reason=reason, asked_by=asked_by, now=now, lately=lately) for host in accepted
            ]
        }


def _captures(store: Any) -> dict[str, str]:
    """Take the looks that were asked for: one job for each reason."""
    from bootkeep.edges.clock import now_utc

    # Marked as sent by a worker that was killed half-way: we are alone, so nobody else waits for that answer.
    waiting = (*store.captures("sent"), *store.captures("asked"))
    done: dict[str, str] = {}
    client = salt.client.LocalClient(mopts=__opts__)
    for reason in sorted({row.reason for row in waiting}):
        rows = {row.host: row for row in waiting if row.reason == reason}
        with store.writing() as writer:
            for row in rows.values():
                writer.set_capture(row.number, "sent")
        answers = client.cmd(sorted(rows), "bootkeep_fleet.capture", [reason], tgt_type="list", timeout=90)
        with store.writing() as writer:
            for host, row in rows.items():
                answer = answers.get(host)
                state = "done" if isinstance(answer, dict) else "failed"
                detail = str(answer.get("sentence", "")) if isinstance(answer, dict) else str(answer or "no answer")
                writer.set_capture(row.number, state, detail=detail, now=now_utc())
                done[host] = state
    return done


class _alone:
    """One worker at a time; the kernel ends the lock with its holder."""

    def __enter__(self) -> bool:
        path = Path(__opts__["cachedir"]) / "bootkeep-work.lock"
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def __exit__(self, *_error: object) -> None:
        os.close(self._descriptor)


class _store:
    """The fleet's store, and its errors as Salt's."""

    def __enter__(self) -> Any:
        try:
            from bootkeep.fleet.configuration import dsn_of
            from bootkeep.fleet.store import FleetStore
        except ImportError as error:
            raise SaltRunnerError(f"bootkeep is not in the master's Python ({error}): see docs/how-to") from error
        self._store = FleetStore.open(dsn_of(__opts__.get("bootkeep") or {}))
        return self._store

    def __exit__(self, kind: object, error: BaseException | None, _trace: object) -> None:
        from bootkeep.facts.errors import BootkeepError

        self._store.close()
        if isinstance(error, BootkeepError):
            raise SaltRunnerError(str(error)) from error
