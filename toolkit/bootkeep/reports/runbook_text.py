"""The canonical form of a runbook: plain ASCII, 72 columns, readable in GRUB (``cat``), over a serial line and on a phone."""

from __future__ import annotations

import hashlib
import textwrap

from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.runbook import Blank, Box, Bullets, Item, Listing, Runbook, RunbookStep, Section, Table, Text
from bootkeep.facts.typed import is_plain

#: Columns of the page. A command has two less: its gutter.
WIDTH = 72
GUTTER = "  "
_INDENT = "      "
_SUM = "sha256 of all lines above:\n"


def runbook_text(runbook: Runbook) -> str:
    """The whole document. Raises BootkeepError rather than print a character that a 7-bit console cannot show."""
    lines = list(_head(runbook))
    for section in runbook.sections:
        lines += ["", *section_lines(section)]
    lines += ["", "=" * WIDTH, *_wrapped(_valid_line(runbook), ""), f"End of {runbook.document_id}."]
    for number, line in enumerate(lines, start=1):
        if not is_plain(line):
            raise BootkeepError(
                "a character outside ASCII would have been printed",
                where=f"line {number} of the runbook",
                next_step="This is a bug in bootkeep: please report it.",
            )
    body = "\n".join(line.rstrip() for line in lines) + "\n"
    return body + _SUM + hashlib.sha256(body.encode("ascii")).hexdigest() + "\n"


def text_checksum(text: str) -> str:
    """The sha256 that the last line of a text form names; empty when it is not that of the lines above it."""
    body, found, digest = text.rpartition(_SUM)
    return digest.strip() if found and hashlib.sha256(body.encode()).hexdigest() == digest.strip() else ""


def page_codes(checksum: str, pages: int = 40) -> tuple[str, ...]:
    """A short code for each page of one document: a page of another one, or of an older print, does not fit the list on page 1."""
    return tuple(hashlib.sha256(f"{checksum} {page}".encode()).hexdigest()[:4].upper() for page in range(1, pages + 1))


def _head(runbook: Runbook) -> list[str]:
    return [
        "=" * WIDTH,
        *_wrapped(f"RESCUE RUNBOOK  {runbook.host}", ""),
        "=" * WIDTH,
        f"Written      {runbook.generated_at}   Document {runbook.document_id}",
        f"Fingerprint  {runbook.fingerprint.short}   (bootkeep runbook --check compares it)",
        "Replaces all earlier ones.",
    ]


def _valid_line(runbook: Runbook) -> str:
    return (
        f"Valid while the fingerprint of {runbook.host} is {runbook.fingerprint.short}. On the running host "
        "'bootkeep runbook --check' tells."
    )


def section_lines(section: Section) -> list[str]:
    """One section."""
    box = f"  (time box {section.minutes} min, then CALL)" if section.minutes else ""
    lines = ["=" * WIDTH, *_wrapped(f"{section.id}  {section.title.upper()}{box}", ""), "=" * WIDTH]
    for item in section.items:
        lines += ["", *item_lines(item)]
    if section.then and section.steps:
        lines += ["", *_wrapped(f"ALL DONE: {then_words(section.then)}", "")]
    return lines


def then_words(then: tuple[str, ...]) -> str:
    """Where to go when a section's last step worked."""
    names = {"BOOTS": "the host is back", "CALL": "call (page 1)", "RESTORE": "restore from backup"}
    return (
        "go to " + ", then ".join(names.get(target, target) for target in then)
        if then[0] not in names
        else names[then[0]]
    )


def otherwise_words(step: RunbookStep) -> str:
    """What to do when a step does not show what it should."""
    place = {"CALL": "CALL (page 1)", "RESTORE": "CALL, and think of restoring from backup"}.get(
        step.otherwise, f"go to {step.otherwise}"
    )
    told = step.step.on_fail.rstrip(".")
    if not told or told in {step.otherwise, "CALL", f"card {step.otherwise}"}:
        return place
    return f"{told}. Else {place}" if step.otherwise not in told else told


def item_lines(item: Item) -> list[str]:
    """One item of a section."""
    match item:
        case Text(text):
            return _wrapped(text, "")
        case Bullets(lines):
            return [line for text in lines for line in _wrapped(text, "* ", "  ")]
        case Box(title, lines):
            inner = [
                *_wrapped(title.upper(), "", width=WIDTH - 4),
                *(w for text in lines for w in _wrapped(text, "", width=WIDTH - 4)),
            ]
            edge = "+" + "-" * (WIDTH - 2) + "+"
            return [edge, *(f"| {line:<{WIDTH - 4}} |" for line in inner), edge]
        case Table():
            return _table(item)
        case Listing(title, lines):
            return [*_wrapped(title, ""), *(line for text in lines for line in _wrapped(text, "    ", "      "))]
        case Blank(label, count):
            return [f"{label}:", *(["", "_" * WIDTH] * count)]
        case RunbookStep():
            return _step(item)


def _step(item: RunbookStep) -> list[str]:
    step = item.step
    lines = _wrapped(f"{step.place.value}: {step.say}", f"[ ] {item.id:<5} ", " " * 10)
    lines += [GUTTER + line for line in step.command]
    if step.expect:
        lines += _wrapped(step.expect, f"{_INDENT}SEE     ", _INDENT + " " * 8)
    lines += _wrapped(otherwise_words(item), f"{_INDENT}IF NOT  ", _INDENT + " " * 8)
    for label in item.blanks:
        lines += _wrapped(f"READ THIS FROM THE SCREEN: {label}:", _INDENT)
        lines += [_INDENT + "_" * 50]
    if step.undo:
        lines.append(f"{_INDENT}UNDO")
        lines += [GUTTER + line for line in step.undo]
    return lines


def _wrapped(text: str, first: str, later: str | None = None, *, width: int = WIDTH) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=first if later is None else later,
        break_on_hyphens=False,
        break_long_words=True,
    ) or [first.rstrip()]


def _table(table: Table) -> list[str]:
    widths = _widths(table)
    lines = [_row(table.columns, widths), " ".join("-" * width for width in widths)]
    for row in table.rows:
        cells = [_wrapped(cell, "", width=width) for cell, width in zip(row, widths, strict=True)]
        height = max(len(cell) for cell in cells)
        padded = [[*cell, *[""] * (height - len(cell))] for cell in cells]
        lines += [_row(line, widths) for line in zip(*padded, strict=True)]
        if height > 1 or not any(row):
            lines.append("_" * WIDTH if not any(row) else "")
    return lines


def _row(cells: tuple[str, ...], widths: list[int]) -> str:
    return " ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip()


def _widths(table: Table) -> list[int]:
    """Columns of each cell: those of weight 0 as wide as they need (at most a third of the page), the rest by weight."""
    natural = [
        min(max(len(cell) for cell in (title, *(row[number] for row in table.rows))), 38)
        for number, title in enumerate(table.columns)
    ]
    room = WIDTH - (len(natural) - 1)
    fixed = sum(width for width, weight in zip(natural, table.weights, strict=True) if weight == 0)
    total = sum(table.weights) or 1
    widths = [
        width if weight == 0 else max(6, (room - fixed) * weight // total)
        for width, weight in zip(natural, table.weights, strict=True)
    ]
    spill = sum(widths) - room
    while spill > 0:  # hostile facts (very long names) in the columns that set their own width
        widest = max(range(len(widths)), key=lambda number: widths[number])
        widths[widest] -= 1
        spill -= 1
    return widths
