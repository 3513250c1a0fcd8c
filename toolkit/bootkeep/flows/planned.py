"""One step of a package manager's plan."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Planned:
    """What would happen to one package."""

    verb: str  # Inst (beside, or new), Upgr (over the old version), Remv or Purg; apt says Inst for an upgrade, too
    name: str
    old_version: str
    new_version: str
