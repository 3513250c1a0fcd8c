"""B04: the rpm front end is not told to keep kernels side by side. Two settings tell it."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Remedy
from bootkeep.remedies.common import SAVED
from bootkeep.remedies.plain_steps import look, remedy, write
from bootkeep.remedies.toolset import RPM, tools_of

ID = "install-only-weak"
TITLE = "Have kernels installed beside each other"


def install_only_weak(state: BootState, subject: str = "") -> Remedy:
    """dnf.conf or zypp.conf; a package that calls itself no kernel is installed by hand, beside."""
    change: tuple[str, ...]
    if tools_of(state).family == "suse":
        path = "/etc/zypp/zypp.conf"
        change = (
            'W="provides:multiversion(kernel)"',
            'sed -i "s/^#* *multiversion *=.*/multiversion = $W/" $F',
            "grep '^multiversion' $F",
        )
        expect = "multiversion = provides:multiversion(kernel), and multiversion.kernels as it was"
    else:
        path = "/etc/dnf/dnf.conf"
        change = (
            "sed -i -e '/^installonlypkgs/d' -e '/^installonly_limit/d' -e '/^protect_running_kernel/d' $F",
            "sed -i -e '/^.main.$/a installonly_limit=3' $F",
            "cat $F",
        )
        expect = "[main], below it installonly_limit=3, and the other lines as they were"
    return remedy(
        ID,
        TITLE,
        state,
        write(
            "Set it. The Salt state bootkeep.install_only_enforced does the same and keeps it so.",
            f"F={path}",
            f"install -d -m 0700 {SAVED}",
            f"test -e {SAVED}/front-end.conf || cp -a $F {SAVED}/front-end.conf",
            *change,
            expect=expect,
            undo=(f"cp -a {SAVED}/front-end.conf {path}",),
            on_fail="No such line: add it below [main] with an editor",
        ),
        look(
            "A kernel whose package provides neither installonlypkg(kernel) nor multiversion(kernel) is replaced all the same. "
            "Install such a one by hand with rpm -ivh, never -U.",
            "rpm -q --whatprovides 'installonlypkg(kernel)' 'multiversion(kernel)'",
            expect="the packages of the kernels that are here",
            on_fail="'no package provides': bootkeep preserve before every kernel update",
        ),
        families=RPM,
    )
