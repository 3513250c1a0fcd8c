"""A runbook as the plain value that the typesetter's template reads. Texts stay texts: none of them becomes markup."""

from __future__ import annotations

from typing import Any

from bootkeep.facts.codec import to_plain
from bootkeep.facts.runbook import Blank, Box, Bullets, Item, Listing, Runbook, RunbookStep, Section, Table, Text
from bootkeep.reports.runbook_text import otherwise_words, page_codes, runbook_text, text_checksum, then_words

_KINDS: dict[type, str] = {
    Text: "text",
    Bullets: "bullets",
    Box: "box",
    Table: "table",
    Listing: "listing",
    Blank: "blank",
    RunbookStep: "step",
}


def runbook_document(runbook: Runbook, *, qr_svg: str = "") -> dict[str, Any]:
    """What the template reads. ``qr_svg`` is the QR code of :func:`qr_text`, or empty."""
    return {
        "host": runbook.host,
        "generated_at": runbook.generated_at,
        "document_id": runbook.document_id,
        "fingerprint": runbook.fingerprint.short,
        "qr": qr_svg,
        "codes": list(page_codes(text_checksum(runbook_text(runbook)))),
        "sections": [_section(section) for section in runbook.sections],
    }


def qr_text(runbook: Runbook) -> str:
    """What the QR code says: nothing that does not stand on the page too, and no secret."""
    checksum = text_checksum(runbook_text(runbook))
    return f"bootkeep {runbook.document_id} {runbook.fingerprint.overall} {checksum} {runbook.generated_at}"


def _section(section: Section) -> dict[str, Any]:
    return {
        "id": section.id,
        "title": section.title,
        "minutes": section.minutes,
        "new_page": section.new_page,
        # A sheet to write on, such as the log: it is not torn over two pages.
        "whole": not section.steps and any(isinstance(item, Blank) for item in section.items),
        "done": then_words(section.then) if section.then and section.steps else "",
        "items": [_item(item) for item in section.items],
    }


def _item(item: Item) -> dict[str, Any]:
    plain: dict[str, Any] = {"kind": _KINDS[type(item)], **to_plain(item)}
    if isinstance(item, RunbookStep):
        step = item.step
        plain["step"] = {
            "place": step.place.value,
            "say": step.say,
            "command": "\n".join(step.command),
            "expect": step.expect,
            "undo": "\n".join(step.undo),
            "otherwise": otherwise_words(item),
        }
    return plain
