"""Findings and the verdict they add up to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Severity(Enum):
    """How much a finding weighs, worst first. Closed set: schemas and exit codes depend on it."""

    WILL_NOT_BOOT = "will-not-boot"
    AT_RISK = "at-risk"  # boots, but the way back is gone or an ordinary next step breaks it
    UNKNOWN = "unknown"  # could not be judged
    ADVICE = "advice"  # worth doing, does not stop a reboot


@dataclass(frozen=True, slots=True)
class Evidence:
    """The machine's own words, and where they came from."""

    source: str  # path or command line
    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence with evidence and a way out."""

    id: str  # the rule's file name with dashes; its page is docs/reference/findings/<id>.md
    boot_class: str  # B01 .. B46
    severity: Severity
    summary: str  # one sentence
    evidence: tuple[Evidence, ...] = ()
    remedy: str = ""  # key in bootkeep.remedies.ALL_REMEDIES; empty when none is known
    subject: str = ""  # what it is about: a kernel release, a path, a device


class Judgement(Enum):
    """The verdict's word. UNKNOWN is never presented as GO."""

    GO = "GO"
    NO_GO = "NO-GO"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether this machine may be rebooted, and why."""

    judgement: Judgement
    findings: tuple[Finding, ...]  # what to do first comes first

    @property
    def sentence(self) -> str:
        """One line for a person: the word and the worst finding."""
        if not self.findings:
            return "GO: every check passed."
        worst = self.findings[0]
        more = len(self.findings) - 1
        if self.judgement is Judgement.GO:
            advice = "1 piece of advice" if not more else f"{more + 1} pieces of advice"
            return f"GO: every check that stops a reboot passed ({advice}: bootkeep check)."
        tail = f" (+{more} more)" if more else ""
        return f"{self.judgement.value}: {worst.summary}{tail}"


def judgement_of(findings: tuple[Finding, ...]) -> Judgement:
    """NO-GO as soon as one finding says so; else UNKNOWN as soon as one could not be judged; else GO."""
    severities = {finding.severity for finding in findings}
    if severities & {Severity.WILL_NOT_BOOT, Severity.AT_RISK}:
        return Judgement.NO_GO
    if Severity.UNKNOWN in severities:
        return Judgement.UNKNOWN
    return Judgement.GO
