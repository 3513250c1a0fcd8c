"""Every command that the documentation shows for a master, run: `bootkeep fleet ...` on a filled store, `salt-run` by name."""

from __future__ import annotations

import ast
import contextlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bootkeep.cli import fleet as command
from bootkeep.edges import messages_config
from bootkeep.facts.codec import to_plain
from bootkeep.fleet import serve
from bootkeep.fleet.rows import HostStatus
from bootkeep.fleet.store import FleetStore
from bootkeep.flows.messages import messages_configured
from conftest import CHECKOUT
from fleet.receivers import mail_server, policy_of, smtp
from unit.compare.example_host import TRANSACTION, VERDICT
from unit.reports.example_report import example_report

NOW = "2026-11-24T12:00:00Z"
FENCE = re.compile(r"(?ms)^```sh master\n(.*?)^```")
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]
SHOWN = [
    (path.stem, line.strip())
    for path in PAGES
    for block in FENCE.findall(path.read_text(encoding="utf-8"))
    for line in block.splitlines()
    if line.strip() and not line.startswith("#")
]
FLEET = [one for one in SHOWN if one[1].startswith("bootkeep fleet ")]


def test_there_are_commands() -> None:
    """A pattern that finds nothing tests nothing."""
    assert len(FLEET) >= 6


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A master's folder: store, policy, a mail server."""
    root = tmp_path_factory.mktemp("documented")
    with contextlib.closing(FleetStore.open(f"sqlite:///{root}/fleet.sqlite")) as store, store.writing() as writer:
        for host in ("web01", "web02", "db01"):
            writer.save_transaction(host, TRANSACTION, {"post": VERDICT}, digest="a" * 64, now=NOW)
            writer.save_report(host, TRANSACTION.id, example_report(), digest="a" * 64, now=NOW)
            writer.save_runbook(host, "RB-1", "RESCUE\n", generated_at=NOW, fingerprint="{}", now=NOW)
            writer.save_status(host, HostStatus(runbook_state="FRESH"), NOW)
    with mail_server() as (_, address):
        policy = policy_of(smtp(address))
        plain = to_plain(policy)
        plain["destinations"][0]["name"], plain["rules"][0]["to"] = "on-call", ["on-call"]
        messages_configured(root / "messages.json", plain)
        yield root


@pytest.mark.parametrize(("page", "text"), FLEET, ids=[f"{page}: {text}" for page, text in FLEET])
def test_the_command_does_what_a_reader_expects(
    page: str, text: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its options exist, and it ends well on a master that has a store and a policy."""
    argv = shlex.split(text)[1:]
    # Whatever a page writes to, here it is below the test's own folder: this machine is not that master.
    argv = [f"{place}{part}" if part.startswith("/") else part for part in argv]
    argv = [str(place / part) if part.endswith(".pdf") else part for part in argv]
    (place / "root").mkdir(exist_ok=True)
    (place / "var/lib/bootkeep-fleet").mkdir(parents=True, exist_ok=True)
    if argv[1] != "serve":
        argv += ["--store", f"sqlite:///{place}/fleet.sqlite"]
    if argv[1] == "tell":
        argv += ["--policy", str(place / "messages.json"), "--outbox", str(place / "outbox.sqlite")]
    if argv[1] == "serve":
        # Followed until Ctrl-C: ended after a moment.
        def stopped(server: serve.PageServer, _poll: float = 0.5) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(serve.PageServer, "serve_forever", stopped)
    app = typer.Typer()
    command.register(app)
    app.command("other")(lambda: None)
    done = CliRunner().invoke(app, argv)
    assert done.exit_code in {0, 1}, f"{page}: {text}\n{done.output}{done.stderr}"
    assert done.exception is None or isinstance(done.exception, SystemExit)


@pytest.mark.parametrize("text", sorted({text for _, text in SHOWN if text.startswith("salt-run ")}))
def test_the_runner_has_the_verb(text: str) -> None:
    """tests/fleet has a real master for what they do."""
    module, _, verb = text.split()[1].partition(".")
    if module != "bootkeep":
        return
    tree = ast.parse((CHECKOUT / "salt/_runners/bootkeep.py").read_text(encoding="utf-8"))
    assert verb in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_default_policy_is_where_the_state_writes_it() -> None:
    """Two places for one path would disagree some day."""
    text = (CHECKOUT / "salt/bootkeep/messages/init.sls").read_text(encoding="utf-8")
    assert str(messages_config.MESSAGES_PATH) in text
