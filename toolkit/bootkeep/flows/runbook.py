"""The printed runbook: made from a look at the host, kept beside the store and on /boot, and checked for freshness."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootkeep.assemble_paper import PAPER_PROBES, assemble_paper
from bootkeep.edges.clock import now_utc
from bootkeep.edges.collect import collect
from bootkeep.edges.files import private_folder, replace_file
from bootkeep.edges.host import Host
from bootkeep.edges.store import Store
from bootkeep.facts.codec import from_json, to_json
from bootkeep.facts.errors import BootkeepError, NotUnderstood
from bootkeep.facts.paper import PAPER_NOT_TAKEN, PaperFacts
from bootkeep.facts.policy import Policy
from bootkeep.facts.runbook import RUNBOOK_SCHEMA, FactsInWords, Fingerprint, Freshness, Runbook
from bootkeep.facts.transaction import Transaction
from bootkeep.flows.check import CheckResult, check
from bootkeep.flows.typeset import qr_code, typeset
from bootkeep.remedies.layout import layout_of
from bootkeep.reports.runbook_document import qr_text, runbook_document
from bootkeep.reports.runbook_html import runbook_html
from bootkeep.reports.runbook_text import runbook_text
from bootkeep.runbook.compose import compose
from bootkeep.runbook.fingerprint import compare_fingerprints, facts_in_words, fingerprint_of, moved_in_words

#: Where a host keeps its own runbook, below its root.
RUNBOOK_FOLDER = "var/lib/bootkeep/runbook"
FINGERPRINT_FILE = "fingerprint.json"
#: The copy that GRUB's ``cat`` shows when nothing else does, below the root.
BOOT_COPY = "boot/RUNBOOK.TXT"
#: Fingerprints of the runbooks that this host has written, by document id; so many of them are kept.
KNOWN_FOLDER = "known"
_KNOWN = 50
#: The store with the records of transactions, below the root.
STORE_FOLDER = "var/lib/bootkeep"
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
    facts: tuple[FactsInWords, ...] = ()  # none in records of older versions


@dataclass(frozen=True, slots=True)
class RunbookFreshness:
    """The answer of :func:`runbook_freshness`."""

    freshness: Freshness
    moved: tuple[str, ...]  # sections of the facts that differ
    unread: tuple[str, ...]  # sections that could not be read now
    printed: PrintedRunbook | None
    now: Fingerprint
    asked: str = ""  # id of the copy on paper that was asked for; empty for the last written one
    details: tuple[str, ...] = ()  # the facts of those sections that are gone (-) or new (+), a line each

    @property
    def sentence(self) -> str:
        """One line for a person."""
        if self.printed is None and self.asked:
            return f"UNKNOWN: this host has no record of a runbook {self.asked}. Print the present one: bootkeep runbook --write"
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


def make_runbook(
    source: Host | CheckResult,
    policy: Policy,
    *,
    generated_at: str | None = None,
    paper: PaperFacts | None = None,
) -> Runbook:
    """The runbook of a host, or of a check that was made already. ``paper`` is taken from the host when nobody brings it."""
    result = source if isinstance(source, CheckResult) else check(source, policy)
    if paper is None:
        paper = PAPER_NOT_TAKEN if isinstance(source, CheckResult) else paper_facts(source)
    return compose(result.state, result.verdict, policy, generated_at=generated_at or now_utc(), paper=paper)


def paper_facts(host: Host, store: Path | None = None, *, deadline_s: float = 60.0) -> PaperFacts:
    """What only the page needs: partition tables, package files with their digests, and the last transaction of a store."""
    transactions: tuple[Transaction, ...] = ()
    if store is not None:
        try:
            transactions = Store(store).newest(5)
        except BootkeepError:
            transactions = ()  # a damaged store is told by other commands; the page goes without
    return assemble_paper(collect(host, PAPER_PROBES, deadline_s=deadline_s), transactions)


def refresh_runbook(host: Host, result: CheckResult, policy: Policy, root: Path) -> RunbookFreshness | None:
    """Write text and HTML again when the facts have moved since they were written; what moved, None when nothing did.

    For the worker after a transaction. A host on which nobody has ever written a runbook gets its first one. Facts that could
    not be read this time change nothing: a paper that knows them is worth more than a newer one that does not.
    """
    folder = root / RUNBOOK_FOLDER
    fresh = runbook_freshness(result, policy, folder)
    if fresh.freshness is Freshness.FRESH or (fresh.printed is not None and fresh.unread):
        return None
    made = make_runbook(result, policy, paper=paper_facts(host, root / STORE_FOLDER))
    boot_copy = root / BOOT_COPY
    # Copies follow where somebody has put one: 'bootkeep runbook --write', or the Salt state.
    esps = [path for path in esp_copies_of(result, root) if path.exists()]
    write_runbook(made, folder, ("text", "html"), boot_copy=boot_copy if boot_copy.exists() else None, esp_copies=esps)
    (folder / "runbook.pdf").unlink(
        missing_ok=True
    )  # an older one beside a newer text is the page that somebody prints
    return fresh


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
    esp_copies: Sequence[Path] = (),
) -> Written:
    """Write the forms and the fingerprint; the fingerprint last, so that it never speaks for a page that is not there.

    A PDF engine that is not installed costs the PDF only. ``boot_copy`` is the text's second place (/boot/RUNBOOK.TXT); it is left
    out when the file system has no room to spare; ``esp_copies`` are further ones, for the UEFI shell's ``type``.
    Raises OSError with the old files in place when a form cannot be written.
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
    for copy in (*((boot_copy,) if boot_copy is not None else ()), *esp_copies):
        note = _write_boot_copy(runbook_text(runbook).encode("ascii"), copy)
        if note:
            notes.append(note)
        else:
            paths.append(copy)
    _remember(folder, runbook)
    remembered = _record(runbook)
    replace_file(folder / FINGERPRINT_FILE, (to_json(remembered, indent=2) + "\n").encode(), mode=0o600)
    return Written((*paths, folder / FINGERPRINT_FILE), tuple(notes))


