"""The printed runbook: made from a look at the host, kept beside the store and on /boot, and checked for freshness."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.clock import now_utc
from bootkeep.edges.files import private_folder, replace_file
from bootkeep.edges.host import Host
from bootkeep.facts.codec import from_json, to_json
from bootkeep.facts.errors import BootkeepError, NotUnderstood
from bootkeep.facts.policy import Policy
from bootkeep.facts.runbook import RUNBOOK_SCHEMA, Fingerprint, Freshness, Runbook
from bootkeep.flows.check import CheckResult, check
from bootkeep.flows.typeset import qr_code, typeset
from bootkeep.reports.runbook_document import qr_text, runbook_document
from bootkeep.reports.runbook_html import runbook_html
from bootkeep.reports.runbook_text import runbook_text
from bootkeep.runbook.compose import compose
from bootkeep.runbook.fingerprint import compare_fingerprints, fingerprint_of

#: Where a host keeps its own runbook, below its root.
RUNBOOK_FOLDER = "var/lib/bootkeep/runbook"
FINGERPRINT_FILE = "fingerprint.json"
#: The copy that GRUB's ``cat`` shows when nothing else does, below the root.
BOOT_COPY = "boot/RUNBOOK.TXT"
FORMATS = ("text", "html", "pdf")
SUFFIXES = {"text": "txt", "html": "html", "pdf": "pdf"}

#: Room that the copy on /boot must leave: an initramfs needs it more.
_BOOT_RESERVE = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PrintedRunbook:
    """What a host remembers of its last runbook."""

    document_id: str
    generated_at: str
    host: str
    fingerprint: Fingerprint
    schema: int = RUNBOOK_SCHEMA


@dataclass(frozen=True, slots=True)
class RunbookFreshness:
    """The answer of :func:`runbook_freshness`."""

    freshness: Freshness
    moved: tuple[str, ...]  # sections of the facts that differ
    unread: tuple[str, ...]  # sections that could not be read now
    printed: PrintedRunbook | None
    now: Fingerprint

    @property
    def sentence(self) -> str:
        """One line for a person."""
        if self.printed is None:
            return "UNKNOWN: no runbook was written on this host yet. Write one: bootkeep runbook --write"
        told = f"{self.freshness.value}: {self.printed.document_id} of {self.printed.generated_at}"
        if self.moved:
            told += f"; changed since: {', '.join(self.moved)}"
        if self.unread:
            told += f"; could not be read now: {', '.join(self.unread)}"
        return told


@dataclass(frozen=True, slots=True)
class Written:
    """What :func:`write_runbook` did."""

    paths: tuple[Path, ...]
    notes: tuple[str, ...]  # forms that were left out, and why


def make_runbook(source: Host | CheckResult, policy: Policy, *, generated_at: str | None = None) -> Runbook:
    """The runbook of a host, or of a check that was made already."""
    result = source if isinstance(source, CheckResult) else check(source, policy)
    return compose(result.state, result.verdict, policy, generated_at=generated_at or now_utc())


def render_runbook(runbook: Runbook, form: str, *, paper: str = "a4") -> bytes:
    """One form of the document. Raises BootkeepError for ``pdf`` where the engine is not installed."""
    if form == "text":
        return runbook_text(runbook).encode("ascii")
    if form == "html":
        return runbook_html(runbook).encode("utf-8")
    if form == "pdf":
        return typeset("runbook.typ", runbook_document(runbook, qr_svg=qr_code(qr_text(runbook))), paper=paper)
    raise BootkeepError(
        f"there is no form {form!r}", where="runbook", next_step=f"Choose one of: {', '.join(FORMATS)}."
    )


def write_runbook(
    runbook: Runbook,
    folder: Path,
    formats: Iterable[str] = FORMATS,
    *,
    paper: str = "a4",
    boot_copy: Path | None = None,
) -> Written:
    """Write the forms and the fingerprint; the fingerprint last, so that it never speaks for a page that is not there.

    A PDF engine that is not installed costs the PDF only. ``boot_copy`` is the text's second place (/boot/RUNBOOK.TXT); it is left
    out when the file system has no room to spare. Raises OSError with the old files in place when a form cannot be written.
    """
    private_folder(folder)
    paths: list[Path] = []
    notes: list[str] = []
    for form in formats:
        try:
            content = render_runbook(runbook, form, paper=paper)
        except BootkeepError as error:
            if form != "pdf":
                raise
            notes.append(f"no PDF: {error}")
            # An older PDF beside a newer text would be the page that somebody prints.
            (folder / "runbook.pdf").unlink(missing_ok=True)
            continue
        path = folder / f"runbook.{SUFFIXES[form]}"
        replace_file(path, content, mode=0o600)
        paths.append(path)
    if boot_copy is not None:
        note = _write_boot_copy(runbook_text(runbook).encode("ascii"), boot_copy)
        if note:
            notes.append(note)
        else:
            paths.append(boot_copy)
    remembered = PrintedRunbook(runbook.document_id, runbook.generated_at, runbook.host, runbook.fingerprint)
    replace_file(folder / FINGERPRINT_FILE, (to_json(remembered, indent=2) + "\n").encode(), mode=0o600)
    return Written((*paths, folder / FINGERPRINT_FILE), tuple(notes))


def _write_boot_copy(content: bytes, path: Path) -> str:
    """Put the copy on /boot; why not, as a sentence, else empty."""
    try:
        if not stat.S_ISDIR(path.parent.stat().st_mode):
            return f"no copy at {path}: {path.parent} is not a directory"
        space = os.statvfs(path.parent)
        free = space.f_bavail * space.f_frsize
        if free < len(content) + min(_BOOT_RESERVE, space.f_blocks * space.f_frsize // 10):
            return f"no copy at {path}: only {free // 1024} KiB are free, and an initramfs needs them more"
        # 0600: it holds names and telephone numbers. GRUB does not ask for permissions.
        replace_file(path, content, mode=0o600)
    except OSError as error:
        return f"no copy at {path}: {error}"
    return ""


def read_printed(folder: Path) -> PrintedRunbook | None:
    """What the host remembers of its runbook; None when there is none. Raises NotUnderstood when the record is damaged."""
    path = folder / FINGERPRINT_FILE
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    return from_json(PrintedRunbook, text, where=str(path))


def runbook_freshness(source: Host | CheckResult, policy: Policy, folder: Path) -> RunbookFreshness:
    """Compare the last written runbook with the host as it is now. No record, or a damaged one: UNKNOWN, never fresh."""
    result = source if isinstance(source, CheckResult) else check(source, policy)
    now = fingerprint_of(result.state, policy)
    try:
        printed = read_printed(folder)
    except NotUnderstood:
        printed = None
    freshness, moved = compare_fingerprints(printed.fingerprint if printed else None, now)
    if printed is not None and not any((folder / f"runbook.{suffix}").exists() for suffix in SUFFIXES.values()):
        freshness = Freshness.UNKNOWN  # the pages themselves are gone
    return RunbookFreshness(freshness, moved, now.unread, printed, now)
