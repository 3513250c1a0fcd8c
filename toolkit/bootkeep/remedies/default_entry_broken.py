"""B08: the default boot entry leads nowhere. Choose one that exists, by its name."""

from __future__ import annotations

import re

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.typed import assign, plain
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.remedies.common import (
    both,
    commands,
    covered,
    good_entry,
    kernels_of,
    not_covered,
    rebuild_menu,
    save,
)

ID = "default-entry-broken"
TITLE = "Choose a default boot entry that works, by name"

#: Sorted last, so that no other file below /etc/default/grub.d has the last word (cloud images bring some).
DROP_IN = "/etc/default/grub.d/zz-bootkeep-default.cfg"


def default_entry_broken(state: BootState, subject: str = "") -> Remedy:
    """A default that resolves: ids, never positions, because positions move with every kernel."""
    if not covered(state):
        return not_covered(ID, TITLE, state)
    entry = good_entry(state)
    if entry is None:
        steps = _read_the_id()
    else:
        steps = (*_clear_once(state), *_choose(state, id_lines(state, entry.full_id), plain(entry.title)))
    return both(ID, TITLE, (*steps, *rebuild_menu(Place.LIVE)))


def id_lines(state: BootState, full_id: str) -> tuple[str, ...]:
    """Lines that set ID. GRUB's ids repeat the root's UUID and the release: each is typed once."""
    uuid = re.search(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", full_id)
    if uuid is None or not re.fullmatch(r"[A-Za-z0-9.+~_>-]+", full_id):
        return assign("ID", full_id)
    lines = [f"U={uuid.group()}"]
    short = full_id.replace(uuid.group(), "$U")
    releases = [kernel.release for kernel in kernels_of(state) if f"gnulinux-{kernel.release}-" in short]
    if releases:
        lines.append(f"K={max(releases, key=len)}")
        short = short.replace(max(releases, key=len), "$K")
    return (*lines, f'ID="{short}"') if len(short) < 64 else assign("ID", full_id)


def _clear_once(state: BootState) -> tuple[Step, ...]:
    chosen = state.default_entry
    if isinstance(chosen, (Absent, Unknown)) or chosen.chosen_by != "next_entry":
        return ()
    return (
        save(Place.LIVE, "/boot/grub/grubenv", "grubenv"),
        Step(
            Place.LIVE,
            "Forget the entry that was chosen for one boot only.",
            ("grub-editenv /boot/grub/grubenv unset next_entry",),
            expect="nothing: it worked",
            on_fail="CALL",
            undo=("cp -a /var/lib/bootkeep/rescue/grubenv /boot/grub/grubenv",),
            writes=True,
        ),
    )


def _choose(state: BootState, lines: tuple[str, ...], title: str) -> tuple[Step, ...]:
    chosen = state.default_entry
    if not isinstance(chosen, (Absent, Unknown)) and chosen.chosen_by == "saved_entry":
        return (
            save(Place.LIVE, "/boot/grub/grubenv", "grubenv"),
            Step(
                Place.LIVE,
                f"This host boots the saved entry. Save this one: {title}",
                (*lines, 'grub-set-default "$ID"', "grub-editenv /boot/grub/grubenv list"),
                expect="saved_entry=gnulinux-... as typed",
                on_fail="Choose the kernel in the menu by hand (section P), then CALL",
                undo=("cp -a /var/lib/bootkeep/rescue/grubenv /boot/grub/grubenv",),
                writes=True,
            ),
        )
    return (
        Step(
            Place.LIVE,
            f"Make this entry the default: {title}. Take it back once the newest kernel boots again.",
            (
                *lines,
                "install -d /etc/default/grub.d",
                *commands(f'printf "GRUB_DEFAULT=\'%s\'\\n" "$ID" >{DROP_IN}', f"cat {DROP_IN}"),
            ),
            expect="GRUB_DEFAULT='gnulinux-...' as typed",
            on_fail="Choose the kernel in the menu by hand (section P), then CALL",
            undo=(f"rm {DROP_IN}", "update-grub"),
            writes=True,
        ),
    )


def _read_the_id() -> tuple[Step, ...]:
    return (
        Step(
            Place.LIVE,
            "No entry with a whole kernel was found when this was written. List the ids and choose one that is there now.",
            (
                'grep -oE "gnulinux-[^\' ]+" /boot/grub/grub.cfg',
                "ls -l /boot/vmlinuz-* /boot/initrd.img-*",
                "read -r -p 'Id of the submenu: ' S",
                "read -r -p 'Id of the entry: ' E",
                "install -d /etc/default/grub.d",
                *commands(f'printf "GRUB_DEFAULT=\'%s\'\\n" "$S>$E" >{DROP_IN}'),
            ),
            expect="ids that begin with gnulinux-, and a kernel and initramfs of the same release, neither of size 0",
            on_fail="No ids: write the menu again with the next steps, then come back",
            undo=(f"rm {DROP_IN}", "update-grub"),
            writes=True,
        ),
    )
