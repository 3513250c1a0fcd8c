"""build_report: from the store's record of a transaction to its report."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from bootkeep import __version__
from bootkeep.assemble import assemble
from bootkeep.assemble_system import system_at
from bootkeep.compare.noise import NoiseFilter
from bootkeep.compare.whole import compare_all, drift
from bootkeep.edges.clock import now_utc
from bootkeep.edges.files import replace_file
from bootkeep.edges.kept_copies import load_copies, load_restored
from bootkeep.edges.store import Store
from bootkeep.facts.change import Comparison, NotCompared
from bootkeep.facts.config_copy import CopyKind, Restored
from bootkeep.facts.errors import BootkeepError, NotUnderstood, StoreError
from bootkeep.facts.finding import Verdict
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Readings, Snapshot
from bootkeep.facts.transaction import Outcome, Transaction
from bootkeep.facts.unknown import Maybe, Unknown
from bootkeep.probes.boot_probes import BOOT_PROBES
from bootkeep.probes.bootloaders.grub import CFG as GRUB_CFG
from bootkeep.reports.compose import compose
from bootkeep.reports.document import Report, SinceLast
from bootkeep.reports.json import render_json
from bootkeep.reports.text import render_text
from bootkeep.rules.common import default_kernel

if TYPE_CHECKING:
    from rich.console import RenderableType

#: What a report compares with ``pre``: the latest look that exists.
_LATER = ("boot", "settled", "post")
_RECENT = 25
#: What bootkeep writes before a transaction's first look: its own doing is no drift.
_OWN = ("/boot/bootkeep", "/boot/grub/bootkeep.cfg", "/usr/lib/bootkeep/")
#: When a verdict was reached.
_WHEN = {"post": "right after the transaction", "settled": "when it had settled", "boot": "after the next boot"}


def resolve(store: Store, wanted: str) -> str:
    """A transaction's id from ``last``, a whole id, or a beginning of it or of its last part that only one id has.

    Raises StoreError.
    """
    ids = sorted(store.transaction_ids())
    if not ids:
        raise StoreError(
            "no transaction is recorded",
            where=str(store.root),
            next_step="Install or upgrade a package, then look again; 'bootkeep selftest' tells whether the hooks are in force.",
        )
    if wanted == "last":
        return ids[-1]
    found = [id for id in ids if id == wanted]
    found = found or [id for id in ids if wanted and (id.startswith(wanted) or id.partition("-")[2].startswith(wanted))]
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} transactions begin with {wanted!r}" if found else f"there is no transaction {wanted!r}"
    raise StoreError(what, where=str(store.root), next_step="'bootkeep transactions' lists them.")


def build_report(
    store: Store,
    wanted: str = "last",
    *,
    policy: Policy | None = None,
    phase: str = "",
    verdict: Verdict | None = None,
) -> Report:
    """The report of one recorded transaction; reads the store, never the machine.

    ``phase``: compare ``pre`` with this snapshot; the latest there is when empty. A snapshot that is missing or damaged makes
    a report that says so. ``verdict``: one that was reached otherwise (see :func:`verdict_now`); else the snapshot's
    own boot files are judged, where it has any. Raises StoreError when there is no such transaction, or its record cannot be read.
    """
    id = resolve(store, wanted)
    transaction = store.load_transaction(id)
    later = phase or next((name for name in _LATER if name in transaction.phases), "post")
    before, after = _snapshot(store, transaction, "pre"), _snapshot(store, transaction, later)
    was = system_at(before)
    now = system_at(after)
    rules = policy or Policy()
    noise = NoiseFilter(rules.noise, rules.noise_off)
    comparison = compare_all(was, now, packages=transaction.changes, noise=noise)
    if "pre" not in transaction.phases or later not in transaction.phases:
        comparison = _explained(comparison, transaction, later)
    then, basis = judged(store, transaction, after, rules)
    return compose(
        transaction,
        was,
        now,
        comparison,
        verdict or then,
        basis="as it is now" if verdict else basis,
        boots_next=boots_next(after),
        since_last=since_last(store, transaction, before, noise),
        restored=_restored(store, id),
        withheld=_withheld(store, id),
        host=after.host or before.host or _host_of(store),
        phases=("pre", later),
        copies_before=_copies(store, id, "pre"),
        copies_after=_copies(store, id, later) or _copies(store, id, "post"),
        generated_at=now_utc(),
        tool_version=__version__,
    )


def _snapshot(store: Store, transaction: Transaction, phase: str) -> Snapshot:
    if phase in transaction.phases:
        try:
            return store.load_snapshot(transaction.id, phase)
        except BootkeepError:
            pass  # damaged: the report says that nothing could be compared, which is all there is to know
    return Snapshot(phase, "", "", "", Readings({}), "")


def _explained(comparison: Comparison, transaction: Transaction, later: str) -> Comparison:
    """One sentence instead of twenty when a whole snapshot is missing."""
    missing = [phase for phase in ("pre", later) if phase not in transaction.phases]
    reason = (
        "the transaction was refused: nothing was unpacked"
        if transaction.outcome is Outcome.REFUSED
        else "it was not taken"
    )
    gaps = (NotCompared("everything", f"there is no {' and no '.join(missing)} snapshot: {reason}"),)
    return Comparison(comparison.changes, gaps)


def _copies(store: Store, id: str, phase: str) -> dict[str, bytes]:
    try:
        return store.config_copies(id, phase)
    except BootkeepError:
        return {}  # the report says "no copy" for each file


def _withheld(store: Store, id: str) -> dict[str, str]:
    try:
        both = {**load_copies(store, id, "pre"), **load_copies(store, id, "post")}
    except BootkeepError:
        return {}
    return {path: copy.why for path, copy in both.items() if copy.kind is CopyKind.WITHHELD}


def _host_of(store: Store) -> str:
    """The host's name from its newest snapshot: a refused transaction has none of its own."""
    for transaction in store.newest(_RECENT):
        for phase in transaction.phases:
            with contextlib.suppress(BootkeepError):
                return store.load_snapshot(transaction.id, phase).host
    return ""


