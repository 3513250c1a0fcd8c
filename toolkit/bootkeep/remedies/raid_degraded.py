"""B24: an array lacks a member. Which disk failed is found out first: adding the wrong one destroys data."""

from __future__ import annotations

import re

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Remedy
from bootkeep.remedies.plain_steps import look, remedy, write

ID = "raid-degraded"
TITLE = "Give the array its missing member back"


def raid_degraded(state: BootState, subject: str = "") -> Remedy:
    """an array lacks a member. Which disk failed is found out first: adding the wrong one destroys data."""
    array = subject if re.fullmatch(r"md[A-Za-z0-9_]+", subject) else "md0"
    return remedy(
        ID,
        TITLE,
        state,
        look(
            "Which member is missing, and does its disk still answer? A dead disk is replaced by its serial number and "
            "partitioned like its twin (sfdisk -d).",
            f"mdadm --detail /dev/{array} | tail -n 5",
            "lsblk -o NAME,SIZE,SERIAL,FSTYPE",
            expect="a line 'removed' or 'faulty'",
        ),
        write(
            "Give the partition back to the array. The data of that partition is overwritten: read its name twice.",
            "read -r -p 'Partition to add, /dev/...: ' P",
            f'mdadm --manage /dev/{array} --add "$P"',
            "cat /proc/mdstat",
            expect="recovery = ...% and a time; it may go on while the machine is used",
            undo=(f'mdadm --manage /dev/{array} --fail "$P" --remove "$P"',),
            minutes=5,
        ),
    )
