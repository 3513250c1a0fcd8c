"""Bring this host into its wanted state: one function for each Salt state, all answering with Converged.

Each looks at the machine anew: a state before it may have changed what the next one judges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bootkeep.edges.config import load_policy
from bootkeep.edges.host import LiveHost
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.converged import Converged, StateChange
from bootkeep.facts.finding import Finding, Judgement, Severity, Verdict
from bootkeep.facts.fix import FixState
from bootkeep.facts.reading import Readings
from bootkeep.facts.runbook import Freshness
from bootkeep.flows import reboot_guard
from bootkeep.flows.check import CheckResult, check
from bootkeep.flows.configuration import write_configuration
from bootkeep.flows.fix import fix
from bootkeep.flows.fix import look as look_for
from bootkeep.flows.fix_plan import plan_fix
from bootkeep.flows.grub_menu import make_default_resolve, make_menu_current
from bootkeep.flows.hooks_package import hooks_package_in_force, hooks_package_withdrawn
from bootkeep.flows.host_files import HOOKS, put_files, take_files, values
from bootkeep.flows.install_devices import make_install_devices_right
from bootkeep.flows.install_only import enforce_install_only
from bootkeep.flows.kernel_install import plan_kernel_install
from bootkeep.flows.kernel_protection import protect_kernels
from bootkeep.flows.loader_configuration import restore_loader_configuration, restored_differences
from bootkeep.flows.pages import page
from bootkeep.flows.planned import Planned
from bootkeep.flows.preserving import keep_last_good_preserved, withdraw_preserving
from bootkeep.flows.runbook import (
    BOOT_COPY,
    STORE_FOLDER,
    esp_copies_of,
    make_runbook,
    paper_facts,
    runbook_freshness,
    write_runbook,
)
from bootkeep.flows.safety_net import spread_net, take_net
from bootkeep.flows.selftest import selftest
from bootkeep.flows.units import reload_units

#: Readings of the look before, in this process: a highstate looks often, and an initramfs takes seconds to list. What has
#: changed (inode, size, time) is always read anew: bootkeep.flows.check decides that.
_EARLIER: list[Readings] = []

#: The self-tests that tell whether the package managers reach us.
HOOK_TESTS = frozenset({"apt-hook", "dpkg-hook", "apt.conf", "dpkg.cfg", "store", "selftest"})


def seen() -> CheckResult:
    """This machine now, with the verdict."""
    result = check(LiveHost(), load_policy(), earlier=_EARLIER[-1] if _EARLIER else None)
    _EARLIER[:] = [result.readings]
    return result


def look() -> tuple[BootState, tuple[Finding, ...]]:
    """This machine now, and what the rules say about it."""
    result = seen()
    return result.state, result.verdict.findings


def verdict_now() -> Verdict:
    """Whether this machine may be rebooted now: everything is read anew."""
    return check(LiveHost(), load_policy()).verdict


def bootable_now(unknown_blocks: bool, *, dry_run: bool) -> tuple[bool, str]:
    """Whether the verdict forbids a reboot, and the verdict with its findings, one a line."""
    verdict = verdict_now()
    fails = verdict.judgement is Judgement.NO_GO or (verdict.judgement is Judgement.UNKNOWN and unknown_blocks)
    lines = ["Before this highstate the verdict is:"] if fails and dry_run else []
    lines.append(f"{verdict.judgement.value}.")
    lines += [f"{each.severity.value}: {each.id}: {each.summary}" for each in verdict.findings]
    return fails, "\n".join(lines)


def configured(path: Path, policy: Mapping[str, Any], *, dry_run: bool) -> Converged:
    """The administrator's policy is in its file."""
    return write_configuration(policy, path, dry_run=dry_run)


def kernels_kept(path: Path, *, keep: int, minimum: int, unattended_removal: bool, dry_run: bool) -> Converged:
    """The kernels that matter are safe from automatic removal."""
    state, _findings = look()
    return protect_kernels(
        state, path, keep=keep, minimum=minimum, unattended_removal=unattended_removal, dry_run=dry_run
    )


def install_only_enforced(*, keep: int, dry_run: bool) -> Converged:
    """The rpm front end keeps kernels side by side, the last-good one among them."""
    state, _findings = look()
    return enforce_install_only(state, keep=keep, dry_run=dry_run)


def kernel_install_planned(name: str, version: str) -> tuple[Planned, ...]:
    """What installing a kernel would do; raises Refused when it would take a way back."""
    return plan_kernel_install(look()[0], name, version)


def install_devices_right(*, dry_run: bool) -> Converged:
    """debconf names whole disks that exist and hold /boot."""
    return make_install_devices_right(look()[0], dry_run=dry_run)


def menu_current(*, dry_run: bool) -> Converged:
    """The boot menu is current."""
    return make_menu_current(look, dry_run=dry_run)


def default_entry_resolves(*, dry_run: bool) -> Converged:
    """The default boot entry leads to files that exist."""
    return make_default_resolve(look, dry_run=dry_run)


def loader_configuration_restored(folder: str, *, dry_run: bool) -> Converged:
    """The boot loader's configuration is what a save holds."""
    different = restored_differences(folder)
    if not different:
        return Converged(True, f"The loader's configuration is that of the save {folder}.")
    changes = tuple(StateChange(path, "as it is", f"as in the save {folder}") for path in different)
    if not dry_run:
        restore_loader_configuration(folder)
    return Converged(True, f"The save {folder} {'would be' if dry_run else 'was'} put back.", changes)


