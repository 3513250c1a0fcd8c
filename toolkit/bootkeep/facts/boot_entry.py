"""Boot loader configuration as the boot loader will read it."""

from __future__ import annotations

from dataclasses import dataclass

from bootkeep.facts.unknown import Absent, Maybe


@dataclass(frozen=True, slots=True)
class BootEntry:
    """One entry of the boot menu with everything the loader would load for it."""

    id: str  # GRUB's ``--id``/``$menuentry_id_option``; empty when it has none
    title: str
    parents: tuple[str, ...]  # ids (or titles) of the submenus around it, outermost first
    kernel_path: str  # absolute path on the running system, /boot added where /boot is its own file system
    initramfs_paths: tuple[str, ...]  # same; more than one for microcode archives
    arguments: str  # kernel command line, GRUB's variables filled in where they are known
    search_uuid: str  # file system UUID that the entry searches for; empty when it uses the outer $root
    source: str  # file and line, e.g. ``/boot/grub/grub.cfg:131``
    doubt: str = ""  # why what it loads cannot be told before the boot
    unrestricted: bool = False  # whether it starts without a password where GRUB has users

    @property
    def full_id(self) -> str:
        """The name that ``grub-set-default`` and ``GRUB_DEFAULT`` take: ids joined by ``>``."""
        return ">".join((*self.parents, self.id or self.title))


@dataclass(frozen=True, slots=True)
class BlsProblem:
    """What is wrong with one Boot Loader Specification entry by itself."""

    path: str
    what: str
    foreign: bool = False  # only its name is: it belongs to another machine id


@dataclass(frozen=True, slots=True)
class Bls:
    """The menu's entries are files (/boot/loader/entries), which GRUB's blscfg reads at each boot."""

    files: tuple[str, ...]  # in menu order
    problems: tuple[BlsProblem, ...]
    kernel_options: bool = False  # an entry takes its arguments from GRUB's variable ``kernelopts``
    kernel_options_from: str = ""  # what sets it: ``grubenv``, ``grub.cfg``; empty when nothing does


@dataclass(frozen=True, slots=True)
class GrubConfig:
    """``grub.cfg`` and what surrounds it."""

    path: str
    size_bytes: int
    mtime_ns: int
    entries: tuple[BootEntry, ...]  # in menu order, submenus flattened
    leftovers: tuple[str, ...]  # e.g. grub.cfg.new: a generator that did not finish
    syntax_error: Maybe[str]  # what grub-script-check said; empty when it passed
    sources_preserved: bool  # it sources bootkeep.cfg, where the preserved kernels have their entries
    bls: Maybe[Bls] = Absent("blscfg")  # Absent where grub.cfg holds the entries itself
    passwords: bool = False  # GRUB has users: entries that are not ``unrestricted`` ask for one

    @property
    def folder(self) -> str:
        """GRUB's own folder: /boot/grub, or /boot/grub2 of the rpm families."""
        return "/boot/grub" if self.path.startswith("/boot/grub/") else "/boot/grub2"


@dataclass(frozen=True, slots=True)
class PendingDefault:
    """``GRUB_DEFAULT`` as the next update-grub will take it, where grub.cfg was made with another."""

    wanted: str  # GRUB_DEFAULT's value now
    present: str  # what grub.cfg has; ``saved`` when it asks grubenv
    source: str  # the file that sets it last
    entry: Maybe[BootEntry]  # what the new value starts in the present menu; Unknown for ``saved``


@dataclass(frozen=True, slots=True)
class DefaultEntry:
    """How the default is chosen, and what it resolves to right now."""

    wanted: str  # the text that chose it: GRUB_DEFAULT's value, or grubenv's saved_entry
    chosen_by: str  # ``GRUB_DEFAULT``, ``saved_entry``, ``next_entry``, ``first entry``
    entry: Maybe[BootEntry]  # Absent when the text matches no entry
    instead: BootEntry | None = None  # what GRUB starts where the text matches none
