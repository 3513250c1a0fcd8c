"""GRUB's menu: current, syntactically sound, with a default entry that leads to files that exist."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from bootkeep.edges.files import replace_file
from bootkeep.edges.run import run
from bootkeep.facts.boot_entry import BootEntry, DefaultEntry, GrubConfig
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.converged import Converged, StateChange
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.flows.grub_tools import checked, grub_tools
from bootkeep.flows.kernel_protection import may_boot
from bootkeep.flows.loader_configuration import save_loader_configuration

Look = Callable[[], tuple[BootState, tuple[Finding, ...]]]

DEFAULTS = Path("/etc/default/grub")
STALE = "grub-config-stale"
BROKEN = "default-entry-broken"


def menu_problems(state: BootState, findings: tuple[Finding, ...]) -> tuple[str, ...]:
    """Why the menu has to be made again, one sentence each; empty when it is current. Raises BootkeepError on ignorance."""
    grub = state.grub
    if isinstance(grub, Unknown):
        return _damage(grub.why)
    if isinstance(grub, Absent):
        return ("There is no grub.cfg.",)
    problems = _defects(findings, STALE)
    if isinstance(grub.syntax_error, Unknown):
        raise _cannot(f"grub-script-check gave no answer: {grub.syntax_error.why}", grub.path)
    if isinstance(grub.syntax_error, str) and grub.syntax_error:
        problems.append(f"grub-script-check says: {grub.syntax_error}.")
    if not grub.entries:
        problems.append("It has no boot entry.")
    if not grub.sources_preserved and isinstance(grub.bls, Absent):  # else their entries are files like the others
        problems.append("It does not source bootkeep.cfg, where the preserved kernels have their entries.")
    return tuple(dict.fromkeys(problems))


def _damage(why: str) -> tuple[str, ...]:
    """What GRUB's own checker says about a menu that we do not understand: damaged is to be made again, the rest is not ours.

    Raises BootkeepError when the checker passes it, or cannot be asked: then it is we who do not understand.
    """
    tools = grub_tools()
    done = run(tools.check, timeout_s=30)
    if done.exit_code == 1 and not done.missing and tools.menu.is_file():
        said = " ".join((done.stderr or done.stdout).split())[:300]
        return (f"{tools.menu} is damaged ({why}); {tools.check[0]} says: {said}.",)
    raise _cannot(f"grub.cfg is not known: {why}", str(tools.menu))


def make_menu_current(look: Look, *, dry_run: bool) -> Converged:
    """Make the menu again when the menu is not current, after saving the loader's configuration."""
    state, findings = look()
    problems = menu_problems(state, findings)
    if not problems:
        entries = len(state.grub.entries) if isinstance(state.grub, GrubConfig) else 0
        return Converged(True, f"grub.cfg is current and passes grub-script-check; {entries} entries.")
    tools = grub_tools()
    path = state.grub.path if isinstance(state.grub, GrubConfig) else str(tools.menu)
    maker = tools.mkconfig[0]
    changes = (StateChange(path, " ".join(problems), f"made again by {maker}"),)
    if dry_run:
        return Converged(True, f"{' '.join(problems)} {maker} would make it again.", changes)
    save_loader_configuration(f"before {maker}")
    update_grub()
    left = menu_problems(*look())
    if left:
        return Converged(False, f"{maker} ran, and the menu is still not right: {' '.join(left)}", changes)
    return Converged(True, f"{' '.join(problems)} {maker} made it again.", changes)


def default_problem(state: BootState, findings: tuple[Finding, ...]) -> str:
    """What is wrong with the default entry; empty when it resolves. Raises BootkeepError on ignorance."""
    default = state.default_entry
    if isinstance(default, Unknown):
        raise _cannot(f"the default entry is not known: {default.why}", str(grub_tools().folder))
    if isinstance(default, DefaultEntry) and isinstance(default.entry, Unknown):
        raise _cannot(f"the default entry is not known: {default.entry.why}", str(grub_tools().folder))
    broken = _defects(findings, BROKEN)
    if broken:
        return " ".join(broken)
    if isinstance(default, Absent):
        return "There is no default entry."
    if isinstance(default.entry, Absent):
        return f"{default.chosen_by} names {default.wanted!r}, and no entry has that name."
    return ""


