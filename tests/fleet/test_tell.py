"""``bootkeep fleet tell`` from the store to a real mail server, and the policy from pillar to its file."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner

from bootkeep.cli import fleet as command
from bootkeep.edges.messages_config import load_messages
from bootkeep.facts.codec import to_plain
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.finding import Finding, Judgement, Severity, Verdict
from bootkeep.facts.notice import MessagePolicy, NoticeKind
from bootkeep.fleet.rows import HostStatus
from bootkeep.fleet.store import FleetStore
from bootkeep.flows.messages import messages_configured
from conftest import CHECKOUT
from fleet.receivers import mail_server, policy_of, smtp
from unit.compare.example_host import TRANSACTION
from unit.reports.example_report import example_report

EXAMPLE = yaml.safe_load((CHECKOUT / "pillar/bootkeep/messages.sls").read_text())["bootkeep"]["messages"]
FULL = Finding("boot-space-low", "B05", Severity.AT_RISK, "/boot has 12 MiB left: the next initramfs does not fit")


@pytest.fixture
def dsn(tmp_path: Path) -> str:
    """Three hosts that must not be rebooted, with the same weakening; one of them missed a hook, one has no runbook."""
    from bootkeep.edges.clock import now_utc

    dsn, now = f"sqlite:///{tmp_path}/store/fleet.sqlite", now_utc()
    with contextlib.closing(FleetStore.open(dsn)) as store, store.writing() as writer:
        for host in ("web01", "web02", "web03"):
            verdict = Verdict(Judgement.NO_GO, (FULL,))
            writer.save_transaction(host, TRANSACTION, {"post": verdict}, digest="a" * 64, now=now)
            writer.save_report(host, TRANSACTION.id, example_report(), digest="a" * 64, now=now)
            writer.raise_alert(host, "no-go", TRANSACTION.id, f"{host}: {verdict.sentence}", now=now, id=TRANSACTION.id)
            if host != "web03":
                writer.save_runbook(host, "RB-1", "text", generated_at=now, fingerprint="{}", now=now)
            writer.save_status(host, HostStatus(runbook_state="FRESH"), now)
        writer.raise_alert("web02", "hook-missed", "k", "packages changed", now=now)
    return dsn


def run_command(*argv: str) -> Any:
    """The group's command."""
    app = typer.Typer()
    command.register(app)
    app.command("other")(lambda: None)
    return CliRunner().invoke(app, ["fleet", "tell", *argv])


def written(tmp_path: Path, policy: MessagePolicy) -> str:
    """The policy's file."""
    path = tmp_path / "messages.json"
    messages_configured(path, to_plain(policy))
    return str(path)


def test_from_the_store_to_the_mailbox(dsn: str, tmp_path: Path) -> None:
    """Shown first, then sent, then nobody is told again; the alerts of the store are told."""
    with mail_server() as (box, address):
        policy = written(tmp_path, policy_of(smtp(address), overdue_days=0.0))
        argv = ("--store", dsn, "--policy", policy, "--outbox", str(tmp_path / "outbox.sqlite"))
        shown = run_command(*argv, "--dry-run")
        assert shown.exit_code == 0 and box.mails == []
        done = run_command(*argv, "--json")
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["sent"] == 1
        again = run_command(*argv, "--json")
        assert json.loads(again.stdout) == {"noted": 0, "sent": 0, "failed": 0, "waiting": 0}
        assert run_command(*argv, "--try", "mail").exit_code == 0
    (_, message), (_, trial) = box.mails
    assert message["Subject"].startswith("NO-GO: 3 hosts; hook missed: web02; security weakened: 3 hosts")
    assert message["Subject"] in shown.output
    text = message.get_content().replace("\r\n", "\n")
    assert text.startswith("NO-GO: do not reboot\n  3 hosts: /boot has 12 MiB left: the next initramfs does not fit\n")
    assert "openssh-server" in text and "web03: no runbook" in text
    assert "test message" in trial["Subject"]
    with contextlib.closing(FleetStore.open(dsn)) as store:
        assert store.alerts(untold=True) == ()
    listed = run_command(*argv, "--list")
    assert "sent" in listed.output and "ada@example.com" in listed.output


def test_a_dead_server_is_exit_code_1_and_said(dsn: str, tmp_path: Path) -> None:
    """With the reason, and nothing lost."""
    policy = written(tmp_path, policy_of(smtp("127.0.0.1:1", secret="s3cr3t")))
    argv = ("--store", dsn, "--policy", policy, "--outbox", str(tmp_path / "outbox.sqlite"))
    done = run_command(*argv)
    assert done.exit_code == 1 and "1 not taken" in done.output
    listed = run_command(*argv, "--list")
    assert "failed" in listed.output and "refused" in listed.output.lower()
    assert run_command(*argv, "--try", "mail").exit_code == 5
    assert run_command(*argv, "--try", "nosuch").exit_code == 5
    assert "s3cr3t" not in done.output + listed.output


def test_the_example_of_the_pillar_is_a_policy(tmp_path: Path) -> None:
    """Written once, for root only, whatever the umask; the second time nothing changes."""
    path = tmp_path / "etc" / "messages.json"
    old = os.umask(0)
    try:
        first = messages_configured(path, EXAMPLE, dry_run=True)
        assert first.changes and not path.exists()
        assert messages_configured(path, EXAMPLE).changes
    finally:
        os.umask(old)
    assert oct(path.stat().st_mode & 0o777) == "0o600"
    assert not messages_configured(path, EXAMPLE).changes
    policy = load_messages(path)
    assert [rule.name for rule in policy.rules] == ["what must not be rebooted", "weakened web hosts", "paper"]
    assert policy.rules[0].kinds == (NoticeKind.NO_GO, NoticeKind.HOOK_MISSED)
    assert policy.destinations[0].tls == "starttls"
    path.chmod(0o644)
    with pytest.raises(BootkeepError, match="anybody may read"):
        load_messages(path)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"rules": [{"name": "a", "to": ["nobody"]}]}, "is no destination"),
        ({"rules": [{"name": "a", "to": []}]}, "tells nobody"),
        ({"rules": [{"name": "a", "to": ["x"], "kinds": ["go"]}]}, "go"),
        ({"destinations": [{"name": "x", "kind": "pigeon", "address": "y"}]}, "smtp or webhook"),
        ({"destinations": [{"name": "x", "kind": "smtp", "address": "h:25"}]}, "needs 'to' and 'sender'"),
        ({"destinations": [{"name": "x", "kind": "webhook", "address": "h", "secret": 5, "per_hour": 0}]}, "secret"),
    ],
)
def test_a_wrong_policy_is_said_before_it_is_written(wrong: dict[str, Any], words: str, tmp_path: Path) -> None:
    """Not on the day when somebody should be told."""
    with pytest.raises(BootkeepError, match=words):
        messages_configured(tmp_path / "messages.json", wrong)
    assert not (tmp_path / "messages.json").exists()


def test_no_policy_tells_nobody(dsn: str, tmp_path: Path) -> None:
    """bootkeep sends nothing anywhere until somebody says so."""
    nothing = tmp_path / "none.json"
    nothing.touch(0o600)
    nothing.write_text("{}")
    done = run_command("--store", dsn, "--policy", str(nothing), "--outbox", str(tmp_path / "o.sqlite"), "--json")
    assert json.loads(done.stdout) == {"noted": 0, "sent": 0, "failed": 0, "waiting": 0}
