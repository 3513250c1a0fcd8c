"""B29: the digest of the FIPS kernel is missing. Its package brings it."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Remedy
from bootkeep.remedies.common import NO_UNDO, release_of
from bootkeep.remedies.plain_steps import remedy, tell, write

ID = "fips-digest-missing"
TITLE = "Give the FIPS kernel its digest, or start without FIPS once"


def fips_digest_missing(state: BootState, subject: str = "") -> Remedy:
    """the digest of the FIPS kernel is missing. Its package brings it."""
    release = release_of(state, subject)
    if not release:
        return remedy(ID, TITLE, state, tell("Which kernel is meant could not be read: ls /boot /lib/modules. CALL."))
    return remedy(
        ID,
        TITLE,
        state,
        write(
            "The digest comes with the kernel's package (Ubuntu Pro: linux-image-hmac-...).",
            f"K={release}",
            "apt-get install --reinstall linux-image-$K",
            "ls -l /boot/.vmlinuz-$K.hmac",
            expect="one line with the file",
            undo=(NO_UNDO,),
            on_fail="No such file: take fips=1 out of GRUB_CMDLINE_LINUX, update-grub, and tell whoever needs FIPS mode",
            minutes=5,
        ),
    )
