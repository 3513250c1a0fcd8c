"""What all repairs of /etc/fstab have in common: the saved original, one line changed by sed, and the look afterwards."""

from __future__ import annotations

from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.storage import FstabLine
from bootkeep.facts.typed import assign, is_plain, sed_pattern
from bootkeep.remedies.common import in_place, put_back, save


def fstab_remedy(identity: str, title: str, look: Step, mended: tuple[Step, ...]) -> Remedy:
    """Look, save, mend, check again and mount; the same without mounting in a system that is mounted in a rescue shell."""
    check = Step(Place.LIVE, "Check again.", ("findmnt --verify",), expect="0 parse errors, 0 errors", on_fail="CALL")
    reload = Step(
        Place.LIVE,
        "Tell systemd, and mount everything.",
        ("systemctl daemon-reload", "mount -a"),
        expect="nothing: it worked",
        on_fail="CALL",
        undo=("# Nothing is written.",),
        writes=True,
    )
    steps = (look, save(Place.LIVE, "/etc/fstab", "fstab"), *mended, check)
    return Remedy(identity, title, (*steps, reload), in_place(Place.TARGET, steps))


def can_be_named(line: FstabLine) -> bool:
    """Whether sed can find the line by its first two words: not with quotes, backslashes, or what no keyboard has."""
    words = line.spec + line.target
    return is_plain(words) and not any(c in words for c in "'\\")


def changed_line(line: FstabLine, change: str, *, say: str, show: tuple[str, ...], expect: str) -> Step:
    """The line by its content, not by its number: numbers move. ``change`` is sed's ``s`` command, ``show`` prints the result."""
    address = f"\\|^{sed_pattern(line.spec)}\\s*{sed_pattern(line.target)}\\s|"
    return Step(
        Place.LIVE,
        say,
        (*assign("A", address), *assign("C", change), 'sed -i "$A$C" /etc/fstab', *show),
        expect=expect,
        on_fail="Nothing changed: the line has other words by now. Mend it with an editor: nano /etc/fstab",
        undo=put_back("/etc/fstab", "fstab"),
        writes=True,
    )


def by_hand(say: str, expect: str) -> Step:
    """The line in an editor, where nothing of it can be typed in advance."""
    return Step(
        Place.LIVE,
        say,
        ("nano /etc/fstab || vi /etc/fstab",),
        expect=expect,
        on_fail="CALL",
        undo=put_back("/etc/fstab", "fstab"),
        writes=True,
    )
