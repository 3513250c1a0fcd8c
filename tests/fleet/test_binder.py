"""The binder, made of real machines' runbooks, and read back from the PDF."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path

import pytest
import typer
from pypdf import PdfReader
from typer.testing import CliRunner

from bootkeep.cli import fleet as command
from bootkeep.edges.run import run
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.fleet_overview import FleetHost
from bootkeep.facts.runbook import Freshness
from bootkeep.fleet.binder import collect_binder, render_binder
from bootkeep.fleet.rows import HostStatus
from bootkeep.fleet.store import FleetStore
from bootkeep.reports.binder import Binder, BinderEntry
from fleet.hostile import HOSTILE
from fleet.recorded import RecordedFleet, machines

NOW = "2026-11-24T12:00:00Z"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The text of each page, as it lies on the paper."""
    path = tmp_path_factory.mktemp("binder") / "book.pdf"
    path.write_bytes(render_binder(collect_binder(RecordedFleet(), ["web*"], now=NOW)))
    text = run(["pdftotext", "-layout", str(path), "-"], timeout_s=60).stdout
    return text.split("\f")[:-1]


def first_pages(pages: list[str]) -> dict[str, int]:
    """Host -> the page its runbook begins on."""
    found = {}
    for host, text in machines():
        if text:
            title = text.splitlines()[1].replace(" ", "")
            bare = [re.sub(r"\s+", "", page) for page in pages]
            found[host.id] = next(n for n, page in enumerate(bare, start=1) if host.id in page and title in page)
    return found


def test_every_line_of_every_runbook_is_in_it(pages: list[str]) -> None:
    """Also the last one, with the checksum."""
    whole = re.sub(r"\s+", "", "".join(pages))
    for host, text in machines():
        for line in text.splitlines():
            assert re.sub(r"\s+", "", line) in whole, f"{host.id}: {line}"


def test_each_host_begins_on_a_right_hand_page_that_the_contents_name(pages: list[str]) -> None:
    """So that its sheets can be taken out alone."""
    begins = first_pages(pages)
    assert len(begins) == 6
    assert all(number % 2 == 1 for number in begins.values())
    contents = next(page for page in pages if "Contents" in page)
    squeezed = re.sub(r"\s+", " ", contents.replace("\u200b", ""))
    for host, number in begins.items():
        assert re.search(rf"{re.escape(host[:30])}.*? {number}\b", squeezed), host
    assert all("sheet page" in page for page in pages)


def test_what_is_stale_or_missing_is_said_first(pages: list[str]) -> None:
    """On the cover, as a list, and on the page itself."""
    assert "4 of 7 runbooks are stale or missing" in re.sub(r"\s+", " ", pages[0])
    listed = re.sub(r"\s+", " ", pages[1])
    for words in ("stale: kernels", "INVALID: disks", "damaged: the checksum", "missing: the master has no copy"):
        assert words in listed
    damaged = first_pages(pages)[machines()[3][0].id]
    assert "Do not trust this copy." in pages[damaged - 1]


def test_a_good_binder_says_so() -> None:
    """No empty list."""
    host, text = machines()[0]
    entry = BinderEntry(host, text)
    content = render_binder(Binder((entry,), ("web*",), NOW), paper="letter")
    assert content.startswith(b"%PDF") and content == render_binder(Binder((entry,), ("web*",), NOW), paper="letter")


def test_hostile_texts_are_printed_as_texts(tmp_path: Path) -> None:
    """Markup of the typesetter, escape sequences, endless lines: all of it only ink."""
    evil = HOSTILE + '\n#read("/etc/passwd") *bold* $x$ @ref <label>\n' + "x" * 5000 + "\n\x1b]0;owned\x07\n"
    host = FleetHost('#panic("no")', runbook=Freshness.FRESH, runbook_id="#x", runbook_at="#y")
    path = tmp_path / "book.pdf"
    path.write_bytes(render_binder(Binder((BinderEntry(host, evil),), ("*",), NOW)))
    text = run(["pdftotext", str(path), "-"], timeout_s=60).stdout
    assert '#read("/etc/passwd")' in text and "root:" not in text and '#panic("no")' in text
    reader = PdfReader(path)
    assert "/JavaScript" not in str(reader.trailer["/Root"]) and len(reader.pages) < 10


def test_a_pattern_that_fits_nobody_is_an_error() -> None:
    """An empty binder would be filed."""
    with pytest.raises(BootkeepError, match="no host of the store fits"):
        collect_binder(RecordedFleet(), ["nosuch*"], now=NOW)


def test_the_command(tmp_path: Path) -> None:
    """From a store; exit code 1 says that something has to be printed again; the file is for root only."""
    dsn = f"sqlite:///{tmp_path}/store/fleet.sqlite"
    with contextlib.closing(FleetStore.open(dsn)) as store, store.writing() as writer:
        for host, text in machines():
            writer.saw(host.id, NOW)
            if text:
                writer.save_runbook(host.id, host.runbook_id, text, generated_at=NOW, fingerprint="{}", now=NOW)
                state = "FRESH" if host.runbook is Freshness.FRESH else "STALE"
                writer.save_status(host.id, HostStatus(runbook_state=state), NOW)
    app = typer.Typer()
    command.register(app)
    app.command("other")(lambda: None)
    argv = ["fleet", "print", "--store", dsn, "--pdf", str(tmp_path / "book.pdf"), "--hosts"]
    done = CliRunner().invoke(app, [*argv, "web-*", "--json"])
    assert done.exit_code == 1, done.output
    told = json.loads(done.stdout)
    assert told["hosts"] == 7 and len(told["stale_or_missing"]) == 4
    assert oct((tmp_path / "book.pdf").stat().st_mode & 0o777) == "0o600"
    good = CliRunner().invoke(app, [*argv, machines()[0][0].id])
    assert good.exit_code == 0, good.output
    assert CliRunner().invoke(app, [*argv, "nosuch"]).exit_code == 5
