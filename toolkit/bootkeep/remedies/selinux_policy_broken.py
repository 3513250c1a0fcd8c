"""B43: SELinux has no policy to load, or files have no labels. The policy comes back, and the next boot labels everything."""

from __future__ import annotations

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.remedy import Remedy
from bootkeep.facts.surroundings import Selinux
from bootkeep.remedies.common import NO_UNDO
from bootkeep.remedies.plain_steps import look, remedy, write
from bootkeep.remedies.toolset import EVERY, tools_of

ID = "selinux-policy-broken"
TITLE = "Give SELinux its policy and its labels back"


def selinux_policy_broken(state: BootState, subject: str = "") -> Remedy:
    """Until then a boot with enforcing=0 comes up."""
    selinux = state.around.selinux
    kind = selinux.policy_type if isinstance(selinux, Selinux) and selinux.policy_type.isalpha() else "targeted"
    package = "selinux-policy-default" if tools_of(state).family == "debian" else f"selinux-policy-{kind}"
    tools = tools_of(state)
    return remedy(
        ID,
        TITLE,
        state,
        look(
            "To get up now: in the boot menu press e, add enforcing=0 to the line that begins with linux, Ctrl-x. Then see what is "
            "there.",
            "cat /etc/selinux/config",
            f"ls -l /etc/selinux/{kind}/policy",
            expect=f"SELINUXTYPE={kind}, and a policy file that is not of size 0",
            on_fail="No such file: the next step",
        ),
        write(
            "Put the policy back. With a whole policy there leave this step out.",
            f"{tools.reinstall} {package}",
            f"ls -l /etc/selinux/{kind}/policy",
            expect="a policy file, not of size 0",
            undo=(NO_UNDO,),
            on_fail=f"Not in the archive: the .{tools.suffix} files below {tools.packages}; else boot with enforcing=0, then CALL",
            minutes=5,
        ),
        write(
            "Let the next boot label every file anew. It takes minutes and restarts once by itself: do not switch off.",
            "touch /.autorelabel",
            "ls -l /.autorelabel",
            expect="one line",
            undo=("rm /.autorelabel",),
        ),
        families=EVERY,
    )
