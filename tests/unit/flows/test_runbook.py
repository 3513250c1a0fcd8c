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

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.reading import Readings
from bootkeep.facts.runbook import Freshness, Runbook
from bootkeep.flows.check import CheckResult
from bootkeep.flows.runbook import make_runbook, render_runbook, runbook_freshness, write_runbook
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
    lines = [line.strip() for line in told.splitlines()]
    for step in runbook.steps():
        for line in (*step.step.command, *step.step.undo):
            # One line on paper is one line here, its spaces included: the engine neither wrapped nor changed it.
            # Beside a short command stands what one should see, after a gap; before an undo stands its label.
            wanted = line.strip()
            assert any(
                have == wanted
                or have.endswith(" " + wanted)
                or have.startswith(wanted + "  ")
                or f"  {wanted}  " in have
                for have in lines
            ), (step.id, line)
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


def test_written_then_fresh_then_stale_then_invalid(tmp_path: Path) -> None:
    folder, boot = tmp_path / "runbook", tmp_path / "boot"
    boot.mkdir()
    assert runbook_freshness(result(bios_plain()), POLICY, folder).freshness is Freshness.UNKNOWN
    done = write_runbook(made(), folder, boot_copy=boot / "RUNBOOK.TXT")
    assert done.notes == ()
    assert sorted(path.name for path in folder.iterdir()) == [
        "fingerprint.json",
        "runbook.html",
        "runbook.pdf",
        "runbook.txt",
    ]
    assert (boot / "RUNBOOK.TXT").read_text() == (folder / "runbook.txt").read_text()
    assert all(path.stat().st_mode & 0o077 == 0 for path in done.paths)
    assert runbook_freshness(result(bios_plain()), POLICY, folder).freshness is Freshness.FRESH
    moved = replace(bios_plain(), kernels=())
    assert runbook_freshness(result(moved), POLICY, folder).moved == ("kernels",)
    assert runbook_freshness(result(moved), POLICY, folder).freshness is Freshness.STALE
    assert runbook_freshness(result(MACHINES["uefi-esp"]()), POLICY, folder).freshness is Freshness.INVALID


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
