"""B21: a link leads nowhere. Debian's own tool sets it to an installed kernel."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Remedy
from bootkeep.facts.typed import shell_word, valid_path
from bootkeep.remedies.common import commands, release_of
from bootkeep.remedies.plain_steps import remedy, tell, write

ID = "boot-link-dangling"
TITLE = "Let /vmlinuz and /initrd.img lead to a kernel"


def boot_link_dangling(state: BootState, subject: str = "") -> Remedy:
    """a link leads nowhere. Debian's own tool sets it to an installed kernel."""
    release = release_of(state, subject)
    if not release:
        return remedy(ID, TITLE, state, tell("Which kernel is meant could not be read: ls /boot /lib/modules. CALL."))
    return remedy(
        ID,
        TITLE,
        state,
        write(
            "Set the links to this kernel.",
            f"K={release}",
            "linux-update-symlinks install $K /boot/vmlinuz-$K",
            "find / /boot -maxdepth 1 -type l -ls",
            "find / /boot -maxdepth 1 -xtype l",
            expect="links that lead to files, and nothing from the last command: it names those that lead nowhere",
            undo=_as_before(state, subject),
        ),
    )


def _as_before(state: BootState, link: str) -> tuple[str, ...]:
    """The link as it was: it led nowhere, and whoever takes the fix back wants just that."""
    target = dict(state.boot_links).get(link, "")
    if not valid_path(link) or not target:
        return ("# The links led nowhere before.",)
    return commands(f"ln -sfn {shell_word(target)} {link}")
