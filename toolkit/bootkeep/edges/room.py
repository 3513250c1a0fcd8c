"""A full disk: what a master has confirmed makes room for what nobody has yet, the oldest first, and it is said."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bootkeep.edges.store import Store

#: Bytes that a write on a full disk wants beside its own content: the next files of the same transaction.
_SPARE = 1024 * 1024


def with_room(store: Store, act: Callable[[], None], wanted_bytes: int) -> None:
    """Write something into the store; when the disk is full, make room and try once more.

    Raises OSError when that does not help: then everything in the store is unconfirmed, and stays.
    """
    try:
        act()
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        from bootkeep.edges.spool import Spool

        gone = Spool(store).make_room(wanted_bytes + _SPARE)
        if not gone:
            raise
        sys.stderr.write(f"the disk is full: {len(gone)} delivered transactions made room, the oldest {gone[0]}\n")
        act()
