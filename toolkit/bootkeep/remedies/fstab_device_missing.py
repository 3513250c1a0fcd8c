"""B41: fstab waits for a device that is not there. Point the line to the right one, or take it out of the way."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.storage import FstabLine
from bootkeep.facts.typed import plain, shell_word
from bootkeep.remedies.common import commands, covered, not_covered, put_back
from bootkeep.remedies.fstab_lines import by_hand, can_be_named, changed_line, fstab_remedy
from bootkeep.remedies.layout import find_device, layout_of
from bootkeep.remedies.toolset import EVERY

ID = "fstab-device-missing"
TITLE = "Mend the line of /etc/fstab whose device is missing"

#: A host without these does not come up as itself: their lines are never commented out.
_ESSENTIAL = frozenset({"/", "/usr", "/var", "/boot", "/boot/efi"})


def fstab_device_missing(state: BootState, subject: str = "") -> Remedy:
    """Each line whose device is not there, by its content and not by its number: numbers move."""
    if not covered(state, EVERY):
        return not_covered(ID, TITLE, state, EVERY)
    look = Step(
        Place.LIVE,
        "See which lines do not hold.",
        ("findmnt --verify --verbose", "blkid"),
        expect="'unreachable' or 'not found' below the line at fault",
        on_fail="Success, no errors: this card is not the one you need",
        may_fail=True,  # findmnt ends with 1 when it finds what is looked for
    )
    mended = tuple(step for line in broken_lines(state, subject) for step in _mend(state, line)) or _by_hand()
    return fstab_remedy(ID, TITLE, look, mended)


def broken_lines(state: BootState, subject: str) -> tuple[FstabLine, ...]:
    """The lines that the finding names, else every one whose device is not among the block devices."""
    lines = state.fstab if isinstance(state.fstab, tuple) else ()
    named = tuple(line for line in lines if subject and subject in {line.spec, line.target})
    if named:
        return named
    if not isinstance(state.block_devices, tuple):
        return ()
    local = [line for line in lines if line.spec.startswith(("UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=", "/dev/"))]
    waits = [line for line in local if "nofail" not in line.options and "noauto" not in line.options]
    return tuple(line for line in waits if find_device(line.spec, state.block_devices) is None)


def _mend(state: BootState, line: FstabLine) -> tuple[Step, ...]:
    if not can_be_named(line):
        return _by_hand()
    volume = layout_of(state).at(line.target)
    found = volume.device if volume is not None else None
    if volume is not None and found is not None and volume.uuid and find_device(line.spec, [found]) is None:
        say = f"Point the line of {line.target} to the file system that was mounted there when this was written."
        change, expect = f"s|^[^[:space:]]*|UUID={volume.uuid}|", f"UUID={volume.uuid}"
    elif line.target in _ESSENTIAL:
        return (
            Step(
                Place.LIVE,
                f"{line.target} is needed and its device was not seen: {plain(line.spec)}. Is a disk missing? Compare with "
                "the facts page. Put its UUID, as blkid prints it, into the line with an editor.",
                ("blkid", "nano /etc/fstab || vi /etc/fstab"),
                expect=f"the line of {line.target} with a UUID that blkid prints",
                on_fail="The disk is not there at all: CALL",
                undo=put_back("/etc/fstab", "fstab"),
                writes=True,
            ),
        )
    else:
        say = f"The host comes up without {line.target}. Comment its line out; bring it back when the device is there."
        change, expect = "s|^|#|", f"#{plain(line.spec)}"
    show = commands(f"grep -F {shell_word(line.target)} /etc/fstab")
    return (changed_line(line, change, say=say, show=show, expect=f"a line that begins with {expect}"),)


def _by_hand() -> tuple[Step, ...]:
    return (
        by_hand(
            "Put a # before the line that findmnt found at fault, unless it is /, /usr, /var or /boot: give those the UUID "
            "that blkid prints.",
            "the line, with # before it or with the right UUID",
        ),
    )