def make_default_resolve(look: Look, *, dry_run: bool) -> Converged:
    """Let the default entry lead to a kernel and initramfs that exist.

    A name in grubenv that leads nowhere is replaced by the entry of the newest kernel that can boot; a name in
    ``/etc/default/grub`` by 0, Debian's own default (the newest kernel). What somebody chose and what resolves is kept.
    """
    state, findings = look()
    problem = default_problem(state, findings)
    default = state.default_entry
    if not problem and isinstance(default, DefaultEntry) and isinstance(default.entry, BootEntry):
        return Converged(True, f"The default entry is {default.entry.title!r} ({default.entry.kernel_path}).")
    chosen_by = default.chosen_by if isinstance(default, DefaultEntry) else "nothing"
    wanted = default.wanted if isinstance(default, DefaultEntry) else ""
    replacement, repair = _repair(state, chosen_by, wanted)
    changes = (StateChange(f"default entry ({chosen_by})", wanted, replacement),)
    if dry_run:
        return Converged(True, f"{problem} It would become {replacement}.", changes)
    save_loader_configuration("before the default entry")
    repair()
    left = default_problem(*look())
    if left:
        return Converged(False, f"{problem} It was set to {replacement}, and still: {left}", changes)
    return Converged(True, f"{problem} It is {replacement} now.", changes)


def _defects(findings: tuple[Finding, ...], identity: str) -> list[str]:
    """What a rule holds against the machine. What was accepted in writing, or is only advice, is nothing to repair."""
    mine = [finding for finding in findings if finding.id == identity]
    for finding in mine:
        if finding.severity is Severity.UNKNOWN:
            raise _cannot(finding.summary, str(grub_tools().folder))
    return [finding.summary for finding in mine if finding.severity in {Severity.WILL_NOT_BOOT, Severity.AT_RISK}]


def _repair(state: BootState, chosen_by: str, wanted: str) -> tuple[str, Callable[[], None]]:
    """What the default becomes, and how."""
    entry = _best_entry(state)
    if chosen_by in {"saved_entry", "next_entry"} and entry is not None:
        name = entry.full_id
        tools = grub_tools()
        if chosen_by == "saved_entry":
            # What grub-set-default and grubby do, without the first's guess at the folder.
            return name, lambda: checked(tools.editenv("set", f"saved_entry={name}"))
        # A trial boot that leads nowhere: without it, the saved default counts again.
        return "the saved default", lambda: checked(tools.editenv("unset", "next_entry"))
    if chosen_by == "GRUB_DEFAULT" and wanted != "0":
        return "0", _reset_default
    return "the first entry of a new menu", update_grub


def _best_entry(state: BootState) -> BootEntry | None:
    """The entry of the newest kernel that can boot; recovery entries (``single``) are no default."""
    if isinstance(state.kernels, (Absent, Unknown)) or not isinstance(state.grub, GrubConfig):
        return None
    for kernel in state.kernels:
        for entry in state.grub.entries:
            if entry.kernel_path == kernel.image.path and may_boot(kernel) and "single" not in entry.arguments.split():
                return entry
    return None


def _reset_default() -> None:
    text = DEFAULTS.read_text("utf-8", "surrogateescape")
    changed = re.sub(r"^\s*(?:export\s+)?GRUB_DEFAULT=.*$", "GRUB_DEFAULT=0", text, flags=re.MULTILINE)
    if changed == text:
        raise _cannot("GRUB_DEFAULT is not set there: a file of /etc/default/grub.d chooses it", str(DEFAULTS))
    mode = DEFAULTS.stat().st_mode & 0o7777
    replace_file(DEFAULTS, changed.encode("utf-8", "surrogateescape"), mode=mode)
    update_grub()


def update_grub() -> None:
    """Make grub.cfg again; raises BootkeepError with the generator's own words."""
    checked(grub_tools().mkconfig, timeout_s=300)


def _cannot(why: str, where: str) -> BootkeepError:
    return BootkeepError(why, where=where, next_step="Run `bootkeep check`; nothing was changed.")
