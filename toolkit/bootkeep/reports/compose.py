"""compose: a transaction, two looks at the host, the verdict and the file copies become one Report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bootkeep.facts.change import Change, ChangeClass, Comparison
from bootkeep.facts.config_copy import Restored
from bootkeep.facts.finding import Judgement, Verdict
from bootkeep.facts.redaction import redact_line
from bootkeep.facts.system import BootFileState, SystemState
from bootkeep.facts.transaction import Outcome, Transaction
from bootkeep.facts.unknown import Maybe, Unknown
from bootkeep.reports.document import Kernels, Report, Section, SinceLast, Subject, VerdictBox
from bootkeep.reports.headline import summarize
from bootkeep.reports.views import file_diffs, process_view, socket_view

#: Section -> title, lead, classes. In the order of reading.
_SECTIONS: tuple[tuple[str, str, str, frozenset[ChangeClass]], ...] = (
    (
        "weakened",
        "Security weakened",
        "Each of these lets somebody do more than before. Take it back, or write down why it is right.",
        frozenset({ChangeClass.SECURITY_WEAKENED}),
    ),
    (
        "config-replaced",
        "Your configuration",
        "Files that were edited on this host: replaced by the package's version, or kept beside a newer one. Merge them.",
        frozenset({ChangeClass.CONFIG_REPLACED, ChangeClass.CONFIG_KEPT}),
    ),
    (
        "services",
        "Ports and services",
        "What started, stopped, opened or closed.",
        frozenset({ChangeClass.PORT, ChangeClass.SERVICE}),
    ),
    ("boot", "Boot", "Kernels, initramfs images and loader configuration.", frozenset({ChangeClass.BOOT})),
    (
        "unexplained",
        "Not explained by this transaction",
        "These changed at the same time, but no package of the transaction owns them. Find out who did it.",
        frozenset({ChangeClass.UNEXPLAINED, ChangeClass.DRIFT}),
    ),
    (
        "config",
        "Configuration",
        "Configuration files that packages brought or changed.",
        frozenset({ChangeClass.CONFIG}),
    ),
    (
        "privileges",
        "Programs with special rights",
        "SUID and SGID files that lost their rights.",
        frozenset({ChangeClass.SUID}),
    ),
    (
        "other",
        "Settings and accounts",
        "Kernel settings, accounts, mounts, alternatives.",
        frozenset({ChangeClass.OTHER}),
    ),
    ("packages", "Packages", "What the package manager's database says.", frozenset({ChangeClass.PACKAGE})),
)


def compose(
    transaction: Transaction,
    before: SystemState,
    after: SystemState,
    comparison: Comparison,
    verdict: Maybe[Verdict],
    *,
    host: str,
    phases: tuple[str, str] = ("pre", "post"),
    copies_before: Mapping[str, bytes] | None = None,
    copies_after: Mapping[str, bytes] | None = None,
    withheld: Mapping[str, str] | None = None,
    basis: str = "",
    boots_next: str = "",
    since_last: SinceLast | None = None,
    restored: tuple[Restored, ...] = (),
    generated_at: str,
    tool_version: str,
) -> Report:
    """The report of one transaction. A verdict that is not known is shown as UNKNOWN, never as GO.

    ``withheld``: path -> why the store kept no copy of it. ``basis``: when the verdict was reached. ``boots_next``: the
    kernel release that the boot loader starts, empty when it is not known.
    """
    changes = comparison.changes
    box = _verdict_box(verdict, basis)
    refused = transaction.outcome is Outcome.REFUSED
    kernels = kernels_of(transaction, before, after, boots_next)
    summary = summarize(transaction, changes, compared=not comparison.not_compared, kernels=kernels)
    return Report(
        headline=f"{summary}." if refused else f"{summary}. {box.sentence}",
        summary=summary,
        host=host,
        subject=_subject(transaction),
        verdict=box,
        phases=phases,
        taken_at=(before.taken_at, after.taken_at),
        sections=_sections(changes),
        packages=transaction.changes,
        diffs=file_diffs(changes, copies_before or {}, copies_after or {}, withheld),
        views=() if refused else (process_view(before, after), socket_view(before, after)),
        not_compared=comparison.not_compared,
        generated_at=generated_at,
        tool_version=tool_version,
        kernels=kernels,
        since_last=since_last,
        restored=restored,
    )


def kernels_of(transaction: Transaction, before: SystemState, after: SystemState, boots_next: str = "") -> Kernels:
    """Which kernels in /boot are new, other or gone. What boots next is said only where one of them changed."""
    preserved = tuple(key.partition("_")[0] for key in transaction.preserved)
    was, now = _images(before), _images(after)
    if was is None or now is None:
        return Kernels(preserved=preserved, boots_next=boots_next if preserved else "")
    came = tuple(release for release in now if release not in was)
    gone = tuple(release for release in was if release not in now)
    replaced = tuple(release for release in now if release in was and _differ(was[release], now[release]))
    touched = came or gone or replaced or preserved
    return Kernels(came, replaced, gone, preserved, boots_next if touched else "")


_IMAGE = "/boot/vmlinuz-"


def _images(state: SystemState) -> dict[str, BootFileState] | None:
    if not isinstance(state.boot_files, tuple):
        return None
    return {file.path.removeprefix(_IMAGE): file for file in state.boot_files if file.path.startswith(_IMAGE)}


def _differ(one: BootFileState, other: BootFileState) -> bool:
    if one.sha256 and other.sha256:
        return one.sha256 != other.sha256
    return (one.size_bytes, one.mtime_ns, one.inode) != (other.size_bytes, other.mtime_ns, other.inode)


def _subject(transaction: Transaction) -> Subject:
    override = transaction.override
    return Subject(
        id=transaction.id,
        manager=transaction.caller.manager,
        command=redact_line(" ".join(transaction.caller.command)),
        user=transaction.caller.user,
        outcome=transaction.outcome.value,
        outcome_detail=transaction.outcome_detail,
        started_at=transaction.started_at,
        ended_at=transaction.ended_at,
        steps=len(transaction.steps),
        override=f"{override.reason} ({override.by}, {override.given_at})" if override else "",
        advice=transaction.advice,
    )


def _verdict_box(verdict: Maybe[Verdict], basis: str) -> VerdictBox:
    if isinstance(verdict, Verdict):
        return VerdictBox(verdict.judgement.value, verdict.sentence, verdict.findings, basis)
    why = verdict.why if isinstance(verdict, Unknown) else verdict.what
    return VerdictBox(Judgement.UNKNOWN.value, f"UNKNOWN: the boot files were not judged: {why}", ())


def _sections(changes: Sequence[Change]) -> tuple[Section, ...]:
    found = (
        Section(id, title, lead, tuple(change for change in changes if change.change_class in classes))
        for id, title, lead, classes in _SECTIONS
    )
    return tuple(section for section in found if section.changes)
