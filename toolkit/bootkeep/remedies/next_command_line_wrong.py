"""B13: /etc/kernel/cmdline holds other arguments than this machine starts with. They are written from what is known to boot."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.typed import assign, is_plain
from bootkeep.remedies.common import SAVED, both, commands, covered, good_entry, not_covered
from bootkeep.remedies.layout import layout_of
from bootkeep.remedies.plain_steps import write

ID = "next-command-line-wrong"
TITLE = "Give the next kernel this machine's arguments"
FAMILIES = ("redhat",)
PATH = "/etc/kernel/cmdline"
#: What a boot adds to its own command line, and what belongs to one entry only.
_NOT_KEPT = (
    "BOOT_IMAGE=",
    "initrd=",
    "bootkeep.",
    "systemd.unit=",
    "rd.break",
    "init=",
    "single",
    "emergency",
    "rescue",
)


def next_command_line_wrong(state: BootState, subject: str = "") -> Remedy:
    """kernel-install takes the words of this file for each new kernel."""
    if not covered(state, FAMILIES):
        return not_covered(ID, TITLE, state, FAMILIES)
    look = Step(
        Place.LIVE,
        "What the entries that are here say.",
        commands("grep -H ^options /boot/loader/entries/*.conf", "blkid"),
        expect="root= with a UUID or a volume that blkid prints",
        on_fail="CALL",
    )
    return both(ID, TITLE, (look, *right_arguments(state)))


def arguments_of(state: BootState) -> str:
    """The arguments of the entry that is known to boot, else of the running kernel; empty when neither can be typed."""
    entry = good_entry(state)
    running = state.running_arguments if isinstance(state.running_arguments, str) else ""
    words = (entry.arguments if entry is not None and "root=" in entry.arguments else running).split()
    kept = " ".join(word for word in words if not word.startswith(_NOT_KEPT))
    return kept if "root=" in kept and is_plain(kept) else ""


def right_arguments(state: BootState) -> tuple[Step, ...]:
    """Write the file first: without it kernel-install takes /proc/cmdline, in a rescue shell the medium's own (systemd#40103)."""
    words = arguments_of(state)
    root = layout_of(state).root
    named = f" The root file system is {root.uuid}." if root is not None and root.uuid else ""
    ask = assign("A", words) if words else ("read -r -p 'Arguments, root=... ro ...: ' A",)
    return (
        write(
            f"Write down the arguments for new entries. Without them the tools take the rescue medium's own.{named}",
            f"install -d -m 0700 {SAVED}",
            "install -d /etc/kernel",
            f"F={PATH}",
            f"test ! -e $F || cp -a $F {SAVED}/kernel-cmdline",
            *ask,
            'printf "%s\\n" "$A" >$F',
            "cat $F",
            expect="one line with root=, as typed",
            undo=(f"rm {PATH}; test ! -e {SAVED}/kernel-cmdline || cp -a {SAVED}/kernel-cmdline {PATH}",),
        ),
    )
