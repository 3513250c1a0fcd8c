"""Numbering steps, and the few helpers that all sections share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from bootkeep.facts.remedy import Place, Step
from bootkeep.facts.runbook import CALL, ENDS, Item, RunbookStep, Section
from bootkeep.facts.typed import plain, wrap_command

#: Letters of the sections, in print order. No I, O or l: they are misread.
STOP, SEE, PREVIOUS, FIRMWARE, GRUB_RESCUE, HAND, INITRAMFS, EMERGENCY = "S", "W", "P", "B", "G", "H", "D", "E"
RESCUE, CARDS, LOADER, VERIFY, AFTER, FACTS, LOG = "R", "F", "L", "V", "A", "X", "N"


def shell(place: Place, say: str, *lines: str, **more: str | int | bool | tuple[str, ...]) -> Step:
    """A step with its commands wrapped for paper."""
    wrapped = tuple(part for line in lines for part in wrap_command(line))
    return Step(place, say, wrapped, **more)  # type: ignore[arg-type] # the keywords of Step


def numbered(
    section: str, steps: Iterable[tuple[Step, str] | tuple[Step, str, tuple[str, ...]]]
) -> tuple[RunbookStep, ...]:
    """Steps with their numbers, each with the place to go to when it fails."""
    made = []
    for number, row in enumerate(steps, start=1):
        blanks = row[2] if len(row) == 3 else ()
        # Prose may quote the machine: cleaned here once, so that no sentence can be forgotten.
        step = replace(row[0], say=plain(row[0].say), expect=plain(row[0].expect), on_fail=plain(row[0].on_fail))
        made.append(RunbookStep(f"{section}{number}", step, row[1], blanks))
    return tuple(made)


def otherwise_of(step: Step, cards: Mapping[str, str]) -> str:
    """Where a remedy's step leads when it fails: the first card or section that its sentence names, else a call."""
    for remedy_id, card in cards.items():
        if step.on_fail == remedy_id or re.search(rf"\b[Cc]ard {re.escape(remedy_id)}\b", step.on_fail):
            return card
    if "section P" in step.on_fail:
        return PREVIOUS
    return CALL


def with_card_numbers(text: str, cards: Mapping[str, str]) -> str:
    """A sentence in which cards are named by the number they have on this paper."""
    for remedy_id, card in cards.items():
        if text == remedy_id:
            return f"card {card}"
        text = re.sub(rf"\b([Cc])ard {re.escape(remedy_id)}\b", rf"\1ard {card}", text)
    return text


def section(
    section_id: str,
    title: str,
    items: Iterable[Item],
    then: tuple[str, ...] = (),
    *,
    minutes: int = 0,
    new_page: bool = True,
) -> Section:
    """A section."""
    return Section(section_id, title, tuple(items), then, minutes, new_page)


def says(target: str) -> str:
    """How the paper names a place to go to."""
    return {"CALL": "CALL (page 1)", "RESTORE": "RESTORE from backup", "BOOTS": "let it boot"}.get(
        target, f"section {target}"
    )


def is_end(target: str) -> bool:
    """Whether a path may stop there."""
    return target in ENDS
