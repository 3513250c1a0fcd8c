"""Making, writing and checking the runbook, with real files and the real PDF engine."""

from __future__ import annotations

import builtins
import html
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pypdf
import pytest

from bootkeep.edges.host import RecordedHost
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.paper import LastTransaction, PackageInHand, PaperFacts, PartitionTable
from bootkeep.facts.reading import Readings
from bootkeep.facts.runbook import Freshness, Runbook
from bootkeep.facts.unknown import Unknown
from bootkeep.flows.check import CheckResult
from bootkeep.flows.printed import printed_is_current
from bootkeep.flows.runbook import (
    RUNBOOK_FOLDER,
    esp_copies_of,
    make_runbook,
    printed_freshness,
    refresh_runbook,
    render_runbook,
    runbook_freshness,
    write_runbook,
)
from bootkeep.reports.runbook_text import page_codes, text_checksum
from unit.runbook.gates import check_pdf
from unit.runbook.machines import AT, GO, POLICY, bios_plain
from unit.runbook.stacked_machines import MACHINES


def result(state: BootState) -> CheckResult:
    return CheckResult(state, GO, Readings())


def made(name: str = "bios-plain") -> Runbook:
    return make_runbook(result(MACHINES[name]()), POLICY, generated_at=AT)


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_every_command_is_in_the_pdf_as_it_is_typed(name: str, tmp_path: Path) -> None:
    runbook = made(name)
    path = tmp_path / "runbook.pdf"
    path.write_bytes(render_runbook(runbook, "pdf"))
    pages = len(pypdf.PdfReader(path).pages)
    assert pages <= 12
    told = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, text=True, check=True).stdout  # noqa: TID251
    check_pdf(runbook, told.split("\f"))
    assert runbook.fingerprint.short in told
    assert f"page {pages} of {pages}" in told
    assert squeezed("NEVER without the approver") in squeezed(told)
    assert not set("\u2013\u2014\u2018\u2019\u201c\u201d\ufb01\ufb02\u2026") & set(told)


def test_the_pdf_has_the_same_bytes_twice_and_fits_both_papers() -> None:
    runbook = made("uefi-esp")
    first = render_runbook(runbook, "pdf")
    assert first == render_runbook(runbook, "pdf")
    letter = render_runbook(runbook, "pdf", paper="letter")
    assert letter != first
    assert letter.startswith(b"%PDF")


def test_hostile_names_stay_text_in_the_pdf(tmp_path: Path) -> None:
    state = bios_plain()
    state = replace(state, identity=replace(state.identity, hostname='#panic("x") *y* $z$ \\ "', vendor="#let a = 1"))
    path = tmp_path / "x.pdf"
    path.write_bytes(render_runbook(make_runbook(result(state), POLICY, generated_at=AT), "pdf"))
    told = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, text=True, check=True).stdout  # noqa: TID251
    assert '#panic("x") *y* $z$ \\ "' in told


def test_html_stands_alone_and_escapes() -> None:
    state = bios_plain()
    state = replace(state, identity=replace(state.identity, hostname="<script>alert(1)</script>"))
    page = render_runbook(make_runbook(result(state), POLICY, generated_at=AT), "html").decode()
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=\"(?!#)", page)
    assert "url(" not in page
    for step in made().steps():
        for line in step.step.command:
            escaped = html.escape(line)
            assert escaped in render_runbook(made(), "html").decode()


def test_the_page_tells_what_is_in_hand_and_how_the_disks_were_cut() -> None:
    paper = PaperFacts(
        (PartitionTable("QM00001", ("label: gpt", "label-id: 0A", "unit: sectors", "1 : start=2048, size=20480")),),
        (PackageInHand("/var/cache/apt/archives/linux-image-x_1_amd64.deb", 70_000_000, "ab" * 32),),
        LastTransaction("20261123T170312Z-0badcafe", AT, "done", "apt-get upgrade", ("linux-image-x 1 -> 2",)),
    )
    text = render_runbook(make_runbook(result(bios_plain()), POLICY, generated_at=AT, paper=paper), "text").decode()
    assert "QM00001\n    label: gpt / label-id: 0A\n    1 : start=2048, size=20480\n" in text
    assert "linux-image-x_1_amd64.deb" in text
    assert "ab" * 32 in text
    assert "linux-image-x 1 -> 2" in text
    # None of it decides whether the paper is fresh.
    assert runbook_id(paper) == runbook_id(PaperFacts())


