"""The store's rows as pages, and the commands: on a real store of both kinds."""

from __future__ import annotations

import contextlib
import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import typer
from typer.testing import CliRunner

from bootkeep.cli import fleet as command
from bootkeep.facts.fleet_overview import Pending
from bootkeep.facts.runbook import Freshness
from bootkeep.fleet.pages import write_pages
from bootkeep.fleet.rows import HostStatus
from bootkeep.fleet.serve import PageServer
from bootkeep.fleet.store import FleetStore
from bootkeep.fleet.store_pages import StorePages
from bootkeep.fleet.writing import Writer
from bootkeep.reports.html import render_html
from unit.compare.example_host import TRANSACTION, VERDICT
from unit.reports.example_report import example_report

NOW = "2026-11-24T12:00:00Z"
DIGEST = "a" * 64


def fill(writer: Writer, *hosts: str) -> None:
    """Hosts with one transaction each, reported, with a runbook."""
    for host in hosts:
        writer.save_transaction(host, TRANSACTION, {"post": VERDICT}, digest=DIGEST, now=NOW)
        writer.save_report(host, TRANSACTION.id, example_report(), digest=DIGEST, now=NOW)
        writer.save_runbook(
            host, "RB-1A2B3C4D", f"RESCUE RUNBOOK  {host}\n  second line\n", generated_at=NOW, fingerprint="{}", now=NOW
        )
        status = HostStatus(
            system="Debian GNU/Linux 12 (bookworm)",
            running_kernel="6.1.0-55-amd64",
            default_kernel="6.1.0-56-amd64",
            reboot_pending=True,
            runbook_state="STALE",
            waiting=2,
        )
        writer.save_status(host, status, NOW)


def test_what_is_stored_is_what_is_shown(store: FleetStore, tmp_path: Path) -> None:
    """Overview, host, runbook, and the transaction by the renderer of the host's own report."""
    with store.writing() as writer:
        fill(writer, "web01", "web02")
        writer.saw("new01", NOW)
        writer.raise_alert("web02", "hook-missed", "k", "packages changed", now=NOW)
    source = StorePages(store, now=NOW)
    new, web, missed = source.hosts()
    assert (new.verdict, new.runbook, new.reboot_pending) == ("UNKNOWN", Freshness.UNKNOWN, Pending.UNKNOWN)
    assert (web.verdict, web.runbook, web.reboot_pending) == (VERDICT.judgement.value, Freshness.STALE, Pending.YES)
    assert missed.hook_missed_at == NOW and not web.hook_missed_at
    (first, _) = source.transactions()
    assert first.changes and first.weakened == example_report().weakened
    write_pages(source, tmp_path / "site", now=NOW)
    overview = (tmp_path / "site/index.html").read_text()
    assert "2 hosts" in overview and "hook missed" in overview and "6.1.0-55-amd64" in overview
    page = (tmp_path / f"site/hosts/web01/t-{TRANSACTION.id}.html").read_text()
    own = render_html(example_report())
    assert own.partition("<main>")[2] in page  # the same page, with the way back on top
    assert "RESCUE RUNBOOK  web01\n  second line\n" in (tmp_path / "site/hosts/web01/runbook.html").read_text()
    assert write_pages(StorePages(store, now=NOW), tmp_path / "site", now=NOW).written == 0


def test_a_new_state_of_a_transaction_is_a_new_page(store: FleetStore, tmp_path: Path) -> None:
    """The settled look, or the one after the boot, says more."""
    with store.writing() as writer:
        fill(writer, "web01")
    write_pages(StorePages(store, now=NOW), tmp_path / "site", now=NOW)
    later = replace(example_report(), summary="Something else happened")
    with store.writing() as writer:
        writer.save_transaction("web01", TRANSACTION, {"post": VERDICT}, digest="b" * 64, now=NOW)
        writer.save_report("web01", TRANSACTION.id, later, digest="b" * 64, now=NOW)
    done = write_pages(StorePages(store, now=NOW), tmp_path / "site", now=NOW)
    assert done.written >= 4
    assert "Something else happened" in (tmp_path / f"site/hosts/web01/t-{TRANSACTION.id}.html").read_text()
    with store.writing() as writer:
        writer.forget_transactions("web01", [TRANSACTION.id])
    assert write_pages(StorePages(store, now=NOW), tmp_path / "site", now=NOW).removed >= 2


