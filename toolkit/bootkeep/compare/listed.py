"""Differences in the families of keyed lines: one comparison for all, driven by a table (:mod:`bootkeep.compare.families`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from bootkeep.compare.attribution import Attribution
from bootkeep.compare.keyed import Difference, Gaps, differences
from bootkeep.facts.change import Change, ChangeClass, ChangeKind, ChangeSeverity
from bootkeep.facts.redaction import redact_line
from bootkeep.facts.system import SystemState
from bootkeep.facts.unknown import Absent, Maybe, Unknown


@dataclass(frozen=True, slots=True)
class Weighing:
    """One difference as the table's functions see it; empty texts for the side where the key is not."""

    key: str
    was: str
    now: str
    kind: ChangeKind
    before: Mapping[str, str]  # the whole family on both sides, for what depends on its neighbours
    after: Mapping[str, str]
    running: Mapping[str, str] = field(default_factory=dict)  # kernel settings in force before
    since: str = ""  # when the earlier snapshot was taken, UTC, ISO 8601

    @property
    def place_is_new(self) -> bool:
        """Whether nothing was there before under this key's first part: a new file, a new service."""
        return not any(key.partition(":")[0] == self.key.partition(":")[0] for key in self.before)


def no_rule(_weighing: Weighing) -> str:
    """Nothing in this family weakens a host by itself."""
    return ""


def no_owner(_who: Attribution, _weighing: Weighing) -> str:
    """Packages do not own this."""
    return ""


def not_left_out(_who: Attribution, _weighing: Weighing) -> bool:
    """Every difference is told."""
    return False


@dataclass(frozen=True, slots=True)
class Family:
    """How the differences of one family are weighed and told."""

    name: str  # key in SystemState.settings, and Change.family
    noun: str  # begins the sentence: "repository deb http://... is new"
    change_class: ChangeClass = ChangeClass.OTHER
    severity: ChangeSeverity = ChangeSeverity.LOW
    weakened: Callable[[Weighing], str] = no_rule  # id of the rule that the difference raises; empty for none
    owner: Callable[[Attribution, Weighing], str] = no_owner
    left_out: Callable[[Attribution, Weighing], bool] = not_left_out
    blind: bool = False  # Absent means that no tool could tell, not that there is nothing
    explained: bool = False  # comes from files: what no package of a transaction explains is said to be unexplained
    only_after: bool = False  # looked at after a transaction only: everything there is news
    words: Mapping[ChangeKind, str] | None = None  # sentences with {key}, {was}, {now}; {place}: {line} of the key


_WORDS = {
    ChangeKind.ADDED: "{noun} {key} is new{value}",
    ChangeKind.REMOVED: "{noun} {key} is gone{value}",
    ChangeKind.CHANGED: "{noun} {key}: {was} became {now}",
}
_NONE: Mapping[str, str] = {}
_NOT_LOOKED_AT = Unknown("this snapshot did not look at it")


def listed_changes(
    family: Family, before: SystemState, after: SystemState, who: Attribution, gaps: Gaps
) -> Iterator[Change]:
    """The differences of one family."""
    sides = _sides(family, before, after, gaps)
    if sides is None:
        return
    running = before.sysctl if isinstance(before.sysctl, Mapping) else {}
    for difference in differences(*sides):
        if who.noise.rule_for(family.name, difference.key):
            continue
        weighing = Weighing(
            difference.key,
            difference.before or "",
            difference.after or "",
            difference.kind,
            sides[0],
            sides[1],
            running,
            before.taken_at,
        )
        if not family.left_out(who, weighing):
            yield _change(family, difference, weighing, who)


def _sides(
    family: Family, before: SystemState, after: SystemState, gaps: Gaps
) -> tuple[Mapping[str, str], Mapping[str, str]] | None:
    if family.name not in before.settings and family.name not in after.settings:
        return None
    was, now = (state.settings.get(family.name, _NOT_LOOKED_AT) for state in (before, after))
    if family.only_after:
        if isinstance(now, Absent) or family.name not in after.settings:
            return None
        was = _NONE if not isinstance(was, Mapping) else was
    if family.blind and _told_nothing(was, now):
        return None
    return gaps.both(family.name, was, now, none=None if family.blind else _NONE)


def _told_nothing(was: Maybe[Mapping[str, str]], now: Maybe[Mapping[str, str]]) -> bool:
    """One side could not tell, and the other says that there is nothing: no gap worth a line."""
    sides = (was, now)
    return any(isinstance(side, Absent) for side in sides) and all(
        isinstance(side, Absent) or side == {} for side in sides
    )


def _change(family: Family, difference: Difference[str], weighing: Weighing, who: Attribution) -> Change:
    rule = family.weakened(weighing)
    package = family.owner(who, weighing)
    kind = difference.kind
    words = dict(_WORDS) | dict(family.words or {})
    value = weighing.now or weighing.was
    sentence = words[kind].format(
        noun=family.noun,
        key=_short(weighing.key),
        place=weighing.key.partition(": ")[0],
        line=_short(weighing.key.partition(": ")[2]),
        was=_short(weighing.was) or "nothing",
        now=_short(weighing.now) or "nothing",
        value=f": {_short(value)}" if value else "",
    )
    severity, change_class = family.severity, family.change_class
    if rule:
        severity, change_class = ChangeSeverity.HIGH, ChangeClass.SECURITY_WEAKENED
    elif package:
        severity = ChangeSeverity.INFO if severity is ChangeSeverity.LOW else severity
    elif who.packages and family.explained:
        change_class = ChangeClass.UNEXPLAINED
    reason = f"; belongs to {package}" if package else ""
    return who.change(
        family.name,
        weighing.key,
        kind,
        before=redact_line(weighing.was),
        after=redact_line(weighing.now),
        change_class=change_class,
        severity=severity,
        package=package,
        sentence=f"{sentence}{reason}",
        rule=rule,
    )


def _short(text: str, limit: int = 300) -> str:
    text = redact_line(text)
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def is_known(side: Maybe[Mapping[str, str]]) -> bool:
    """Whether there is a mapping to look at."""
    return not isinstance(side, (Absent, Unknown))
