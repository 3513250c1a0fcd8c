"""B29: the digest of the FIPS kernel is missing. Its package brings it."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Remedy
from bootkeep.remedies.common import NO_UNDO, release_of, wanted_package
from bootkeep.remedies.plain_steps import remedy, tell, write
from bootkeep.remedies.toolset import EVERY, tools_of

ID = "fips-digest-missing"
TITLE = "Give the FIPS kernel its digest, or start without FIPS once"


def fips_digest_missing(state: BootState, subject: str = "") -> Remedy:
    """the digest of the FIPS kernel is missing. Its package brings it."""
    release = release_of(state, subject)
    if not release:
        return remedy(ID, TITLE, state, tell("Which kernel is meant could not be read: ls /boot /lib/modules. CALL."))
    tools = tools_of(state)
    if tools.family != "debian":
        return remedy(
            ID,
            TITLE,
            state,
            write(
                "The digest lies in the kernel's modules tree, and its package's script copies it to /boot.",
                f"K={release}",
                "install -m 0644 /lib/modules/$K/.vmlinuz.hmac /boot/.vmlinuz-$K.hmac",
                "ls -l /boot/.vmlinuz-$K.hmac",
                expect="one line with the file",
                undo=("rm /boot/.vmlinuz-$K.hmac",),
                on_fail=f"No such file there: {tools.reinstall} {wanted_package(state, release)}. Until then: in the menu press e, "
                "and write fips=0 instead of fips=1 once",
            ),
            families=EVERY,
        )
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
