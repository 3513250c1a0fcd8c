"""Pages and messages by event. A master engine; configuration of the master::

    engines:
      - bootkeep_desk:
          pages: /var/lib/bootkeep-fleet/pages   # left out: no pages
          messages: true                         # by the rules of /etc/bootkeep/messages.json

Nothing of an event is used but that it came: what is new stands in the fleet's store.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import salt.utils.event

if TYPE_CHECKING:
    __opts__: dict[str, Any]

log = logging.getLogger(__name__)
__virtualname__ = "bootkeep_desk"

#: Fired when a record was stored, when its report was made, and when a host's status came.
_NEWS = ("bootkeep/stored/", "bootkeep/reported", "bootkeep/status/")


def __virtual__() -> str:
    return __virtualname__


def start(pages: str = "", messages: bool = True, policy: str = "", outbox: str = "") -> None:
    """
    Follow the master's bus, for ever.

    pages
        folder of the fleet's pages; none are written when it is left out
    messages
        whether people are told
    policy
        file with the rules, ``/etc/bootkeep/messages.json`` when left out
    outbox
        file that keeps what is not delivered, ``/var/lib/bootkeep-fleet/outbox.sqlite`` when left out
    """
    while True:
        try:
            _follow(pages, messages, policy, outbox)
        except Exception:
            log.exception("bootkeep: the desk starts anew; nothing is lost")
            time.sleep(5.0)


def _follow(pages: str, messages: bool, policy: str, outbox: str) -> None:
    from bootkeep.edges.messages_config import MESSAGES_PATH
    from bootkeep.fleet.configuration import dsn_of
    from bootkeep.fleet.desk import chores
    from bootkeep.fleet.verbs import OUTBOX

    work = chores(
        dsn=dsn_of(__opts__.get("bootkeep") or {}),
        pages=pages,
        messages=messages,
        policy_file=Path(policy) if policy else MESSAGES_PATH,
        outbox=Path(outbox) if outbox else OUTBOX,
    )
    with salt.utils.event.get_master_event(__opts__, __opts__["sock_dir"], listen=True) as bus:
        while True:
            event = bus.get_event(wait=1.0, full=True, auto_reconnect=True)
            now = time.monotonic()
            if event is not None and event["tag"].startswith(_NEWS):
                for chore in work:
                    chore.heard(now)
            for chore in work:
                chore.tick(now)
