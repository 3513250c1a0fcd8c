"""What makes an rpm front end install a kernel beside the others instead of over one."""

from __future__ import annotations

from dataclasses import dataclass

from bootkeep.facts.unknown import Maybe, Unknown

NOT_TAKEN = Unknown("the snapshot is older than this question")


@dataclass(frozen=True, slots=True)
class DnfPolicy:
    """The ``[main]`` section of dnf.conf or yum.conf, with dnf's own values for what it does not say (dnf.conf(5))."""

    path: str
    listed: tuple[str, ...] | None  # installonlypkgs; None when the file does not set it, and dnf's own list holds
    limit: int  # installonly_limit; 0 and 1 are not kept: see ``unlimited``
    unlimited: bool  # a limit of 0
    protects_running: bool  # protect_running_kernel


@dataclass(frozen=True, slots=True)
class ZyppPolicy:
    """zypp.conf's two settings about several versions of one package; empty where it does not set them."""

    path: str
    multiversion: str
    kernels: tuple[str, ...]  # multiversion.kernels: what ``zypper purge-kernels`` keeps


@dataclass(frozen=True, slots=True)
class InstallOnly:
    """The policies of the front ends that are here."""

    dnf: Maybe[DnfPolicy] = NOT_TAKEN
    zypp: Maybe[ZyppPolicy] = NOT_TAKEN


#: What a snapshot has that nobody asked.
INSTALL_ONLY_NOT_TAKEN = InstallOnly()
