"""The sender: tells the master of every package transaction, until the master has confirmed that it is stored.

A minion engine. Package managers' hooks write into the host's store only; this engine looks there and sends announcements by
the authenticated request channel. It holds nothing in memory that it needs: after a kill it looks again. Configuration of the
minion::

    engines:
      - bootkeep_sender:
          interval: 1        # seconds between two looks
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import salt.channel.client
import salt.minion

if TYPE_CHECKING:
    __opts__: dict[str, Any]

log = logging.getLogger(__name__)
__virtualname__ = "bootkeep_sender"


def __virtual__() -> str:
    return __virtualname__


def start(
    interval: float = 1.0,
    status_every: float = 300.0,
    free_mib: int = 64,
    timeout: float = 20.0,
    again: float = 30.0,
    again_most: float = 600.0,
) -> None:
    """
    Look into the store every ``interval`` seconds, for ever.

    status_every
        seconds between two words about the host itself when nothing happened
    free_mib
        with less free space than this the oldest records that the master has confirmed make room
    timeout
        seconds to wait for the master's acknowledgement of one event
    again
        seconds until an announcement that nobody has confirmed is repeated; twice as long after each repetition
    again_most
        seconds between two repetitions at most. A master that starts asks by itself, so this is for what nobody foresaw
    """
    sender = None
    while True:
        try:
            if sender is None:
                sender = _sender(status_every, free_mib, again, again_most)
            with salt.channel.client.ReqChannel.factory(_connected_options()) as channel:
                sender.connected()
                while True:
                    sender.look(lambda tag, data, to=channel: _send(to, tag, data, timeout), time.monotonic())
                    time.sleep(interval)
        except Exception as error:  # the master is away, or the toolkit is: everything is still in the store
            log.info("bootkeep: nothing can be sent now, it is tried again: %s", error)
            time.sleep(max(interval, 2.0))


def _sender(status_every: float, free_mib: int, again: float, again_most: float) -> Any:
    from bootkeep.edges.store import STORE_ROOT, Store
    from bootkeep.flows.sender import Sender

    store = Store(Path(__opts__.get("bootkeep_store") or STORE_ROOT))
    key = Path(__opts__["pki_dir"]) / "minion.pem"
    return Sender(
        store,
        __opts__["id"],
        key,
        status_every_s=status_every,
        free_bytes=free_mib * 1024 * 1024,
        again_s=again,
        again_most_s=again_most,
    )


def _connected_options() -> dict[str, Any]:
    """An engine's options lack the master's address (Salt 3008: KeyError 'master_uri')."""
    options = dict(__opts__)
    if "master_uri" not in options:
        options.update(salt.minion.prep_ip_port(options))
        options.update(salt.minion.resolve_dns(options, fallback=False))
    return options


def _send(channel: Any, tag: str, data: dict[str, Any], timeout: float) -> None:
    """No exception means that the master has put the event on its bus: not that anybody has stored anything."""
    load = {"id": __opts__["id"], "cmd": "_minion_event", "tag": tag, "data": data}
    channel.send(load, timeout=timeout, tries=1)