def esp_copies_of(result: CheckResult, root: Path) -> tuple[Path, ...]:
    """Where the text goes on each EFI system partition that is mounted."""
    mounts = result.state.mounts if isinstance(result.state.mounts, tuple) else ()
    there = {mount.target for mount in mounts}
    targets = [esp.target for esp in layout_of(result.state).esps if esp.target in there]
    return tuple(root / target.lstrip("/") / Path(BOOT_COPY).name for target in targets)


def _record(runbook: Runbook) -> PrintedRunbook:
    return PrintedRunbook(
        runbook.document_id, runbook.generated_at, runbook.host, runbook.fingerprint, facts=runbook.facts
    )


def _remember(folder: Path, runbook: Runbook) -> None:
    """Keep the fingerprint under the document's id: a copy on paper lives longer than the file it was printed from."""
    kept = private_folder(folder / KNOWN_FOLDER)
    known = _record(runbook)
    replace_file(kept / f"{runbook.document_id}.json", (to_json(known, indent=2) + "\n").encode(), mode=0o600)
    files = sorted(kept.glob("RB-*.json"), key=lambda path: path.stat().st_mtime_ns)
    for path in files[:-_KNOWN]:
        path.unlink(missing_ok=True)


def printed_freshness(source: Host | CheckResult, policy: Policy, folder: Path, document_id: str) -> RunbookFreshness:
    """Does the copy on paper with this id still describe the host? An id that this host never wrote: UNKNOWN."""
    result = source if isinstance(source, CheckResult) else check(source, policy)
    now = fingerprint_of(result.state, policy)
    printed = None
    if re.fullmatch(r"RB-[0-9A-F]{8}", document_id):
        try:
            printed = from_json(
                PrintedRunbook, (folder / KNOWN_FOLDER / f"{document_id}.json").read_bytes(), where=document_id
            )
        except (FileNotFoundError, NotUnderstood):
            printed = None
    freshness, moved = compare_fingerprints(printed.fingerprint if printed else None, now)
    return RunbookFreshness(
        freshness, moved, now.unread, printed, now, document_id, _details(printed, result, policy, moved)
    )


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
    return RunbookFreshness(
        freshness, moved, now.unread, printed, now, details=_details(printed, result, policy, moved)
    )


def _details(
    printed: PrintedRunbook | None, result: CheckResult, policy: Policy, moved: tuple[str, ...]
) -> tuple[str, ...]:
    """Which facts moved, in words."""
    if printed is None or not moved:
        return ()
    return moved_in_words(printed.facts, facts_in_words(result.state, policy), moved)
