"""``shadow-states``: see :mod:`bootkeep.edges.native.accounts`."""

from __future__ import annotations

from bootkeep.edges.native.accounts import shadow_states as answer

__all__ = ["answer"]
