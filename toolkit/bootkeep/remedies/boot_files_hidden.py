"""B18: files lie under the mounted directory. They are looked at through a second mount of the parent, compared, and moved."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy
from bootkeep.remedies.common import NO_UNDO, SAVED, package_of, rebuild_menu, release_of
from bootkeep.remedies.plain_steps import remedy, write
from bootkeep.remedies.toolset import EVERY, tools_of

ID = "boot-files-hidden"
TITLE = "Bring what was written past the mount to where it belongs"


def boot_files_hidden(state: BootState, subject: str = "") -> Remedy:
    """files lie under the mounted directory. They are looked at through a second mount of the parent, compared, and moved."""
    target = subject if subject in ("/boot", "/boot/efi", "/efi") else "/boot"
    tools = tools_of(state)
    name = package_of(state, release_of(state, ""))[0]
    return remedy(
        ID,
        TITLE,
        state,
        write(
            "Look under the mount through a second view of the root file system.",
            "mkdir -p /run/under && mount --bind / /run/under",
            f"ls -lA /run/under{target}",
            expect="the files that are hidden",
            undo=("umount /run/under",),
        ),
        write(
            "Install the newest kernel again, so that its files land on the mounted file system.",
            f"P={name}",
            f"{tools.reinstall} $P",
            "ls -l /boot",
            expect="the kernel's files, new",
            undo=(NO_UNDO,),
            minutes=5,
        ),
        write(
            "Move the hidden files away, and close the view.",
            f"install -d -m 0700 {SAVED}/hidden",
            f"find /run/under{target} -mindepth 1 -maxdepth 1 -exec mv -t {SAVED}/hidden {{}} +",
            "umount /run/under",
            f"ls {SAVED}/hidden",
            expect="the files, now out of the way",
            undo=("mount --bind / /run/under", f"mv {SAVED}/hidden/* /run/under{target}/", "umount /run/under"),
        ),
        *rebuild_menu(state, Place.LIVE),
        families=EVERY,
    )
