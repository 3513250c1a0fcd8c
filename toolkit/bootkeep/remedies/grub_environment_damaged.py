"""B12: grubenv is damaged. A new, empty one takes its place; what was saved is chosen again."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Place, Remedy, Step
from bootkeep.facts.typed import assign, is_plain
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.remedies.common import put_back, save
from bootkeep.remedies.plain_steps import remedy, tell, write
from bootkeep.remedies.toolset import EVERY, tools_of

ID = "grub-environment-damaged"
TITLE = "Make GRUB's environment block anew"


def grub_environment_damaged(state: BootState, subject: str = "") -> Remedy:
    """grubenv is damaged. A new, empty one takes its place; what was saved is chosen again."""
    tools = tools_of(state)
    path = tools.environment
    return remedy(
        ID,
        TITLE,
        state,
        save(Place.LIVE, path, "grubenv"),
        write(
            "Make it anew. It is empty then: the first menu entry is the default where GRUB_DEFAULT=saved.",
            f"E={path}",
            f"{tools.grub}-editenv $E create && {tools.grub}-editenv $E list && echo BLOCK IS GOOD",
            expect="BLOCK IS GOOD",
            undo=put_back(path, "grubenv"),
        ),
        *_kernel_options(state),
        tell("Where another entry than the first is to be the default: card default-entry-broken."),
        families=EVERY,
    )


def _kernel_options(state: BootState) -> tuple[Step, ...]:
    """EL 8's entries take their arguments from grubenv: an empty block means no root= at all."""
    if isinstance(state.grub, (Absent, Unknown)) or isinstance(state.grub.bls, (Absent, Unknown)):
        return ()
    if not state.grub.bls.kernel_options:
        return ()
    tools = tools_of(state)
    words = state.running_arguments if isinstance(state.running_arguments, str) else ""
    kept = " ".join(word for word in words.split() if not word.startswith(("BOOT_IMAGE=", "initrd=", "bootkeep.")))
    lines = assign("A", kept) if kept and is_plain(kept) else ("read -r -p 'Arguments, root=... ro ...: ' A",)
    return (
        write(
            "The entries of this host take their arguments from kernelopts in that block. Set it again, as the facts page has it.",
            *lines,
            f'{tools.grub}-editenv {tools.environment} set "kernelopts=$A"',
            f"{tools.grub}-editenv {tools.environment} list",
            expect="kernelopts=root=..., as typed",
            undo=put_back(tools.environment, "grubenv"),
        ),
    )
