"""B08: the default boot entry leads nowhere. Choose one that exists, by its name."""

from __future__ import annotations

import re

from bootkeep.facts.boot_entry import BootEntry
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
    put_back,
    rebuild_menu,
    save,
)
from bootkeep.remedies.toolset import EVERY, tools_of

ID = "default-entry-broken"
TITLE = "Choose a default boot entry that works, by name"

#: Sorted last, so that no other file below /etc/default/grub.d has the last word (cloud images bring some).
DROP_IN = "/etc/default/grub.d/zz-bootkeep-default.cfg"


def default_entry_broken(state: BootState, subject: str = "") -> Remedy:
    """A default that resolves: ids, never positions, because positions move with every kernel."""
    if not covered(state, EVERY):
        return not_covered(ID, TITLE, state, EVERY)
    entry = good_entry(state)
    tools = tools_of(state)
    steps: tuple[Step, ...]
    if tools.family == "redhat":
        steps = (*_clear_once(state), *_by_grubby(state, entry))
    elif entry is None:
        steps = _read_the_id(state)
    else:
        steps = (*_clear_once(state), *_choose(state, id_lines(state, entry.full_id), plain(entry.title)))
    return both(ID, TITLE, (*steps, *rebuild_menu(state, Place.LIVE)))


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
    chosen, tools = state.default_entry, tools_of(state)
    if isinstance(chosen, (Absent, Unknown)) or chosen.chosen_by != "next_entry":
        return ()
    return (
        save(Place.LIVE, tools.environment, "grubenv"),
        Step(
            Place.LIVE,
            "Forget the entry that was chosen for one boot only.",
            (f"{tools.grub}-editenv {tools.environment} unset next_entry",),
            expect="nothing: it worked",
            on_fail="CALL",
            undo=put_back(tools.environment, "grubenv"),
            writes=True,
        ),
    )


def _by_grubby(state: BootState, entry: BootEntry | None) -> tuple[Step, ...]:
    """EL and Fedora boot the saved entry; grubby saves it by the kernel's path, and no position comes into it."""
    tools = tools_of(state)
    if entry is not None:
        ask = assign("I", entry.kernel_path)
        say = f"This host boots the saved entry. Save this one: {plain(entry.title)}"
    else:
        ask = ("ls -l /boot/vmlinuz-* /boot/initramfs-*", "read -r -p 'Kernel, /boot/vmlinuz-...: ' I")
        say = "No entry with a whole kernel was found when this was written. Choose one that has both files now, none of size 0."
    return (
        save(Place.LIVE, tools.environment, "grubenv"),
        Step(
            Place.LIVE,
            say,
            (*ask, 'grubby --set-default "$I"', "grubby --default-kernel", f"grub2-editenv {tools.environment} list"),
            expect="The default is ..., the kernel as typed, and a saved_entry that ends in its release",
            on_fail="'couldn't be found': the kernel has no entry, card loader-entry-missing; else the menu by hand (section P)",
            undo=put_back(tools.environment, "grubenv"),
            writes=True,
        ),
    )


def _choose(state: BootState, lines: tuple[str, ...], title: str) -> tuple[Step, ...]:
    chosen, tools = state.default_entry, tools_of(state)
    saved = not isinstance(chosen, (Absent, Unknown)) and chosen.chosen_by == "saved_entry"
    # SUSE reads no /etc/default/grub.d, and its own default is GRUB_DEFAULT=saved.
    settings = "/etc/default/grub"
    ask = () if saved or tools.family != "suse" else _ask_environment(settings)
    if saved or ask:
        return (
            *ask,
            save(Place.LIVE, tools.environment, "grubenv"),
            Step(
                Place.LIVE,
                f"This host boots the saved entry. Save this one: {title}",
                (*lines, f'{tools.grub}-set-default "$ID"', f"{tools.grub}-editenv {tools.environment} list"),
                expect="saved_entry=gnulinux-... as typed",
                on_fail="Choose the kernel in the menu by hand (section P), then CALL",
                undo=put_back(tools.environment, "grubenv"),
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
            undo=(f"rm {DROP_IN}", tools.write_menu),
            writes=True,
        ),
    )


def _ask_environment(settings: str) -> tuple[Step, ...]:
    return (
        save(Place.LIVE, settings, "default-grub"),
        Step(
            Place.LIVE,
            "Let the menu ask for the saved entry.",
            commands(f"sed -i 's/^GRUB_DEFAULT=.*/GRUB_DEFAULT=saved/' {settings}", f"grep ^GRUB_DEFAULT= {settings}"),
            expect="GRUB_DEFAULT=saved",
            on_fail=f"No such line: add it with an editor: vi {settings}",
            undo=put_back(settings, "default-grub"),
            writes=True,
        ),
    )


def _read_the_id(state: BootState) -> tuple[Step, ...]:
    tools = tools_of(state)
    return (
        Step(
            Place.LIVE,
            "No entry with a whole kernel was found when this was written. List the ids and choose one that is there now.",
            (
                f'grep -oE "gnulinux-[^\' ]+" {tools.menu}',
                f"ls -l /boot/vmlinuz-* {tools.initramfs('*')}",
                "read -r -p 'Id of the submenu: ' S",
                "read -r -p 'Id of the entry: ' E",
                "install -d /etc/default/grub.d",
                *commands(f'printf "GRUB_DEFAULT=\'%s\'\\n" "$S>$E" >{DROP_IN}'),
            ),
            expect="ids that begin with gnulinux-, and a kernel and initramfs of the same release, neither of size 0",
            on_fail="No ids: write the menu again with the next steps, then come back",
            undo=(f"rm {DROP_IN}", tools.write_menu),
            writes=True,
        ),
    )
