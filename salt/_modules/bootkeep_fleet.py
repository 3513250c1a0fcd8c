"""What the master's bootkeep engine asks a minion for: records of package transactions, piece by piece, and confirmations.

Called by jobs of that engine; the answers are signed with this minion's own key. An administrator needs :func:`waiting` only.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from salt.exceptions import CommandExecutionError

if TYPE_CHECKING:
    __salt__: dict[str, Any]
    __opts__: dict[str, Any]

__virtualname__ = "bootkeep_fleet"


def __virtual__() -> str:
    return __virtualname__


def exchange(request: dict[str, Any]) -> dict[str, str]:
    """
    Take confirmations and hand out records, as the master's engine asks; what is not for this minion is ignored.

    request
        ``nonce``, and ``hosts``: a request for each minion id (bootkeep.flows.delivery.answer)

    CLI Example:

    .. code-block:: bash

        salt 'web1' bootkeep_fleet.exchange '{"nonce": "1", "hosts": {"web1": {"index": true}}}'
    """
    spool, delivery = _toolkit()
    host = __opts__["id"]
    own = dict(request.get("hosts", {}).get(host) or {})
    own["nonce"] = request.get("nonce", "")
    key = Path(__opts__["pki_dir"]) / "minion.pem"
    master = str(__opts__.get("master", ""))
    try:
        return delivery.answer(spool, own, host=host, key=key, master=master)
    except (OSError, ValueError) as error:
        raise CommandExecutionError(f"the answer cannot be signed with {key}: {error}") from error


def waiting() -> list[str]:
    """
    Ids of the transactions that no master has confirmed in their present state.

    CLI Example:

    .. code-block:: bash

        salt '*' bootkeep_fleet.waiting
    """
    spool, _delivery = _toolkit()
    return list(spool.waiting())


def capture(reason: str = "") -> dict[str, Any]:
    """
    Look at this host now: as phase ``boot`` of the transaction before a reboot when one waits for it, else as a snapshot.

    reason
        ``boot`` when only a look after a reboot is wanted; else words to find it by

    CLI Example:

    .. code-block:: bash

        salt 'web1' bootkeep_fleet.capture 'before the move'
    """
    spool, delivery = _toolkit()
    return delivery.capture(spool.store, reason)


def _toolkit() -> tuple[Any, Any]:
    try:
        from bootkeep.edges.spool import Spool
        from bootkeep.edges.store import STORE_ROOT, Store
        from bootkeep.flows import delivery
    except ImportError as error:
        raise CommandExecutionError(
            f"bootkeep is not in Salt's Python ({error}): run `state.apply bootkeep.install`"
        ) from error
    # A minion with a root_dir of its own (a test, a container's minion) has its store there.
    root = Path(__opts__.get("bootkeep_store") or STORE_ROOT)
    return Spool(Store(root)), delivery