@pytest.fixture
def app() -> typer.Typer:
    """The group alone."""
    made = typer.Typer()
    command.register(made)
    made.command("other")(lambda: None)
    return made


def test_the_command_writes_and_says_how_many(app: typer.Typer, tmp_path: Path) -> None:
    """Then again, as data."""
    dsn = f"sqlite:///{tmp_path}/store/fleet.sqlite"
    with contextlib.closing(FleetStore.open(dsn)) as store, store.writing() as writer:
        fill(writer, "web01")
    argv = ["fleet", "pages", str(tmp_path / "site"), "--store", dsn]
    done = CliRunner().invoke(app, argv)
    assert done.exit_code == 0, done.output
    assert "pages written" in done.output
    again = json.loads(CliRunner().invoke(app, [*argv, "--json"]).stdout)
    assert again["written"] <= 1 and again["kept"] >= 6


def test_mistakes_are_said_plainly(app: typer.Typer, tmp_path: Path) -> None:
    """No store, no group, no pages: exit code 5 and what to do."""
    dsn = f"sqlite:///{tmp_path}/none/fleet.sqlite"
    for argv, words in (
        (["pages", str(tmp_path / "site"), "--store", dsn], "bootkeep fleet init"),
        (["pages", str(tmp_path / "site"), "--store", dsn, "--readable-by", "nosuchgroup"], "no group"),
        (["pages", str(tmp_path / "site"), "--store", "mysql://x/y"], "cannot be kept in mysql"),
        (["serve", str(tmp_path)], "bootkeep fleet pages"),
    ):
        done = CliRunner().invoke(app, ["fleet", *argv])
        assert done.exit_code == 5, done.output
        assert words in done.output + done.stderr


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PageServer]:
    """Pages on loopback."""
    (tmp_path / "site/.bootkeep").mkdir(parents=True)
    (tmp_path / "site/hosts/a~1").mkdir(parents=True)
    (tmp_path / "site/index.html").write_text("<p>first")
    (tmp_path / "site/hosts/a~1/index.html").write_text("<p>host")
    (tmp_path / "site/.bootkeep/manifest.json").write_text("{}")
    (tmp_path / "secret.html").write_text("secret")
    (tmp_path / "site/link.html").symlink_to(tmp_path / "secret.html")
    with PageServer(tmp_path / "site") as one:
        thread = threading.Thread(target=one.serve_forever, args=(0.02,))
        thread.start()
        yield one
        one.shutdown()
        thread.join()


def ask(server: PageServer, way: str, host: str = "") -> tuple[int, bytes, dict[str, str]]:
    """One request, the path as it is."""
    port = server.server_address[1]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.putrequest("GET", way, skip_host=True)
    connection.putheader("Host", host or f"127.0.0.1:{port}")
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body, dict(answer.headers)


def test_the_quick_look_shows_pages_and_nothing_else(server: PageServer, tmp_path: Path) -> None:
    """Only with the word, only under this name, only our pages."""
    base = f"/{server.word}"
    assert urlsplit(server.address).hostname == "127.0.0.1"
    status, body, headers = ask(server, f"{base}/index.html")
    assert (status, body) == (200, b"<p>first")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert ask(server, f"{base}/hosts/a~1/index.html")[0] == 200
    assert ask(server, f"{base}/")[0] == 200
    for way in (
        "/index.html", "/wrong/index.html", f"{base}/../secret.html", f"{base}/%2e%2e/secret.html", f"{base}/link.html",
        f"{base}/.bootkeep/manifest.json", f"{base}/hosts", f"{base}/hosts/", f"{base}//etc/passwd", f"{base}/hosts/../index.html",
        f"{base}/index.html%00", "/%ff/index.html",
    ):  # fmt: skip
        status, body, _ = ask(server, way)
        assert status == 404, way
        assert b"secret" not in body
    assert ask(server, f"{base}/index.html", host="evil.example.com")[0] == 404