def runbook_id(paper: PaperFacts) -> str:
    return make_runbook(result(bios_plain()), POLICY, generated_at=AT, paper=paper).document_id


def test_a_page_of_another_paper_is_told_by_its_code(tmp_path: Path) -> None:
    text = render_runbook(made(), "text").decode()
    checksum = text_checksum(text)
    assert re.fullmatch("[0-9a-f]{64}", checksum)
    assert text_checksum(text.replace("web1", "web2")) == ""
    other = text_checksum(render_runbook(made("uefi-esp"), "text").decode())
    assert set(page_codes(checksum)) != set(page_codes(other))
    path = tmp_path / "runbook.pdf"
    path.write_bytes(render_runbook(made(), "pdf"))
    pages = [page.extract_text() for page in pypdf.PdfReader(path).pages]
    for number, page in enumerate(pages, start=1):
        code = page_codes(checksum)[number - 1]
        assert f"page {number} of {len(pages)}  code {code}" in page
        assert f"{number} {code}" in " ".join(pages[0].split())


def test_a_copy_on_paper_is_asked_for_by_its_id(tmp_path: Path) -> None:
    before = result(bios_plain())
    old = make_runbook(before, POLICY, generated_at=AT)
    write_runbook(old, tmp_path, ["text"])
    later = result(replace(bios_plain(), root_locked=False))
    new = make_runbook(later, POLICY, generated_at=AT)
    write_runbook(new, tmp_path, ["text"])
    assert printed_freshness(later, POLICY, tmp_path, new.document_id).freshness is Freshness.FRESH
    answer = printed_freshness(later, POLICY, tmp_path, old.document_id)
    assert (answer.freshness, answer.moved) == (Freshness.STALE, ("root-lock",))
    for unknown in ("RB-00000000", "../../etc/passwd", ""):
        assert printed_freshness(later, POLICY, tmp_path, unknown).freshness is Freshness.UNKNOWN
    # Which copy lies in the binder is no fact of the host: recording it makes nothing stale.
    recorded = replace(POLICY, site=replace(POLICY.site, printed_runbook=new.document_id))
    assert printed_freshness(later, recorded, tmp_path, new.document_id).freshness is Freshness.FRESH


def test_the_copy_in_the_binder_is_judged_by_its_id(tmp_path: Path) -> None:
    before, after = result(bios_plain()), result(replace(bios_plain(), root_locked=False))
    old = make_runbook(before, POLICY, generated_at=AT)
    write_runbook(old, tmp_path / RUNBOOK_FOLDER, ["text"])
    assert printed_is_current(old.document_id, POLICY, root=tmp_path, result=before).ok
    stale = printed_is_current(old.document_id, POLICY, root=tmp_path, result=after)
    assert not stale.ok
    assert "root-lock" in stale.comment
    new = make_runbook(after, POLICY, generated_at=AT)
    assert f"Print {new.document_id}" in stale.comment
    nothing = printed_is_current("", POLICY, root=tmp_path, result=after)
    assert not nothing.ok
    assert new.document_id in nothing.comment
    # Somebody's new telephone number: good enough, unless one says otherwise.
    other = replace(POLICY, people=())
    assert printed_is_current(old.document_id, other, root=tmp_path, result=before).ok
    assert not printed_is_current(old.document_id, other, root=tmp_path, result=before, minor=False).ok


def test_the_worker_writes_again_only_when_facts_moved(tmp_path: Path) -> None:
    host = RecordedHost("web1", Readings())
    folder = tmp_path / RUNBOOK_FOLDER
    assert refresh_runbook(host, result(bios_plain()), POLICY, tmp_path) is not None
    first = (folder / "runbook.txt").stat().st_mtime_ns
    (folder / "runbook.pdf").write_bytes(b"%PDF of the older text")
    assert refresh_runbook(host, result(bios_plain()), POLICY, tmp_path) is None
    assert (folder / "runbook.txt").stat().st_mtime_ns == first
    # What could not be read this time is no reason to forget what the paper knows.
    assert refresh_runbook(host, result(replace(bios_plain(), kernels=Unknown("denied"))), POLICY, tmp_path) is None
    moved = refresh_runbook(host, result(replace(bios_plain(), root_locked=False)), POLICY, tmp_path)
    assert moved is not None
    assert moved.moved == ("root-lock",)
    assert (folder / "runbook.txt").stat().st_mtime_ns != first
    assert not (folder / "runbook.pdf").exists()


