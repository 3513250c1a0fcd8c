"""What else decides whether a booted kernel becomes a reachable machine."""

from __future__ import annotations

from dataclasses import dataclass

from bootkeep.facts.unknown import Maybe, Unknown

NOT_TAKEN = Unknown("the snapshot is older than this question")


@dataclass(frozen=True, slots=True)
class NetworkDrivers:
    """Drivers of the network cards, and the kernels that lack them."""

    cards: tuple[tuple[str, str], ...]  # interface and module; an empty module: the kernel itself
    missing: tuple[tuple[str, tuple[str, ...]], ...]  # release and the modules that it has neither as file nor built in


@dataclass(frozen=True, slots=True)
class InitProgram:
    """The first program, and what it needs that is not there."""

    program: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DkmsModule:
    """One module that DKMS keeps, and the kernels that it is installed for."""

    name: str
    version: str
    releases: tuple[str, ...]
    excluded: tuple[
        str, ...
    ] = ()  # kernels that its dkms.conf excludes by plain words; empty when it says none, or was not read


@dataclass(frozen=True, slots=True)
class Selinux:
    """SELinux as the next boot will meet it."""

    mode: str  # enforcing, permissive or disabled, by /etc/selinux/config
    policy_type: str  # targeted, mls, ...
    policies: tuple[str, ...]  # policy files of that type that are not empty
    labels: tuple[tuple[str, str], ...]  # path and label of what the machine cannot come up without; empty: it has none
    relabel: bool  # /.autorelabel is there: the next boot labels everything anew


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Facts beside the chain of boot loader, kernel and initramfs."""

    network: Maybe[NetworkDrivers] = NOT_TAKEN
    init: Maybe[InitProgram] = NOT_TAKEN
    dkms: Maybe[tuple[DkmsModule, ...]] = NOT_TAKEN
    hidden: Maybe[tuple[tuple[str, tuple[str, ...]], ...]] = NOT_TAKEN  # mount point and names of files below it
    kexec: Maybe[tuple[tuple[str, str], ...]] = NOT_TAKEN  # /etc/default/kexec
    kdump: Maybe[tuple[tuple[str, str], ...]] = NOT_TAKEN  # /etc/default/kdump-tools
    automatic: Maybe[frozenset[str]] = NOT_TAKEN  # packages that apt may remove when nothing needs them
    selinux: Maybe[Selinux] = NOT_TAKEN
    #: Path and text of what kernel-install gives the next kernel as its arguments (/etc/kernel/cmdline).
    next_arguments: Maybe[tuple[str, str]] = NOT_TAKEN


#: What a snapshot has that nobody asked.
SURROUNDINGS_NOT_TAKEN = Surroundings()
