"""How a rule says what it found."""

from __future__ import annotations

from bootkeep.facts.finding import Evidence, Finding, Severity


class Rule:
    """Identity of one rule: the finding's id and its class in the catalogue of boot failures."""

    def __init__(self, identity: str, boot_class: str) -> None:
        self.id = identity
        self.boot_class = boot_class

    def finding(self, severity: Severity, summary: str, *evidence: tuple[str, str], subject: str = "") -> Finding:
        """One finding; ``evidence`` are (source, text) pairs."""
        return Finding(
            id=self.id,
            boot_class=self.boot_class,
            severity=severity,
            summary=summary,
            evidence=tuple(Evidence(source, text) for source, text in evidence),
            remedy=self.id,
            subject=subject,
        )

    def unknown(self, question: str, why: str) -> Finding:
        """The question could not be answered. The remedy is to look again, so none is named."""
        return Finding(
            id=self.id,
            boot_class=self.boot_class,
            severity=Severity.UNKNOWN,
            summary=f"Could not judge {question}: {why}",
            evidence=(Evidence("reading", why),),
        )