def test_written_then_fresh_then_stale_then_invalid(tmp_path: Path) -> None:
    folder, boot = tmp_path / "runbook", tmp_path / "boot"
    boot.mkdir()
    assert runbook_freshness(result(bios_plain()), POLICY, folder).freshness is Freshness.UNKNOWN
    done = write_runbook(made(), folder, boot_copy=boot / "RUNBOOK.TXT")
    assert done.notes == ()
    assert sorted(path.name for path in folder.iterdir()) == [
        "fingerprint.json",
        "known",
        "runbook.html",
        "runbook.pdf",
        "runbook.txt",
    ]
    assert (boot / "RUNBOOK.TXT").read_text() == (folder / "runbook.txt").read_text()
    assert all(path.stat().st_mode & 0o077 == 0 for path in done.paths)
    assert runbook_freshness(result(bios_plain()), POLICY, folder).freshness is Freshness.FRESH
    moved = replace(bios_plain(), kernels=())
    told = runbook_freshness(result(moved), POLICY, folder)
    assert told.moved == ("kernels",) and told.details and all(row.startswith("kernels - 6.1.") for row in told.details)
    assert runbook_freshness(result(moved), POLICY, folder).freshness is Freshness.STALE
    assert runbook_freshness(result(MACHINES["uefi-esp"]()), POLICY, folder).freshness is Freshness.INVALID


def test_the_text_goes_to_every_mounted_esp(tmp_path: Path) -> None:
    seen = result(MACHINES["mirror-two-esps"]())
    copies = esp_copies_of(seen, tmp_path)
    assert [str(path.relative_to(tmp_path)) for path in copies] == ["boot/efi/RUNBOOK.TXT", "boot/efi2/RUNBOOK.TXT"]
    (tmp_path / "boot/efi").mkdir(parents=True)
    done = write_runbook(made("mirror-two-esps"), tmp_path / "runbook", ["text"], esp_copies=copies)
    assert copies[0].read_bytes() == (tmp_path / "runbook/runbook.txt").read_bytes()
    assert [note for note in done.notes if "efi2" in note]  # not there: said, and the rest is written
    assert esp_copies_of(result(bios_plain()), tmp_path) == ()


def test_a_damaged_record_or_lost_pages_are_never_fresh(tmp_path: Path) -> None:
    write_runbook(made(), tmp_path, ["text"])
    (tmp_path / "runbook.txt").unlink()
    assert runbook_freshness(result(bios_plain()), POLICY, tmp_path).freshness is Freshness.UNKNOWN
    (tmp_path / "fingerprint.json").write_text('{"schema": 1, "finger')
    answer = runbook_freshness(result(bios_plain()), POLICY, tmp_path)
    assert answer.freshness is Freshness.UNKNOWN
    assert answer.printed is None


def test_without_the_engine_the_pdf_is_left_out_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        if name in {"typst", "segno"}:
            raise ImportError(f"No module named {name!r}")
        return real(name, globals, locals, fromlist or (), level)

    (tmp_path / "runbook.pdf").write_bytes(b"an older one")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(BootkeepError, match=r"bootkeep\[pdf\]"):
        render_runbook(made(), "pdf")
    done = write_runbook(made(), tmp_path)
    assert any("typst is not installed" in note for note in done.notes)
    assert not (tmp_path / "runbook.pdf").exists()
    assert (tmp_path / "runbook.txt").exists()


def test_an_unknown_form_is_an_error_to_act_on() -> None:
    with pytest.raises(BootkeepError, match="text, html, pdf"):
        render_runbook(made(), "docx")


def test_no_place_on_boot_is_a_note_and_no_failure(tmp_path: Path) -> None:
    done = write_runbook(made(), tmp_path, ["text"], boot_copy=tmp_path / "no-such" / "RUNBOOK.TXT")
    assert any("no copy at" in note for note in done.notes)
    assert (tmp_path / "fingerprint.json").exists()
