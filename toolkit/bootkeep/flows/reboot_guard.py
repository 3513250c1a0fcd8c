"""The reboot guard: a shim in root's search path that asks for the verdict before the host goes down on purpose.

Why there. A unit that is ordered before reboot.target cannot veto: the services are stopping already. A logind inhibitor does
not hold root's ``systemctl reboot`` (systemd 252 asks root's inhibitors only on request). ``RefuseManualStart`` on the targets
refuses GO as well as NO-GO, and the power button. Diverting /sbin/reboot (molly-guard's way) puts our file where packages and
emergency scripts expect systemd's. So: five small files in /usr/local/sbin, which root's path names first, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bootkeep.facts.converged import Converged
from bootkeep.facts.errors import BootkeepError
from bootkeep.flows.host_files import HostFile, put_files, take_files, values

#: What can be guarded. ``systemctl`` passes everything on but the verbs that take the host down.
COMMANDS = ("reboot", "shutdown", "poweroff", "halt", "systemctl")
#: Seconds for a verdict. Ordinarily it takes two; a journal that is not in its place yet is waited for, 40 seconds.
DEADLINE_S = 90
_FOLDER = "/usr/local/sbin"
_MARK = "bootkeep's reboot guard"


def guard_files(commands: Iterable[str]) -> tuple[HostFile, ...]:
    """The shim under each name. Raises BootkeepError for a command that it does not know how to stand before."""
    wanted = tuple(dict.fromkeys(commands))
    if strange := [name for name in wanted if name not in COMMANDS]:
        raise BootkeepError(
            f"the reboot guard cannot stand before {', '.join(strange)}",
            where="reboot_guard:commands",
            next_step=f"It knows {', '.join(COMMANDS)}.",
        )
    return tuple(HostFile("reboot-guard", f"{_FOLDER}/{name}", 0o755) for name in wanted)


def reboot_guarded(commands: Iterable[str], *, root: Path = Path("/"), dry_run: bool) -> Converged:
    """The shim stands before these commands, and before no others. A file of somebody else's is never touched."""
    wanted = guard_files(commands)
    if theirs := [each.path for each in wanted if _somebody_elses(root, each)]:
        return Converged(
            False, f"{', '.join(theirs)} is not bootkeep's: move it away, or leave it out of reboot_guard:commands."
        )
    marks = {**values(0), "@REBOOT_DEADLINE@": str(DEADLINE_S)}
    others = [each for each in guard_files(COMMANDS) if each not in wanted and not _somebody_elses(root, each)]
    changes = take_files(others, root=root, dry_run=dry_run) + put_files(wanted, marks, root=root, dry_run=dry_run)
    names = ", ".join(each.path.rpartition("/")[2] for each in wanted) or "no command"
    stands = "would stand" if dry_run and changes else "stands"
    return Converged(True, f"The reboot guard {stands} before {names}; -f and absolute paths pass it by.", changes)


def reboot_guard_withdrawn(*, root: Path = Path("/"), dry_run: bool) -> Converged:
    """No command is guarded."""
    ours = [each for each in guard_files(COMMANDS) if not _somebody_elses(root, each)]
    changes = take_files(ours, root=root, dry_run=dry_run)
    if not changes:
        return Converged(True, "There is no reboot guard.")
    return Converged(True, "The reboot guard would go." if dry_run else "The reboot guard is gone.", changes)


def _somebody_elses(root: Path, each: HostFile) -> bool:
    path = root / each.path.lstrip("/")
    if not path.exists() and not path.is_symlink():
        return False
    try:
        return _MARK not in path.read_text("utf-8", "replace")
    except OSError:
        return True
