"""Fix cards: the rescue side of the remedies, each once, numbered for this paper."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bootkeep.facts.remedy import Step
from bootkeep.facts.runbook import Item, Section, Text
from bootkeep.facts.typed import unwrap
from bootkeep.remedies import ALL_REMEDIES
from bootkeep.runbook.host import HostFacts
from bootkeep.runbook.loader import has_loader_section
from bootkeep.runbook.steps import CARDS, VERIFY, numbered, otherwise_of, section, with_card_numbers

#: The two cards that many others end in. Their steps are printed once; the others send the reader there.
_MENU, _INITRAMFS = "grub-config-stale", "initramfs-damaged"

_ORDER = (
    "default-entry-broken",
    "initramfs-damaged",
    "grub-config-stale",
    "initramfs-driver-missing",
    "fstab-device-missing",
    "package-transaction-unfinished",
    "init-program-broken",
    "boot-space-low",
    "grub-install-device-wrong",
    "boot-not-mounted",
    "loader-entry-missing",
    "selinux-policy-broken",
    "kernel-replaced-in-place",
    "fallback-kernel-missing",
    "running-modules-missing",
)


@dataclass(frozen=True, slots=True)
class Cards:
    """Which remedies this paper prints, and under which number."""

    numbers: Mapping[str, str]  # remedy id -> F1 ..
    subjects: Mapping[str, str]  # remedy id -> what the finding was about


def plan_cards(facts: HostFacts) -> Cards:
    """Only what this host can need: no BIOS core on a UEFI host, no ESP on a BIOS host."""
    subjects = {finding.remedy: finding.subject for finding in reversed(facts.verdict.findings) if finding.remedy}
    found = [remedy_id for remedy_id in subjects if remedy_id in ALL_REMEDIES]
    esp = facts.layout.esp
    if facts.firmware != "bios" and esp is not None and facts.layout.at("/boot") is None:
        subjects.setdefault("boot-not-mounted", esp.target)
    left_out = {
        "grub-install-device-wrong": facts.firmware == "uefi",
        # The ESP has a section of its own.
        "boot-not-mounted": facts.layout.at("/boot") is None
        and (facts.firmware == "bios" or has_loader_section(facts))
        and "boot-not-mounted" not in found,
        # EL's own ways to fail: entries that are files, and labels that a rescue shell does not write.
        "loader-entry-missing": facts.family != "redhat" and "loader-entry-missing" not in found,
        "selinux-policy-broken": facts.family != "redhat" and "selinux-policy-broken" not in found,
        # Only Debian and Ubuntu have commands for it; the others' unfinished transaction is the nearest.
        "init-program-broken": facts.family != "debian" and "init-program-broken" not in found,
        # Of no use to a dead machine, unless that is what is wrong with it: by then the medium's kernel runs.
        "running-modules-missing": "running-modules-missing" not in found,
        "fallback-kernel-missing": "fallback-kernel-missing" not in found,
    }
    wanted = [remedy_id for remedy_id in (*_ORDER, *sorted(set(found) - {*_ORDER})) if not left_out.get(remedy_id)]
    return Cards({remedy_id: f"{CARDS}{number}" for number, remedy_id in enumerate(wanted, start=1)}, subjects)


def fix_cards(facts: HostFacts, cards: Cards) -> tuple[tuple[Section, ...], tuple[str, ...]]:
    """One section a card; the steps that many share are printed in two of them.

    The second value are the commands that keep the originals of what the cards change: the rescue path types them once.
    """
    remedies = {
        remedy_id: ALL_REMEDIES[remedy_id](facts.state, cards.subjects.get(remedy_id, ""))
        for remedy_id in cards.numbers
    }
    saves = list(dict.fromkeys(line for r in remedies.values() for step in r.rescue for line in saved_lines(step)))
    menu = {_key(step) for step in remedies[_MENU].rescue}
    initramfs = {_key(step) for step in remedies[_INITRAMFS].rescue} - menu
    made = []
    for remedy_id, number in cards.numbers.items():
        steps = remedies[remedy_id].rescue
        steps = tuple(step for step in steps if not saved_lines(step))
        own = [s for s in steps if remedy_id == _MENU or _key(s) not in menu]
        kept = [s for s in own if remedy_id == _INITRAMFS or _key(s) not in initramfs]
        if len(kept) < len(own):  # what only looks at the new image would come too early: section V looks again
            built = min(number for number, step in enumerate(own) if _key(step) in initramfs)
            kept = [step for number, step in enumerate(own) if step in kept and (number < built or step.writes)]
        then: tuple[str, ...] = (VERIFY,)
        if len(kept) < len(own):
            then = (cards.numbers[_INITRAMFS],)
        elif len(own) < len(steps):
            then = (cards.numbers[_MENU],)
        rows = [(_numbers_in(step, cards), otherwise_of(step, cards.numbers)) for step in kept]
        items: list[Item] = list(numbered(f"{number}.", rows))
        if not items:
            items.append(Text("Nothing of its own to type on this host."))
        made.append(section(number, remedies[remedy_id].title, items, then, new_page=False))
    return tuple(made), tuple(saves)


def saved_lines(step: Step) -> tuple[str, ...]:
    """The lines of a step that does nothing but keep an original (:func:`bootkeep.remedies.common.save`); else none."""
    lines = unwrap(step.command)
    return tuple(lines[1:2]) if step.say.startswith("Keep a copy of") else ()


def _key(step: Step) -> tuple[str, ...]:
    """A step's commands without the look for one release, which differs between cards that are otherwise the same."""
    return tuple(line for line in step.command if not line.startswith("grep -c -F")) or (step.say,)


def _numbers_in(step: Step, cards: Cards) -> Step:
    return replace(
        step,
        say=_named(step.say, cards),
        expect=_named(step.expect, cards),
        on_fail=_named(step.on_fail, cards),
    )


def _named(text: str, cards: Cards) -> str:
    """Cards by their numbers; one that this paper does not have is a call."""
    text = with_card_numbers(text, cards.numbers)
    for remedy_id in ALL_REMEDIES:
        if text == remedy_id:
            return "CALL"
        # A sentence that sends to a card which this paper does not have ends where that begins.
        text = re.sub(rf"[^.:;]*\b[Cc]ard {re.escape(remedy_id)}(?![\w-])", " CALL", text).strip()
    return text
