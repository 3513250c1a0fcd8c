"""B10: a kernel has no boot entry of its own, or a wrong one. kernel-install writes it anew, after its arguments are right."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.typed import assign, valid_path
from bootkeep.remedies.common import ENTRIES, NO_UNDO, SAVED, both, commands, covered, not_covered, release_of
from bootkeep.remedies.next_command_line_wrong import right_arguments
from bootkeep.remedies.plain_steps import write

ID = "loader-entry-missing"
TITLE = "Write the kernel's boot entry again"
FAMILIES = ("redhat",)


def loader_entry_missing(state: BootState, subject: str = "") -> Remedy:
    """One entry for one kernel, made by the distribution's own tool."""
    if not covered(state, FAMILIES):
        return not_covered(ID, TITLE, state, FAMILIES)
    release = release_of(state, subject)
    steps: list[Step] = [
        Step(
            Place.LIVE,
            "See which entries there are, and which kernels. Their names must begin with this machine's id.",
            commands("cat /etc/machine-id", f"ls -l {ENTRIES}", "ls -l /boot/vmlinuz-*"),
            expect="for each kernel one file, machine id and release in its name",
            on_fail="CALL",
        ),
        *right_arguments(state),
    ]
    if subject.startswith(f"{ENTRIES}/") and valid_path(subject):
        steps.append(
            write(
                "Move the entry away that is wrong. Its kernel gets a new one.",
                f"install -d -m 0700 {SAVED}",
                *assign("E", subject),
                f'mv "$E" {SAVED}/entry.conf',
                f"ls {SAVED}",
                expect="entry.conf among the names",
                undo=(*assign("E", subject), f'mv {SAVED}/entry.conf "$E"'),
            )
        )
    ask = (f"K={release}",) if release else ("ls /lib/modules", "read -r -p 'Release: ' K")
    steps.append(
        write(
            "Write the entry of this kernel. The tool copies the image to /boot and builds its initramfs, too.",
            *ask,
            "kernel-install add $K /lib/modules/$K/vmlinuz",
            f"grep -H -e ^linux -e ^options {ENTRIES}/*$K*.conf",
            expect="one entry: a linux line with the release, and an options line with root=",
            undo=(NO_UNDO,),
            on_fail="Another root=: the arguments of the step before were not right; do both again. No file: CALL",
            minutes=3,
        )
    )
    return both(ID, TITLE, steps)
