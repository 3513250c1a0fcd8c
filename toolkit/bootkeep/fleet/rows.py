"""What the fleet's store answers: one frozen row for each thing, as plain texts and numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HostStatus:
    """What a host tells of itself, beside its transactions. Empty text: it does not know."""

    name: str = ""
    system: str = ""
    tool_version: str = ""
    boot_id: str = ""
    running_kernel: str = ""
    default_kernel: str = ""
    last_good_kernel: str = ""
    reboot_pending: bool | None = None
    verdict: str = ""  # GO, NO-GO, UNKNOWN; empty leaves the one on record
    verdict_sentence: str = ""
    verdict_at: str = ""
    # of the copy that the master has; empty leaves what is on record
    runbook_state: str = ""  # facts.runbook.Freshness
    runbook_moved: str = ""  # sections of the facts that changed since, by comma
    waiting: int = 0  # records that the master has not confirmed


@dataclass(frozen=True, slots=True)
class HostRow:
    """One host as the store knows it."""

    host: str  # Salt minion id
    first_seen: str
    last_seen: str
    name: str
    system: str
    tool_version: str
    boot_id: str
    running_kernel: str
    default_kernel: str
    last_good_kernel: str
    reboot_pending: bool | None
    verdict: str
    verdict_sentence: str
    verdict_at: str
    last_transaction: str
    runbook: str  # document id of the copy in the store; empty when there is none
    runbook_state: str
    runbook_moved: str
    runbook_state_at: str
    runbook_bad_since: str
    runbook_at: str
    waiting: int
    bytes: int
    other_bytes: int
    problem: str
    let_go: str = ""  # the newest transaction that retention has removed


@dataclass(frozen=True, slots=True)
class TransactionRow:
    """One transaction in its newest state."""

    host: str
    id: str
    started_at: str
    ended_at: str
    manager: str
    command: str
    user: str
    salt_job: str
    outcome: str
    outcome_detail: str
    phases: tuple[str, ...]
    packages: int
    verdict: str
    verdict_sentence: str
    summary: str  # the report's sentence; empty until the report is made
    weakened: int
    mood: str  # good, odd, bad
    digest: str
    reported: str  # digest of the record that the report stands on; another than ``digest`` means that it is outdated
    first_stored_at: str
    stored_at: str


@dataclass(frozen=True, slots=True)
class RecordRow:
    """One delivered state of a transaction."""

    number: int
    host: str
    id: str
    digest: str
    phase: str
    manifest: str  # JSON, facts.delivery.Manifest
    size: int
    stored_at: str


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """One verdict on record."""

    host: str
    id: str
    phase: str
    verdict: str
    sentence: str
    findings: str  # JSON list of facts.finding.Finding


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One change of a transaction's report."""

    host: str
    id: str
    number: int
    same: str  # equal where the same change happened on another host
    change_class: str
    severity: str
    family: str
    subject: str
    package: str
    rule: str
    sentence: str


@dataclass(frozen=True, slots=True)
class RunbookRow:
    """One runbook of a host, without its text (:meth:`FleetStore.runbook_text`)."""

    host: str
    document_id: str
    generated_at: str
    fingerprint: str
    stored_at: str


@dataclass(frozen=True, slots=True)
class CaptureRow:
    """One look at a host that somebody asked for."""

    number: int
    host: str
    reason: str
    asked_by: str
    asked_at: str
    state: str  # asked, sent, done, failed
    done_at: str
    detail: str


@dataclass(frozen=True, slots=True)
class AlertRow:
    """Something that somebody has to be told."""

    number: int
    host: str
    id: str
    kind: str
    key: str
    same: str
    text: str
    raised_at: str
    told_at: str


@dataclass(frozen=True, slots=True)
class RefusalRow:
    """What was turned away from one sender for one reason."""

    sender: str
    why: str
    example: str
    times: int
    first_at: str
    last_at: str
