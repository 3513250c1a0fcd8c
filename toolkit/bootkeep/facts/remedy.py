"""Remedies: steps as data. The runbook prints them, the Salt state runs them, the drill types them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Place(Enum):
    """Where a command is typed. The same text is wrong elsewhere, so every block of the runbook shows its place."""

    FIRMWARE = "FIRMWARE"
    GRUB_RESCUE = "GRUB RESCUE"
    GRUB = "GRUB"
    GRUB_EDIT = "GRUB EDIT"  # words added to a menu entry's linux line, after pressing e
    INITRAMFS = "INITRAMFS"
    EMERGENCY = "EMERGENCY"
    RESCUE = "RESCUE"  # root shell of the rescue medium
    TARGET = "IN TARGET"  # chroot into this host's root
    LIVE = "LIVE"  # the running host


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to type, what to see, and what to do when it is not seen."""

    place: Place
    say: str  # one sentence: what this does and why
    command: tuple[str, ...] = ()  # lines as typed; empty for a thing to do by hand or to look at
    expect: str = ""  # what the screen shows when it worked
    on_fail: str = ""  # id of the section or card to go to, or a sentence
    undo: tuple[str, ...] = ()  # lines that take it back; empty for steps that write nothing
    writes: bool = False
    minutes: int = 1
    by_hand: bool = False  # needs a person: a choice, an editor, a look at a screen; never run by ``bootkeep fix``
    may_fail: bool = False  # its exit code says what was found, or another step does without it: no reason to stop


@dataclass(frozen=True, slots=True)
class Remedy:
    """A way out of a finding: live, and from a rescue shell."""

    id: str
    title: str
    live: tuple[Step, ...]
    rescue: tuple[Step, ...]  # inside the chroot, after the rescue path has mounted everything
