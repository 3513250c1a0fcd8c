"""BootState, verdict and policy composed into the runbook of one host."""

from __future__ import annotations

import hashlib

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Verdict
from bootkeep.facts.paper import PAPER_NOT_TAKEN, PaperFacts
from bootkeep.facts.policy import Policy
from bootkeep.facts.runbook import Fingerprint, Runbook, Section
from bootkeep.facts.typed import plain
from bootkeep.runbook.appendix import facts_pages, log_sheet
from bootkeep.runbook.boot_shells import emergency, initramfs_shell
from bootkeep.runbook.cards import fix_cards, plan_cards
from bootkeep.runbook.cover import cover, stop_rules
from bootkeep.runbook.fingerprint import facts_in_words, fingerprint_of
from bootkeep.runbook.hand_boot import grub_rescue, hand_boot
from bootkeep.runbook.host import facts_of
from bootkeep.runbook.loader import has_loader_section, loader_section
from bootkeep.runbook.previous_kernel import firmware_menu, previous_kernel
from bootkeep.runbook.rescue_path import rescue_path
from bootkeep.runbook.steps import LOADER
from bootkeep.runbook.symptoms import symptom_finder
from bootkeep.runbook.verify import after_boot, verify


def compose(
    state: BootState,
    verdict: Verdict,
    policy: Policy,
    *,
    generated_at: str,
    paper: PaperFacts = PAPER_NOT_TAKEN,
) -> Runbook:
    """The runbook of one host. Pure: the same facts give the same paper, ``generated_at`` (UTC, ISO 8601) included."""
    facts = facts_of(state, verdict, policy, generated_at, paper)
    cards = plan_cards(facts)
    numbers = dict(cards.numbers)
    loader: tuple[Section, ...] = ()
    if has_loader_section(facts):
        loader = (loader_section(facts, numbers["grub-config-stale"]),)
        numbers |= {"grub-install-device-wrong": LOADER, "efi-loader": LOADER}
    fingerprint = fingerprint_of(state, policy)
    card_pages, saves = fix_cards(facts, cards)
    sections = (
        cover(facts),
        stop_rules(facts),
        symptom_finder(facts, numbers),
        previous_kernel(facts),
        firmware_menu(facts),
        grub_rescue(facts),
        hand_boot(facts),
        initramfs_shell(facts),
        emergency(facts, numbers),
        rescue_path(facts, saves),
        *card_pages,
        *loader,
        verify(facts, cards),
        after_boot(facts),
        facts_pages(facts),
        log_sheet(),
    )
    return Runbook(
        host=facts.hostname,
        generated_at=plain(generated_at),
        document_id=document_id(facts.hostname, fingerprint),
        fingerprint=fingerprint,
        place=plain(policy.site.runbook_place),
        sections=sections,
        not_covered=facts.layout.not_covered,
        facts=facts_in_words(state, policy),
    )


def document_id(host: str, fingerprint: Fingerprint) -> str:
    """Short enough to read out over the phone: RB- and eight hex digits.

    It follows from the facts alone: a paper that is printed twice has one id, and an id that is not the host's own is a paper
    whose facts have moved.
    """
    return "RB-" + hashlib.sha256(f"{host}\n{fingerprint.overall}".encode()).hexdigest()[:8].upper()
