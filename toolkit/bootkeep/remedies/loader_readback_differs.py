"""B19: GRUB reads other bytes than the running system shows. Give the journal time, then write the file again."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.typed import shell_word, valid_path
from bootkeep.remedies.common import (
    NO_UNDO,
    build_initramfs,
    check_initramfs,
    commands,
    covered,
    in_place,
    not_covered,
    rebuild_menu,
    refresh_lists,
    release_of,
    wanted_package,
)
from bootkeep.remedies.layout import layout_of
from bootkeep.remedies.toolset import EVERY, tools_of

ID = "loader-readback-differs"
TITLE = "Bring what /boot shows onto its device"


def loader_readback_differs(state: BootState, subject: str = "") -> Remedy:
    """Everything in its place on the device; what is still another file there is written again."""
    if not covered(state, EVERY):
        return not_covered(ID, TITLE, state, EVERY)
    settle = Step(
        Place.LIVE,
        "Let the kernel write its journal into place: it does so within 30 seconds after a sync.",
        ("sync", "sleep 35", "sync"),
        expect="nothing: it worked",
        on_fail="It hangs: the disk does not answer. Look into dmesg, then CALL",
    )
    again = _write_again(state, subject)
    mount = Step(
        Place.TARGET,
        "Mounting /boot (or /) in the rescue shell has replayed its journal; unmounting writes it out. Nothing else is needed.",
        ("sync",),
        expect="nothing: it worked",
        on_fail="The mount failed: do not repair it with force. CALL",
    )
    return Remedy(ID, TITLE, (settle, *again), (mount, *in_place(Place.TARGET, again)))


def _write_again(state: BootState, subject: str) -> tuple[Step, ...]:
    tools, name = tools_of(state), subject.rpartition("/")[2]
    release = release_of(state, subject)
    if name == "grub.cfg":
        return rebuild_menu(state, Place.LIVE)
    if subject == tools.initramfs(release) and release:
        return build_initramfs(state, Place.LIVE, release, exists=True), check_initramfs(state, Place.LIVE, release)
    if subject.startswith("/boot/vmlinuz-") and release:
        wanted = wanted_package(state, release)
        install = Step(
            Place.LIVE,
            "Install this kernel's package again in the same version, so that its image is written anew.",
            commands(f"{tools.reinstall} {wanted}", f"ls -l {shell_word(subject)}"),
            expect=f"one line that ends in {name}",
            on_fail=f"Not in the archive any more: {tools.kernel_from_file} its .{tools.suffix} below {tools.packages}, else CALL",
            undo=(NO_UNDO,),
            writes=True,
            minutes=5,
        )
        return refresh_lists(state, Place.LIVE), install
    boot = layout_of(state).boot
    what = subject if valid_path(subject) else "the file that the finding names"
    where = boot.target if boot is not None else "/boot"
    return (
        Step(
            Place.LIVE,
            f"{what} still differs on the device below {where}: no package of this host writes it. Keep a copy, have it made "
            "again by what made it, and check again. The disk may be failing: look into dmesg.",
            on_fail="CALL",
            by_hand=True,
        ),
    )
