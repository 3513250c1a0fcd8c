"""compose: a transaction, two looks at the host, the verdict and the file copies become one Report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bootkeep.facts.change import Change, ChangeClass, ChangeKind, Comparison
from bootkeep.facts.finding import Judgement, Verdict
from bootkeep.facts.redaction import redact_line
from bootkeep.facts.system import SystemState
from bootkeep.facts.transaction import Outcome, Transaction
from bootkeep.facts.unknown import Maybe, Unknown
from bootkeep.reports.document import Report, Section, Subject, VerdictBox
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

#: Phrases in a headline; the rest is counted.
_MOST_PHRASES = 4


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
    generated_at: str,
    tool_version: str,
) -> Report:
    """The report of one transaction. A verdict that is not known is shown as UNKNOWN, never as GO."""
    changes = comparison.changes
    box = _verdict_box(verdict)
    summary = summarize(transaction, changes, compared=not comparison.not_compared)
    return Report(
        headline=f"{summary}. {box.sentence}",
        summary=summary,
        host=host,
        subject=_subject(transaction),
        verdict=box,
        phases=phases,
        taken_at=(before.taken_at, after.taken_at),
        sections=_sections(changes),
        packages=transaction.changes,
        diffs=file_diffs(changes, copies_before or {}, copies_after or {}),
        views=(process_view(before, after), socket_view(before, after)),
        not_compared=comparison.not_compared,
        generated_at=generated_at,
        tool_version=tool_version,
    )


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
    )


def _verdict_box(verdict: Maybe[Verdict]) -> VerdictBox:
    if isinstance(verdict, Verdict):
        return VerdictBox(verdict.judgement.value, verdict.sentence, verdict.findings)
    why = verdict.why if isinstance(verdict, Unknown) else verdict.what
    return VerdictBox(Judgement.UNKNOWN.value, f"UNKNOWN: the boot files were not judged: {why}", ())


def _sections(changes: Sequence[Change]) -> tuple[Section, ...]:
    found = (
        Section(id, title, lead, tuple(change for change in changes if change.change_class in classes))
        for id, title, lead, classes in _SECTIONS
    )
    return tuple(section for section in found if section.changes)


def summarize(transaction: Transaction, changes: Sequence[Change], *, compared: bool = True) -> str:
    """One sentence: what happened that somebody must know; ends without a full stop."""
    phrases = list(_outcome_phrases(transaction)) + list(dict.fromkeys(_phrases(transaction, changes)))
    shown, more = phrases[:_MOST_PHRASES], len(phrases) - _MOST_PHRASES
    if more > 0:
        shown.append(f"{more} more to look at")
    if not shown:
        shown = [_quiet(transaction, changes, compared=compared)]
    return "; ".join(shown)


def _outcome_phrases(transaction: Transaction) -> Iterable[str]:
    words = {
        Outcome.FAILED: "The transaction FAILED",
        Outcome.REFUSED: "The guard REFUSED this transaction",
        Outcome.INTERRUPTED: "The transaction was INTERRUPTED",
        Outcome.OPEN: "The transaction is not finished",
    }.get(transaction.outcome)
    if words:
        yield f"{words}: {transaction.outcome_detail.rstrip('.')}" if transaction.outcome_detail else words


def _quiet(transaction: Transaction, changes: Sequence[Change], *, compared: bool) -> str:
    count = len(transaction.changes)
    packages = f"{count} package{'' if count == 1 else 's'} changed"
    if not changes:
        nothing = "nothing changed" if compared else "no change was seen, but not everything could be compared"
        return f"{packages}, otherwise {nothing}" if count else nothing
    return f"{packages}; no change weakens this host" if count else f"{len(changes)} changes; none weakens this host"


def _phrases(transaction: Transaction, changes: Sequence[Change]) -> Iterable[str]:
    # An epoch ("1:") is dpkg's own business: people say openssh-server 9.2p1.
    versions = {change.name: change.new_version.rpartition(":")[2] for change in transaction.changes}
    ports: list[str] = []
    for change in changes:
        name = change.key.rsplit("/", 1)[-1]
        package = f"{change.package} {versions.get(change.package, '')}".strip()
        if change.rule == "config-replaced":
            yield f"{package or 'the transaction'} replaced {name}"
        elif change.rule == "listener-opened":
            protocol = " (UDP)" if change.key.startswith("udp") else ""
            port = f"port {change.key.rpartition(':')[2]}{protocol} opened"
            if port not in ports:
                ports.append(port)
                yield port
        elif change.rule in _WEAKENED_WORDS:
            words = change.sentence.split(" ")[1] if change.rule == "sshd-weakened" else name
            yield f"{words} {_WEAKENED_WORDS[change.rule]}"
        elif change.change_class is ChangeClass.SECURITY_WEAKENED or change.rule == "unit-failed":
            yield change.sentence.partition(";")[0]
        elif change.change_class is ChangeClass.CONFIG_KEPT:
            yield f"your {name.rsplit('.', 1)[0]} stayed beside a newer version"
        elif change.family == "listener" and change.kind is ChangeKind.REMOVED:
            yield f"port {change.key.rpartition(':')[2]} closed"


_WEAKENED_WORDS = {
    "sshd-weakened": "weakened",
    "special-file-added": "gained special rights",
    "unit-enabled": "was enabled",
    "unit-unmasked": "was unmasked",
    "unit-started": "was started",
    "guard-off": "is off",
    "sysctl-weakened": "weakened",
    "mount-guard-lost": "lost a protecting mount option",
    "config-world-writable": "is writable by anybody",
}
