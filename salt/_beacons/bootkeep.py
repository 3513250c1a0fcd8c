"""
Tell the master of package transactions that no hook saw, and of those that were cut off.

.. code-block:: yaml

    beacons:
      bootkeep:
        - interval: 60

Each look costs some ``stat`` calls in the minion's process; only where a package database has moved a process of its own
compares. The event ``salt/beacon/<minion>/bootkeep/`` carries one transaction: ``id``, ``outcome``, ``hook_missed``,
``packages`` (how many), ``names`` (the first few). What was told is remembered on the host, so that a minion that starts anew
tells nothing twice. A masterless minion has no master to tell: the same data is in ``__beacons_return`` on its own bus.
"""

from __future__ import annotations

from typing import Any

__virtualname__ = "bootkeep"


def __virtual__() -> str:
    return __virtualname__


def validate(config: Any) -> tuple[bool, str]:
    """Salt's own options only (``interval``, ``disable_during_state_run``)."""
    if not isinstance(config, list) or not all(isinstance(item, dict) for item in config):
        return False, "Configuration for bootkeep beacon must be a list of dictionaries."
    return True, "Valid beacon configuration"


def beacon(config: Any) -> list[dict[str, Any]]:
    """One event for each transaction on record since the last look that no hook saw, or that was cut off."""
    try:
        from bootkeep.edges.store import Store
        from bootkeep.flows import catch_up
    except ImportError:
        return []  # the toolkit is not there yet: state bootkeep.install
    store = Store()
    if catch_up.moved(store):
        catch_up.start_catching_up()
    return catch_up.untold(store)
