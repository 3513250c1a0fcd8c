"""Installed packages, in the package manager's own words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Package:
    """One installed package. Keyed by name and architecture; of what is installed side by side by its version as well."""

    name: str
    architecture: str
    version: str  # as dpkg or rpm writes it: [epoch:]version[-revision or -release]
    wanted: str  # dpkg's selection: install, hold, deinstall, purge; with rpm always install
    state: (
        str  # dpkg's status: installed, half-configured, unpacked, ...; with rpm installed, or duplicate for a leftover
    )
    error_flag: str = "ok"  # dpkg's second word: ok or reinstreq
    #: rpm: of what it provides, the words that dnf and zypper know kernels by: installonlypkg(kernel), kernel-uname-r, ...
    provides: tuple[str, ...] = ()

    @property
    def side_by_side(self) -> bool:
        """Whether its package manager keeps several versions of it at a time, by the package's own word."""
        return any(word.startswith(("installonlypkg(", "multiversion(")) for word in self.provides)

    @property
    def settled(self) -> bool:
        """Whether the package manager has finished with it."""
        return self.state in {"installed", "config-files", "not-installed"} and self.error_flag == "ok"
