"""Which steps of a remedy a program may take, and which need a person. Nothing here touches a machine."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.remedy import Place, Step
from bootkeep.facts.typed import unwrap
from bootkeep.flows.check import CheckResult
from bootkeep.remedies import remedy_for
from bootkeep.remedies.common import SAVED

_KEYBOARD = re.compile(r"(?:^|[;&|]\s*)read\b")
_EDITOR = re.compile(r"(?:^|[\s;|&])(?:nano|vi|vim|editor|sensible-editor|visudo|\$EDITOR|\$\{EDITOR[^}]*\})\s")
#: A step that lets a package manager work.
PACKAGES = re.compile(r"\b(?:apt-get|apt|dpkg)\b")
_PURGE = re.compile(r"^apt-get (?:purge|remove) (?P<names>.+)$")


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step, as it would be run."""

    step: Step
    script: str
    undo: str  # empty when it writes nothing, or cannot be taken back
    person: str  # why only a person can take it; empty when a program may
    timeout_s: float
    removes: tuple[str, ...]  # packages that it names for removal: no other may go

    @property
    def cannot_be_undone(self) -> bool:
        """Whether it writes something that no command takes back."""
        return self.step.writes and not self.undo


@dataclass(frozen=True, slots=True)
class FixPlan:
    """The live remedy of one finding that is there now."""

    finding: Finding
    title: str
    steps: tuple[PlannedStep, ...]

    @property
    def refusal(self) -> str:
        """Why nothing of it can be run by a program, a sentence; empty when something can.

        Steps before the first one that needs a person are worth running when they write something: they may be enough.
        """
        for planned in self.steps:
            if planned.person:
                return f"a person has to do this: {planned.person}"
            if planned.step.writes:
                return ""
        return "the remedy only looks; what it finds is for a person to judge"


def plan_fix(result: CheckResult, identity: str, subject: str = "", *, folder: str = SAVED) -> FixPlan | None:
    """The plan for the first finding of that id (and subject); None when it is not there, or has no remedy.

    ``folder`` takes the place of the folder where remedies keep originals: each fix keeps its own.
    """
    for finding in findings_of(result, identity, subject):
        remedy = remedy_for(finding, result.state)
        if remedy is not None:
            return FixPlan(finding, remedy.title, tuple(_planned(step, folder) for step in remedy.live))
    return None


def findings_of(result: CheckResult, identity: str, subject: str = "") -> tuple[Finding, ...]:
    """The findings that are meant: of that id, judged, and about that subject when one is given."""
    return tuple(
        finding
        for finding in result.verdict.findings
        if finding.id == identity
        and finding.severity is not Severity.UNKNOWN
        and (not subject or finding.subject == subject)
    )


def _planned(step: Step, folder: str) -> PlannedStep:
    script = "\n".join(step.command).replace(SAVED, folder)
    undo_lines = [line for line in step.undo if not line.lstrip().startswith("#")]
    removes = tuple(
        name.strip("'\"")
        for line in unwrap(step.command)
        if (found := _PURGE.match(line.strip()))
        for name in found["names"].split()
    )
    return PlannedStep(
        step,
        script,
        "\n".join(undo_lines).replace(SAVED, folder) if step.writes else "",
        _person(step),
        # A package manager is never cut off half-way for being slow; the rest has ten times what a person is told.
        3600.0 if PACKAGES.search(script) else 120.0 + 600.0 * step.minutes,
        removes,
    )


def _person(step: Step) -> str:
    if step.by_hand or not step.command:
        return step.say
    if step.place is not Place.LIVE:
        return f"it is typed elsewhere ({step.place.value})"
    lines = unwrap(step.command)
    if any(_KEYBOARD.search(line) for line in lines):
        return f"{step.say} (it asks for a choice)"
    if any(_EDITOR.search(f"{line} ") for line in lines):
        return f"{step.say} (it opens an editor)"
    return ""
