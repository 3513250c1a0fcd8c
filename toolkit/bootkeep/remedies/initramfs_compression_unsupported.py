"""B28: the kernel cannot unpack its initramfs. gzip is what every Debian kernel knows."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.remedies.common import SAVED, build_initramfs, check_initramfs, release_of, save
from bootkeep.remedies.plain_steps import look, remedy, tell, write

ID = "initramfs-compression-unsupported"
TITLE = "Compress the initramfs with what the kernel knows"


def initramfs_compression_unsupported(state: BootState, subject: str = "") -> Remedy:
    """the kernel cannot unpack its initramfs. gzip is what every Debian kernel knows."""
    release = release_of(state, subject)
    if not release:
        return remedy(ID, TITLE, state, tell("Which kernel is meant could not be read: ls /boot /lib/modules. CALL."))
    return remedy(
        ID,
        TITLE,
        state,
        save(Place.LIVE, "/etc/initramfs-tools/initramfs.conf", "initramfs.conf"),
        look("What this kernel can unpack.", f"grep CONFIG_RD_ /boot/config-{release}", expect="CONFIG_RD_GZIP=y"),
        write(
            "Set gzip.",
            "F=/etc/initramfs-tools/initramfs.conf",
            "sed -i 's|^COMPRESS=.*|COMPRESS=gzip|' $F",
            "grep -r COMPRESS= /etc/initramfs-tools",
            expect="COMPRESS=gzip and no other line below conf.d",
            undo=(f"cp -a {SAVED}/initramfs.conf /etc/initramfs-tools/initramfs.conf",),
        ),
        build_initramfs(state, Place.LIVE, release, exists=True),
        check_initramfs(state, Place.LIVE, release),
    )
