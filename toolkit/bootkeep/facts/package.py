"""Installed packages, in the package manager's own words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Package:
    """One installed package. Keyed by name and architecture."""

    name: str
    architecture: str
    version: str
    wanted: str  # dpkg's selection: install, hold, deinstall, purge
    state: str  # dpkg's status: installed, half-configured, unpacked, triggers-pending, config-files, ...
    error_flag: str = "ok"  # dpkg's second word: ok or reinstreq

    @property
    def settled(self) -> bool:
        """Whether the package manager has finished with it."""
        return self.state in {"installed", "config-files", "not-installed"} and self.error_flag == "ok"
