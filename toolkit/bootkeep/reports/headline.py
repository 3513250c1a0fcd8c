"""The summary sentence on top of a report: what somebody must know, in the order in which it matters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bootkeep.facts.change import Change, ChangeClass, ChangeKind
from bootkeep.facts.transaction import Action, Outcome, Transaction
from bootkeep.reports.document import Kernels

#: Phrases in a headline; the rest is counted.
_MOST_PHRASES = 4


def summarize(
    transaction: Transaction, changes: Sequence[Change], *, compared: bool = True, kernels: Kernels | None = None
) -> str:
    """One sentence: what happened that somebody must know; ends without a full stop."""
    outcome, about_kernels = list(_outcome_phrases(transaction)), list(_kernel_phrases(kernels or Kernels()))
    if transaction.outcome is Outcome.REFUSED:
        return "; ".join(outcome)
    phrases = outcome + list(dict.fromkeys(_phrases(transaction, changes)))
    room = _MOST_PHRASES - len(about_kernels)  # what happened to the kernels is never cut off
    shown, more = phrases[:room] + about_kernels, len(phrases) - room
    if more > 0:
        shown.append(f"{more} more to look at")
    if not shown:
        shown = [_quiet(transaction, changes, compared=compared)]
    return "; ".join(shown)


def _outcome_phrases(transaction: Transaction) -> Iterable[str]:
    if transaction.hook_missed:
        yield f"HOOK MISSED, bootkeep did not see it run: {_packages(transaction)}"
    words = {
        Outcome.FAILED: "The transaction FAILED",
        Outcome.REFUSED: "The guard REFUSED this transaction",
        Outcome.INTERRUPTED: "The transaction was INTERRUPTED",
        Outcome.OPEN: "The transaction is not finished",
    }.get(transaction.outcome)
    if not words:
        return
    detail = transaction.outcome_detail.rstrip(".")
    if transaction.outcome is Outcome.REFUSED:
        yield f"{words}, nothing was changed" + (f": {detail.partition(': ')[2] or detail}" if detail else "")
        if transaction.advice:
            yield f"do this instead: {transaction.advice}"
        return
    yield f"{words}: {detail}" if detail else words


def _kernel_phrases(kernels: Kernels) -> Iterable[str]:
    """One phrase for all of it: which kernels came, went, were replaced, are kept, and which one boots next."""
    parts = [
        f"kernel {_names(releases)} {word}"
        for releases, word in (
            (kernels.came, "came"),
            (kernels.replaced, "was replaced in place"),
            (kernels.gone, "went"),
        )
        if releases
    ]
    if not parts and not kernels.preserved:
        return
    if kernels.preserved:
        parts.append(f"the build of {_names(kernels.preserved)} from before is preserved")
    yield ", ".join(parts) + (f"; boots next: {kernels.boots_next}" if kernels.boots_next else "")


def _names(releases: Sequence[str]) -> str:
    return " and ".join((", ".join(releases[:-1]), releases[-1]) if len(releases) > 1 else releases)


def _quiet(transaction: Transaction, changes: Sequence[Change], *, compared: bool) -> str:
    count = len(transaction.changes)
    packages = _packages(transaction)
    if not changes:
        nothing = "nothing changed" if compared else "no change was seen, but not everything could be compared"
        return f"{packages}, otherwise {nothing}" if count else nothing
    return f"{packages}; no change weakens this host" if count else f"{len(changes)} changes; none weakens this host"


_DONE = {
    Action.INSTALL: "installed",
    Action.UPGRADE: "upgraded",
    Action.DOWNGRADE: "downgraded",
    Action.REINSTALL: "reinstalled",
    Action.REMOVE: "removed",
    Action.PURGE: "purged",
    Action.CONFIGURE: "configured",
}
_NAMED = 3


def _packages(transaction: Transaction) -> str:
    """``hello 2.10-3 installed``, ``cron and logrotate upgraded``, ``17 packages changed``."""
    changes = transaction.changes
    actions = {change.action for change in changes}
    if not changes or len(changes) > _NAMED or len(actions) > 1:
        return f"{len(changes)} package{'' if len(changes) == 1 else 's'} changed"
    version = changes[0].new_version.rpartition(":")[2] if len(changes) == 1 else ""
    names = _names([change.name for change in changes])
    return f"{names}{f' {version}' if version else ''} {_DONE[actions.pop()]}"


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
        elif short := _short(change):
            yield short
        elif change.change_class is ChangeClass.SECURITY_WEAKENED or change.rule == "unit-failed":
            yield change.sentence.partition(";")[0]
        elif change.change_class is ChangeClass.CONFIG_KEPT:
            yield f"your {name.rsplit('.', 1)[0]} stayed beside a newer version"
        elif change.family == "listener" and change.kind is ChangeKind.REMOVED:
            yield f"port {change.key.rpartition(':')[2]} closed"


def _short(change: Change) -> str:
    """Fewer words than the line below has: there the fingerprint, the dates and the whole rule are told; empty for other rules."""
    if change.rule == "ssh-key-added":
        return f"a new SSH key lets in as {change.key.split(' ')[0]}"
    if change.rule == "password-weakened" and change.after.startswith("none"):
        return f"{change.key} needs no password"
    if change.rule == "pam-weakened":
        return f"PAM of {change.key.partition(':')[0]} weakened"
    return ""


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
