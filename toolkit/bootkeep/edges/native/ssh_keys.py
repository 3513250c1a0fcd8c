"""``ssh-keys``: see :mod:`bootkeep.edges.native.accounts`."""

from __future__ import annotations

from bootkeep.edges.native.accounts import ssh_keys as answer

__all__ = ["answer"]
