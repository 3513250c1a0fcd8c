"""B44: the first program lacks a file. The packages that own it and the C library are unpacked again."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Remedy
from bootkeep.remedies.common import NO_UNDO
from bootkeep.remedies.plain_steps import look, remedy, write

ID = "init-program-broken"
TITLE = "Make the first program whole again"


def init_program_broken(state: BootState, subject: str = "") -> Remedy:
    """the first program lacks a file. The packages that own it and the C library are unpacked again."""
    return remedy(
        ID,
        TITLE,
        state,
        look(
            "What is missing.",
            "ls -l /sbin/init",
            "ldd /lib/systemd/systemd | grep 'not found' || echo ALL FOUND",
            expect="ALL FOUND when it is whole",
        ),
        write(
            "Unpack the packages of the first program and the C library again.",
            "dpkg --configure -a",
            "apt-get install --reinstall systemd systemd-sysv libc6 libsystemd0",
            expect="no error",
            undo=(NO_UNDO,),
            on_fail="Without a network: dpkg -i their .deb files (section X). apt or dpkg does not start: the same from the rescue "
            "medium, dpkg --root=/mnt/target -i",
            minutes=5,
        ),
    )
