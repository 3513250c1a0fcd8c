"""Shells that a boot may end in, without a rescue medium: the initramfs, and systemd's emergency mode."""

from __future__ import annotations

import re

from bootkeep.facts.remedy import Place, Step
from bootkeep.facts.runbook import CALL, Box, Item, Section
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.remedies.assembly import LUKS
from bootkeep.runbook.host import HostFacts, root_argument
from bootkeep.runbook.opening import below, opening_in_initramfs
from bootkeep.runbook.steps import (
    AFTER,
    EMERGENCY,
    HAND,
    INITRAMFS,
    PREVIOUS,
    RESCUE,
    numbered,
    section,
    shell,
)


def initramfs_shell(facts: HostFacts) -> Section:
    """The kernel runs, the root file system was not found."""
    root = facts.layout.root
    uuid = root.uuid if root is not None else ""
    drivers = () if isinstance(facts.state.root_drivers, (Absent, Unknown)) else facts.state.root_drivers
    names = [name for name in drivers if re.fullmatch(r"[A-Za-z0-9_-]+", name)]
    blanks = () if uuid else ("UUID of the root file system (facts page does not have it)",)
    steps: list[tuple[Step, str, tuple[str, ...]]] = [
        (
            Step(
                Place.INITRAMFS,
                "See what the kernel was told, and which disks are there.",
                ("cat /proc/cmdline", "ls /dev/disk/by-uuid", "blkid"),
                expect=_wanted(facts, uuid),
                on_fail="Not in the list: go on with the next step. root= is another: the menu is wrong, switch off and on",
            ),
            HAND,
            blanks,
        ),
    ]
    if names:
        steps.append(
            (
                shell(
                    Place.INITRAMFS,
                    "No disks in the list? Load the drivers of the way to the root disk, and wait.",
                    f"for m in {' '.join(names[:8])}; do modprobe $m; done",
                    "sleep 10",
                    "ls /dev/disk/by-uuid",
                    expect="the list is there. 'not found': this initramfs lacks the driver",
                ),
                PREVIOUS,
                (),
            )
        )
    steps += opening_in_initramfs(facts)
    steps += [
        (
            Step(
                Place.INITRAMFS,
                "The disk is in the list now, and root= is right: leave the shell, the boot goes on.",
                ("exit",),
                expect="a login prompt",
                minutes=2,
            ),
            PREVIOUS,
            (),
        ),
    ]
    items: list[Item] = list(numbered(INITRAMFS, steps))
    if facts.layout.not_covered:
        items.insert(0, Box("NOT COVERED by this paper", facts.layout.not_covered))
    prompt = "dracut:/#" if facts.tools.generator == "dracut" else "(initramfs)"
    return section(INITRAMFS, f"The prompt is {prompt}", items, (AFTER,), minutes=10, new_page=False)


def _wanted(facts: HostFacts, uuid: str) -> str:
    """What the command line and the list of disks should say: for a stacked root, what lies on the disks themselves."""
    if not uuid:
        return "root=..., and its UUID in the list"
    lowest = [layer.uuid for layer in below(facts.layout.root, facts).layers if layer.kind == LUKS]
    choice = facts.good or next(iter(facts.choices), None)
    root = root_argument(facts, choice) if choice is not None else f"UUID={uuid}"
    return f"root={root}, and {lowest[0] if lowest else uuid} in the list"


def emergency(facts: HostFacts, cards: dict[str, str]) -> Section:
    """systemd stopped, mostly over a line of fstab; with and without a root password."""
    steps: list[tuple[Step, str]] = []
    if facts.root_locked:
        told = (
            "The root account of this host is LOCKED"
            if facts.state.root_locked is True
            else (
                "Whether root has a password is NOT KNOWN. 'root account is locked' on the screen, or no password at hand"
            )
        )
        steps += [
            (
                Step(
                    Place.GRUB_EDIT,
                    f"{told}: emergency mode gives no shell. Switch off and on; in the menu press e on the entry; add "
                    "this at the end of the line that begins with linux; Ctrl-x boots.",
                    ("systemd.setenv=SYSTEMD_SULOGIN_FORCE=1",),
                    expect="a prompt that ends in # without a password",
                    minutes=3,
                ),
                EMERGENCY,
            ),
            (
                Step(
                    Place.GRUB_EDIT,
                    "Still no shell: the same with these words instead. There is no systemd then: leave it "
                    "with the last step below.",
                    ("init=/bin/bash rw",),
                    expect="a prompt that ends in #",
                    minutes=3,
                ),
                RESCUE,
            ),
        ]
    else:
        steps.append((Step(Place.EMERGENCY, "Type root's password.", expect="a prompt that ends in #"), RESCUE))
    card = cards.get("fstab-device-missing", CALL)
    steps += [
        (
            Step(
                Place.EMERGENCY,
                "See what failed. q leaves the list.",
                ("systemctl --failed --no-pager", "journalctl -b -p 3 --no-pager | tail"),
                expect="the unit at fault, e.g. boot.mount or srv-data.mount",
            ),
            card,
        ),
        (
            Step(
                Place.EMERGENCY,
                "Make the root file system writable, keep a copy of fstab.",
                (
                    "mount -o remount,rw /",
                    "test -e /etc/fstab.before || cp -a /etc/fstab /etc/fstab.before",
                    "findmnt --verify",
                ),
                expect="the line of fstab at fault, as error",
                undo=("cp -a /etc/fstab.before /etc/fstab",),
                writes=True,
            ),
            card,
        ),
        (
            Step(
                Place.EMERGENCY,
                f"Mend it with card {card}: its commands are the same here as in the target.",
                expect="findmnt --verify prints 0 errors",
            ),
            card,
        ),
        (
            Step(
                Place.EMERGENCY,
                "Start again. What follows || is for the shell that init=/bin/bash gave.",
                (
                    *(("touch /.autorelabel",) if facts.family == "redhat" else ()),
                    "systemctl reboot || { sync; mount -o remount,ro /; reboot -f; }",
                ),
                expect="the host boots",
                minutes=3,
            ),
            RESCUE,
        ),
    ]
    fixed = [(step, RESCUE if target == EMERGENCY else target) for step, target in steps]
    return section(EMERGENCY, "Emergency mode", numbered(EMERGENCY, fixed), (AFTER,), minutes=15, new_page=False)
