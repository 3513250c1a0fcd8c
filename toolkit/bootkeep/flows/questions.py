"""What an administrator asks this host through Salt: one function for each execution module function, answers as data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootkeep.edges.clock import now_utc
from bootkeep.edges.config import load_policy
from bootkeep.edges.files import private_folder
from bootkeep.edges.store import Store
from bootkeep.facts.boot_entry import DefaultEntry
from bootkeep.facts.converged import Converged
from bootkeep.facts.finding import Verdict
from bootkeep.facts.fix import FixRecord
from bootkeep.facts.kernel import LastGood, OwningPackage
from bootkeep.facts.preserved import PreservedKernel
from bootkeep.facts.transaction import Transaction
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.flows.converge import HOOK_TESTS, fixed, seen
from bootkeep.flows.fix import list_fixes, undo_fix
from bootkeep.flows.install_devices import DevicesPlan, plan_install_devices
from bootkeep.flows.kernel_protection import may_boot, plan_protection
from bootkeep.flows.kernel_protection import protect_kernels as protect
from bootkeep.flows.last_good import Marked
from bootkeep.flows.last_good import mark_last_good as mark
from bootkeep.flows.loader_configuration import (
    LoaderSave,
    restore_loader_configuration,
    save_loader_configuration,
)
from bootkeep.flows.loader_configuration import loader_saves as saves
from bootkeep.flows.preserve import Preserved, list_preserved, preserve_kernel
from bootkeep.flows.report import build_report, render
from bootkeep.flows.runbook import RUNBOOK_FOLDER, RunbookFreshness, make_runbook, render_runbook, runbook_freshness
from bootkeep.flows.selftest import SelfTest
from bootkeep.flows.selftest import selftest as test_hooks
from bootkeep.flows.snapshot import save_snapshot, take_snapshot

ROOT = Path("/")
PROTECTION = Path("/etc/apt/apt.conf.d/90bootkeep-kernels")
SNAPSHOTS = Path("/var/lib/bootkeep/manual")


@dataclass(frozen=True, slots=True)
class KernelRow:
    """One kernel in a list for a person."""

    release: str
    image: str
    package: str
    package_version: str
    preserved: bool
    may_boot: bool
    kept_because: tuple[str, ...]


def check() -> Verdict:
    """The verdict with its findings."""
    return seen().verdict


def verdict() -> str:
    """The verdict's word."""
    return seen().verdict.judgement.value


def kernels() -> Maybe[tuple[KernelRow, ...]]:
    """The kernels, newest first, and why each is kept."""
    state = seen().state
    if isinstance(state.kernels, (Absent, Unknown)):
        return state.kernels
    kept = plan_protection(state, keep=load_policy().keep_kernels).reasons
    rows = []
    for each in state.kernels:
        package = each.package if isinstance(each.package, OwningPackage) else None
        rows.append(
            KernelRow(
                each.release,
                each.image.path,
                package.name if package else "",
                package.version if package else "",
                each.preserved,
                may_boot(each),
                () if each.preserved else kept.get(each.release, ()),
            )
        )
    return tuple(rows)


def last_good() -> Maybe[LastGood]:
    """The record of the kernel that last booted healthy."""
    return Store().last_good()


def mark_last_good() -> Marked:
    """Record the running kernel as last-good."""
    return mark(Store())


def preserve() -> PreservedKernel:
    """Preserve the last-good kernel; the running one while none is on record."""
    record = Store().last_good()
    state = seen().state
    running = state.running_release if isinstance(state.running_release, str) else ""
    return preserve_kernel(ROOT, record.release if isinstance(record, LastGood) else running)


def preserved() -> tuple[Preserved, ...]:
    """The preserved kernels, and whether each could be started."""
    return list_preserved(ROOT)


def protect_kernels(*, keep: int, minimum: int, dry_run: bool) -> Converged:
    """Keep the kernels that matter from automatic removal."""
    state = seen().state
    return protect(state, PROTECTION, keep=keep, minimum=minimum, unattended_removal=False, dry_run=dry_run)


def loader_save(reason: str) -> LoaderSave:
    """Save the loader's configuration."""
    return save_loader_configuration(reason)


def loader_saves() -> tuple[LoaderSave, ...]:
    """The saves there are, oldest first."""
    return saves()


def loader_restore(folder: str) -> tuple[str, ...]:
    """Put a save back; what changed."""
    return restore_loader_configuration(folder)


def default_entry() -> Maybe[DefaultEntry]:
    """What starts by default."""
    return seen().state.default_entry


def install_devices() -> Maybe[DevicesPlan]:
    """grub-pc's disks as they are and as they should be."""
    return plan_install_devices(seen().state) or Absent("grub-pc is not installed")


def hooks_status() -> tuple[str, ...]:
    """What keeps the hooks from being in force."""
    failed = [test for test in test_hooks() if test.name in HOOK_TESTS and not test.passed]
    return tuple(f"{test.name}: {test.detail}. {test.next_step}" for test in failed)


def selftest() -> tuple[SelfTest, ...]:
    """Every self-test with its result."""
    return test_hooks()


def snapshot() -> dict[str, Any]:
    """Take a snapshot and keep it, readable by root only."""
    taken = take_snapshot("manual", boot=True, deadline_s=60.0)
    name = now_utc().replace("-", "").replace(":", "")
    path = private_folder(SNAPSHOTS) / f"{name}.json"
    save_snapshot(taken, path)
    unread = sorted(key for key, reading in taken.readings.items() if not reading.ok)
    return {"path": str(path), "taken_at": taken.taken_at, "readings": len(taken.readings), "not_read": unread}


def transactions(limit: int) -> tuple[Transaction, ...]:
    """The newest transactions on record."""
    return Store().newest(limit)


def report(transaction: str) -> Any:
    """The report of a transaction as data; of the newest when no id is given."""
    return json.loads(render(build_report(Store(), transaction or "last", policy=load_policy()), "json"))


def runbook() -> str:
    """The runbook as plain text, from this host as it is now."""
    return render_runbook(make_runbook(seen(), load_policy()), "text").decode("ascii")


def runbook_status() -> dict[str, Any]:
    """Whether the runbook on this host describes it as it is now."""
    answer: RunbookFreshness = runbook_freshness(seen(), load_policy(), ROOT / RUNBOOK_FOLDER)
    return {
        "freshness": answer.freshness.value,
        "sentence": answer.sentence,
        "moved": answer.moved,
        "unread": answer.unread,
    }


def fix(identity: str, subject: str = "", *, dry_run: bool = False) -> Converged:
    """The remedy of a finding, applied or only planned."""
    return fixed(identity, subject, dry_run=dry_run)


def fixes() -> tuple[FixRecord, ...]:
    """Every fix on record, oldest first."""
    return list_fixes()


def fix_undo(name: str) -> FixRecord:
    """A fix taken back."""
    return undo_fix(name)