def _restored(store: Store, id: str) -> tuple[Restored, ...]:
    try:
        return load_restored(store, id)
    except BootkeepError:
        return ()


def judged(
    store: Store, transaction: Transaction | None, snapshot: Snapshot, policy: Policy
) -> tuple[Maybe[Verdict], str]:
    """The verdict on the record, the latest of its phases, and when that was; else what the snapshot's readings allow."""
    phases = transaction.phases if transaction else ()
    for phase in (name for name in _LATER if name in phases):
        kept = store.load_verdict(transaction.id if transaction else "", phase)
        if isinstance(kept, Verdict):
            return kept, _WHEN[phase]
    if transaction and transaction.outcome is Outcome.REFUSED:
        return Unknown("nothing was changed; run 'bootkeep check'"), ""
    asked = {read.key for probe in BOOT_PROBES for read in probe.reads}
    if not asked <= set(snapshot.readings):
        return Unknown(
            "there is no verdict on record, and this snapshot did not look at them; run 'bootkeep check'"
        ), ""
    from bootkeep.flows.check import check_readings

    try:
        verdict = check_readings(snapshot.readings, policy, taken_at=snapshot.taken_at).verdict
    except NotUnderstood as error:
        return Unknown(str(error)), ""
    return verdict, f"by the rules of today, from the {snapshot.phase} snapshot"


def boots_next(snapshot: Snapshot) -> str:
    """Release of the kernel that the boot loader starts, as this snapshot saw it; empty when it did not look."""
    if GRUB_CFG.key not in snapshot.readings:
        return ""
    try:
        kernel = default_kernel(assemble(snapshot.readings, taken_at=snapshot.taken_at))
    except NotUnderstood:
        return ""
    return kernel.release if kernel else ""


def since_last(store: Store, transaction: Transaction, pre: Snapshot, noise: NoiseFilter) -> SinceLast | None:
    """What changed between the transaction before this one and this one's own first look; None without a first look."""
    if not pre.taken_at:
        return None
    earlier = [id for id in store.transaction_ids() if id < transaction.id]
    for id in reversed(earlier):
        try:
            before = store.load_transaction(id)
            phase = next((name for name in _LATER if name in before.phases), "")
            if not phase:
                continue  # refused or cut off: it left nothing to compare with, and the one before it did
            last = store.load_snapshot(id, phase)
        except BootkeepError as error:
            return SinceLast(id, ("", ""), (), f"the transaction before cannot be read: {error}")
        found = drift(
            system_at(last),
            system_at(pre),
            noise=noise,
        )
        changes = tuple(change for change in found.changes if not change.key.startswith(_OWN))
        return SinceLast(id, (f"{phase} {last.taken_at}", f"pre {pre.taken_at}"), changes)
    return SinceLast("", ("", ""), (), "this is the first transaction on record")


def verdict_now(store: Store, wanted: str, root: Path = Path("/")) -> Verdict | None:
    """What ``bootkeep check`` says at this moment, for the newest transaction when its own hook had no time to judge.

    None for a transaction with a verdict on its record, and for older ones: theirs would be another transaction's verdict.
    """
    id = resolve(store, wanted)
    if id != resolve(store, "last") or any(
        isinstance(store.load_verdict(id, phase), Verdict) for phase in store.load_transaction(id).phases
    ):
        return None
    from bootkeep.edges.config import load_policy
    from bootkeep.edges.host import LiveHost
    from bootkeep.flows.check import check

    return check(LiveHost(root), load_policy(root)).verdict


def render_pdf(report: Report, *, paper: str = "a4") -> bytes:
    """The report on paper. Raises BootkeepError when the PDF engine is not installed."""
    from bootkeep.flows.typeset import typeset
    from bootkeep.reports.report_document import report_document

    return typeset("report.typ", report_document(report), paper=paper)


def render(report: Report, form: str) -> str:
    """The report as ``text``, ``html`` or ``json``. Raises KeyError on another form."""
    if form == "html":
        from bootkeep.reports.html import render_html

        return render_html(report)
    renderers: dict[str, Callable[[Report], str]] = {"text": render_text, "json": render_json}
    return renderers[form](report)


def terminal_page(report: Report) -> RenderableType:
    """The report for rich's console."""
    from bootkeep.reports.terminal import render_terminal

    return render_terminal(report)


def write_report(content: str | bytes, path: Path) -> None:
    """Put a report in a file that only its owner may read; whole or not at all. Raises OSError."""
    data = content if isinstance(content, bytes) else content.encode("utf-8", "backslashreplace")
    replace_file(path, data, mode=0o600)


def recorded(store: Store) -> tuple[tuple[Transaction, ...], tuple[tuple[str, str], ...]]:
    """All readable transactions, oldest first, and (id, reason) of each record that could not be read."""
    everything = store.transactions()
    readable = tuple(one for one in everything if isinstance(one, Transaction))
    damaged = tuple((one.id, one.why) for one in everything if not isinstance(one, Transaction))
    return readable, damaged


def policy_for(path: Path | None) -> Policy:
    """This host's policy for its own store; the defaults for a store that came from elsewhere."""
    from bootkeep.edges.config import load_policy

    return Policy() if path else load_policy()


def store_at(path: Path | None) -> Store:
    """The host's store, or the one at ``path``."""
    return Store(path) if path else Store()