def hooks_in_force(*, dry_run: bool) -> Converged:
    """apt and dpkg call the hooks. Written, and then asked of apt itself: a later file may have cleared the list."""
    deadline_s = load_policy().hook_deadline_s
    changes = put_files(HOOKS, values(deadline_s), dry_run=dry_run) + spread_net(deadline_s, dry_run=dry_run)
    if changes and dry_run:
        return Converged(True, "The hooks of apt and dpkg would be installed.", changes)
    if any(change.subject.startswith("/etc/systemd/") for change in changes):
        reload_units()
    # The menu and the preserved kernels have their own states, which come later in a highstate.
    failed = [test for test in selftest(read_only=dry_run) if test.name in HOOK_TESTS and not test.passed]
    if failed:
        return Converged(False, " ".join(f"{test.name}: {test.detail}. {test.next_step}" for test in failed), changes)
    return Converged(True, "apt and dpkg call the hooks, and their interpreter loads the toolkit.", changes)


def hooks_package(package: Path, *, dry_run: bool) -> Converged:
    """The hooks' package on an rpm host is in force; with it the net below the hooks is spread."""
    deadline_s = load_policy().hook_deadline_s
    done = hooks_package_in_force(package, hook_deadline_s=deadline_s, dry_run=dry_run)
    net = spread_net(deadline_s, dry_run=dry_run)
    return Converged(done.ok, done.comment, (*done.changes, *net))


def hooks_package_gone(*, dry_run: bool) -> Converged:
    """The hooks' package and the net are gone."""
    net = take_net(dry_run=dry_run)
    done = hooks_package_withdrawn(dry_run=dry_run)
    return Converged(done.ok, done.comment, (*done.changes, *net))


def hooks_withdrawn(*, dry_run: bool) -> Converged:
    """No package manager calls the hooks."""
    changes = take_net(dry_run=dry_run) + take_files(HOOKS, dry_run=dry_run)
    if not changes:
        return Converged(True, "There are no hooks.")
    if not dry_run:
        reload_units()
    return Converged(True, "The hooks would be taken away." if dry_run else "The hooks are gone.", changes)


def last_good_preserved(*, dry_run: bool) -> Converged:
    """The last-good kernel is preserved, and every boot is recorded."""
    return keep_last_good_preserved(hook_deadline_s=load_policy().hook_deadline_s, dry_run=dry_run)


def preserving_withdrawn(*, dry_run: bool) -> Converged:
    """The preserved kernels' entries and units are gone."""
    return withdraw_preserving(dry_run=dry_run)


def runbook_fresh(folder: Path, *, dry_run: bool) -> Converged:
    """The runbook describes this host as it is now; written again when something moved."""
    policy = load_policy()
    result = seen()
    before = runbook_freshness(result, policy, folder)
    pages_there = (folder / "runbook.txt").is_file()
    # Facts that cannot be read are no reason to print the same page again; whether that will do, policy says.
    if pages_there and before.printed is not None and not before.moved:
        known = before.freshness is Freshness.FRESH or not policy.unknown_blocks
        return Converged(known, before.sentence)
    changes = (StateChange(str(folder), before.sentence, "written from the host as it is now"),)
    if dry_run:
        return Converged(True, before.sentence, changes)
    made = make_runbook(result, policy, paper=paper_facts(LiveHost(), Path("/") / STORE_FOLDER))
    copies = esp_copies_of(result, Path("/"))
    written = write_runbook(made, folder, boot_copy=Path("/") / BOOT_COPY, esp_copies=copies)
    after = runbook_freshness(seen(), policy, folder)
    known = after.freshness is Freshness.FRESH or (not after.moved and not policy.unknown_blocks)
    return Converged(known, ". ".join((after.sentence, *written.notes)), changes)


def fixed(identity: str, subject: str = "", *, dry_run: bool) -> Converged:
    """A finding is not there: its remedy was applied when it was. A remedy that needs a person is refused and said."""
    page(identity)  # a misspelt id is an error, never "not there"
    policy = load_policy()
    result = look_for(policy, identity)
    plan = plan_fix(result, identity, subject)
    if plan is None:
        blind = [each for each in result.verdict.findings if each.id == identity and each.severity is Severity.UNKNOWN]
        return Converged(not blind, blind[0].summary if blind else f"{identity} is not found on this host.")
    if plan.refusal:
        return Converged(False, f"{plan.finding.summary} Nothing was run: {plan.refusal}")
    steps = "\n".join(planned.step.say for planned in plan.steps if planned.step.writes)
    if dry_run:
        return Converged(
            True, f"{plan.title}: it would be applied.", (StateChange(identity, plan.finding.summary, steps),)
        )
    record = fix(policy, result, plan)
    ran = "\n".join(step.say for step in record.steps if step.writes)
    changes = (StateChange(identity, plan.finding.summary, ran),) if ran else ()
    comment = f"{record.id}: {record.state.value}. {record.reason} {record.verdict} Take it back: bootkeep fix --undo {record.id}"
    return Converged(record.state is FixState.DONE, " ".join(comment.split()), changes)


def reboot_guarded(commands: Sequence[str] | None = None, *, dry_run: bool) -> Converged:
    """The shim asks for the verdict before these commands take the host down."""
    return reboot_guard.reboot_guarded(reboot_guard.COMMANDS if commands is None else commands, dry_run=dry_run)


def reboot_guard_withdrawn(*, dry_run: bool) -> Converged:
    """No command is guarded."""
    return reboot_guard.reboot_guard_withdrawn(dry_run=dry_run)
