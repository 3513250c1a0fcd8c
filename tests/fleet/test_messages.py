"""Messages: what is said, to whom, once, over every crash; through a real mail server and a real web server on loopback."""

from __future__ import annotations

import email
import email.policy
import http.server
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootkeep.edges.senders import send
from bootkeep.facts.fleet_overview import FleetChange, FleetHost, FleetTransaction
from bootkeep.facts.notice import Destination, MessagePolicy, Notice, NoticeKind, NoticeRule
from bootkeep.facts.runbook import Freshness
from bootkeep.fleet.notices import notices_of
from bootkeep.fleet.outbox import BACKOFF_S, Outbox, tell
from bootkeep.reports.message import compose_message
from fleet.hostile import HOSTILE
from fleet.receivers import Mailbox, mail_server, policy_of, smtp, web

NOW = "2026-11-24T12:00:00Z"
SSHD = FleetChange(
    "config-replaced", "/etc/ssh/sshd_config", "openssh-server", "sshd_config replaced by openssh-server", True
)


@pytest.fixture
def mail() -> Iterator[tuple[Mailbox, str]]:
    """A mail server, and its address."""
    with mail_server() as one:
        yield one


def weakened(number: int) -> FleetTransaction:
    """The issue's example, on one host."""
    return FleetTransaction(
        f"20261124T1000{number:02}Z-0000{number:04}",
        f"web{number:02}",
        f"2026-11-24T10:00:{number:02}Z",
        changes=(SSHD,),
    )


def fleet_notices(policy: MessagePolicy) -> list[Notice]:
    """37 hosts with the same weakening, one that must not be rebooted, one missed hook, one runbook overdue."""
    hosts = [FleetHost(f"web{n:02}", verdict="GO", runbook=Freshness.FRESH) for n in range(37)]
    hosts.append(
        FleetHost(
            "db01", verdict="NO-GO", verdict_sentence="NO-GO: /boot is full", verdict_at=NOW, runbook=Freshness.FRESH
        )
    )
    hosts.append(FleetHost("dns01", verdict="GO", runbook=Freshness.FRESH, hook_missed_at="2026-11-24T11:00:00Z"))
    hosts.append(
        FleetHost(
            "vpn01", verdict="GO", runbook=Freshness.STALE, runbook_id="RB-1", runbook_bad_since="2026-11-01T00:00:00Z"
        )
    )
    failed = FleetTransaction(
        "20261124T110000Z-00000001",
        "db01",
        "2026-11-24T11:00:00Z",
        verdict="NO-GO",
        verdict_sentence="NO-GO: /boot is full",
    )
    return list(notices_of(hosts, [*map(weakened, range(37)), failed], policy, now=NOW))


def test_the_same_change_on_37_hosts_is_one_line_of_one_mail(tmp_path: Path, mail: tuple[Mailbox, str]) -> None:
    """The verdict first, short, plain."""
    box, address = mail
    policy = policy_of(smtp(address), pages="https://fleet.example.com/")
    outbox = Outbox(tmp_path / "outbox.sqlite")
    done = tell(outbox, fleet_notices(policy), policy, clock=time.time)
    assert (done.noted, done.sent, done.failed, done.waiting) == (40, 1, 0, 0)
    ((recipient, message),) = box.mails
    assert recipient == "ada@example.com"
    assert message["Subject"] == "NO-GO: db01; hook missed: dns01; security weakened: 37 hosts; runbook overdue: vpn01"
    assert message["Auto-Submitted"] == "auto-generated"
    lines = message.get_content().splitlines()
    assert lines[0] == "NO-GO: do not reboot"
    assert lines[1] == "  db01: /boot is full"
    assert lines[2] == "    https://fleet.example.com/hosts/db01/t-20261124T110000Z-00000001.html"
    assert "  37 hosts: sshd_config replaced by openssh-server" in lines
    assert "    web00, web01, web02, web03, web04 and 32 more" in lines
    assert len(lines) < 20
    # Again, also by another process that sees the same store: nobody is told twice.
    again = tell(Outbox(tmp_path / "outbox.sqlite"), fleet_notices(policy), policy, clock=time.time)
    assert (again.noted, again.sent) == (0, 0)
    assert len(box.mails) == 1


def test_rules_say_who_is_told_what(tmp_path: Path, mail: tuple[Mailbox, str]) -> None:
    """By kind and by host; without a rule nobody is told anything."""
    box, address = mail
    ops, boss = smtp(address), replace(smtp(address, to=("boss@example.com", "deputy@example.com")), name="boss")
    rules = (
        NoticeRule("weak web hosts", ("mail",), (NoticeKind.WEAKENED,), ("web0*",)),
        NoticeRule("what must not be rebooted", ("boss", "mail"), (NoticeKind.NO_GO,)),
    )
    policy = MessagePolicy(rules, (ops, boss), gather_s=0)
    tell(Outbox(tmp_path / "o.sqlite"), fleet_notices(policy), policy, clock=time.time)
    texts = {recipient: message.get_content() for recipient, message in box.mails}
    assert set(texts) == {"ada@example.com", "boss@example.com", "deputy@example.com"}
    assert "  10 hosts: sshd_config" in texts["ada@example.com"]
    assert "sshd_config" not in texts["boss@example.com"]
    nobody = MessagePolicy((), (ops,), gather_s=0)
    assert tell(Outbox(tmp_path / "n.sqlite"), fleet_notices(nobody), nobody, clock=time.time).noted == 0


def test_only_four_things_are_worth_a_message() -> None:
    """GO, UNKNOWN, failed and refused transactions are on the pages."""
    policy = policy_of()
    hosts = [FleetHost("a", verdict="UNKNOWN", verdict_at=NOW, runbook=Freshness.STALE_MINOR)]
    some = [
        FleetTransaction("t", "a", "2026-11-24T11:00:00Z", outcome=o, verdict="UNKNOWN")
        for o in ("failed", "refused", "done")
    ]
    assert list(notices_of(hosts, some, policy, now=NOW)) == []
    old = [FleetTransaction("t", "a", "2026-01-24T11:00:00Z", verdict="NO-GO")]
    assert list(notices_of(hosts, old, policy, now=NOW)) == []
    stranger = [FleetTransaction("t", "nobody", "2026-11-24T11:00:00Z", verdict="NO-GO")]
    assert list(notices_of(hosts, stranger, policy, now=NOW)) == []


def test_an_overdue_runbook_is_said_once_a_week() -> None:
    """It does not go away by being told."""
    policy = policy_of(overdue_days=7)
    fresh_since = FleetHost("a", runbook=Freshness.STALE, runbook_bad_since="2026-11-20T00:00:00Z")
    overdue = replace(fresh_since, runbook_bad_since="2026-11-10T00:00:00Z")
    assert list(notices_of([fresh_since], [], policy, now=NOW)) == []
    ids = {one.id for day in range(23, 30) for one in notices_of([overdue], [], policy, now=f"2026-11-{day}T12:00:00Z")}
    assert len(ids) == 1  # Monday to Sunday
    assert len(ids | {one.id for one in notices_of([overdue], [], policy, now="2026-11-30T12:00:00Z")}) == 2


def test_a_server_that_is_down_loses_nothing(tmp_path: Path, mail: tuple[Mailbox, str]) -> None:
    """The message waits, longer each time, and goes when the server is back."""
    box, address = mail
    dead = policy_of(smtp("127.0.0.1:1"))
    outbox, moment = Outbox(tmp_path / "o.sqlite"), [1000.0]
    notices = fleet_notices(dead)
    first = tell(outbox, notices, dead, clock=lambda: moment[0])
    assert (first.sent, first.failed, first.waiting) == (0, 1, 1)
    assert "refused" in outbox.lines()[0].why.lower()
    assert tell(outbox, notices, dead, clock=lambda: moment[0]).failed == 0  # not in a hurry
    moment[0] += BACKOFF_S[0]
    alive = policy_of(smtp(address))
    assert tell(outbox, notices, alive, clock=lambda: moment[0]).sent == 1
    assert len(box.mails) == 1
    assert outbox.lines()[0].state == "sent"


def test_more_than_the_rate_goes_into_the_next_message(tmp_path: Path, mail: tuple[Mailbox, str]) -> None:
    """Two an hour: of 37 events one by one, two mails at once, the rest an hour later in one."""
    box, address = mail
    policy = policy_of(smtp(address, per_hour=2))
    outbox, moment = Outbox(tmp_path / "o.sqlite"), [5000.0]
    for number in range(37):
        host = FleetHost(f"web{number:02}", verdict="GO", runbook=Freshness.FRESH)
        tell(outbox, list(notices_of([host], [weakened(number)], policy, now=NOW)), policy, clock=lambda: moment[0])
        moment[0] += 1
    assert len(box.mails) == 2
    assert outbox.waiting() == 35
    moment[0] += 3600
    tell(outbox, [], policy, clock=lambda: moment[0])
    assert len(box.mails) == 3
    assert "35 hosts: sshd_config" in box.mails[2][1].get_content()
    assert outbox.waiting() == 0


def test_notices_wait_for_their_like(tmp_path: Path, mail: tuple[Mailbox, str]) -> None:
    """A wave of patching is one message; a clock that was set back keeps nobody waiting."""
    box, address = mail
    policy = policy_of(smtp(address), gather_s=60)
    outbox = Outbox(tmp_path / "o.sqlite")
    notices = fleet_notices(policy)
    tell(outbox, notices[:20], policy, clock=lambda: 1000.0)
    tell(outbox, notices[20:], policy, clock=lambda: 1030.0)
    assert box.mails == []
    tell(outbox, [], policy, clock=lambda: 1061.0)
    assert len(box.mails) == 1
    later = Notice(NoticeKind.NO_GO, "z", "k", "s", NOW, "t")
    tell(outbox, [later], policy, clock=lambda: 9000.0)
    tell(outbox, [], policy, clock=lambda: 2000.0)
    assert len(box.mails) == 2


def test_one_refused_recipient_does_not_cost_the_others(tmp_path: Path, mail: tuple[Mailbox, str]) -> None:
    """Each gets one mail, the unknown one stays in the outbox with the reason."""
    box, address = mail
    box.refuse["gone@example.com"] = "550 no such user secret-of-the-server"
    policy = policy_of(smtp(address, to=("ada@example.com", "gone@example.com", "ben@example.com")))
    outbox = Outbox(tmp_path / "o.sqlite")
    for _ in range(3):
        tell(outbox, fleet_notices(policy), policy, clock=time.time)
    assert sorted(recipient for recipient, _ in box.mails) == ["ada@example.com", "ben@example.com"]
    (line,) = [line for line in outbox.lines() if line.state == "failed"]
    assert line.target == "gone@example.com"
    assert "550" in line.why and "secret" not in line.why


def test_a_webhook_gets_text_and_data(tmp_path: Path) -> None:
    """What Slack and Mattermost show, and the same as data; the token is in the header only."""
    with web() as (taken, address):
        hook = Destination("chat", "webhook", address, secret="s3cr3t-token")
        policy = policy_of(hook)
        outbox = Outbox(tmp_path / "o.sqlite")
        tell(outbox, fleet_notices(policy), policy, clock=time.time)
    (one,) = taken
    assert one["path"] == "/hook?room=ops"
    assert one["text"].startswith("NO-GO: db01; ")
    assert one["verdict"] == "NO-GO" and len(one["notices"]) == 40
    assert one["headers"]["Authorization"] == "Bearer s3cr3t-token"
    assert one["headers"]["Idempotency-Key"] == one["id"]
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"s3cr3t" not in kept and "s3cr3t" not in repr(policy)


@pytest.mark.parametrize(("status", "lasting"), [(500, False), (429, False), (404, True), (302, True), (401, True)])
def test_a_webhook_that_says_no(status: int, lasting: bool) -> None:
    """A redirect is not followed: it would carry the token to somebody else."""
    with web(status) as (_, address):
        answer = send(
            Destination("chat", "webhook", address, secret="s3cr3t"),
            compose_message([Notice(NoticeKind.NO_GO, "a", "k", "s", NOW)], destination="chat"),
        )
    assert answer is not None and answer.lasting is lasting
    assert str(status) in answer.why and "s3cr3t" not in answer.why


def test_a_server_that_never_ends_is_left(tmp_path: Path) -> None:
    """One byte now and then keeps each step within its deadline, so the whole has one too."""

    def drip(handler: http.server.BaseHTTPRequestHandler) -> None:
        try:
            for _ in range(200):
                handler.wfile.write(b"HTTP")
                handler.wfile.flush()
                time.sleep(0.1)
        except OSError:
            return

    message = compose_message([Notice(NoticeKind.NO_GO, "a", "k", "s", NOW)], destination="chat")
    with web(drip) as (_, address):
        started = time.monotonic()
        answer = send(Destination("chat", "webhook", address), message, deadline_s=0.3)
    assert answer is not None and not answer.lasting
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "destination",
    [
        Destination("a", "webhook", "http://example.com/hook"),
        Destination("a", "webhook", "file:///etc/shadow"),
        Destination("a", "smtp", "mail.example.com:25", tls="none", to=("a@example.com",)),
        Destination("a", "smtp", "nonsense"),
        Destination("a", "pigeon", "x"),
    ],
)
def test_nothing_goes_unencrypted_over_a_network(destination: Destination) -> None:
    """Said plainly, before a byte is sent."""
    message = compose_message([Notice(NoticeKind.NO_GO, "a", "k", "s", NOW)], destination="a")
    answer = send(destination, message)
    assert answer is not None and answer.lasting


def test_starttls_is_wanted_where_it_is_asked_for(mail: tuple[Mailbox, str]) -> None:
    """A server that does not offer it gets no mail."""
    box, address = mail
    message = compose_message([Notice(NoticeKind.NO_GO, "a", "k", "s", NOW)], destination="a")
    answer = send(smtp(address, tls="starttls"), message)
    assert answer is not None and box.mails == []


def test_a_secret_lies_in_a_file_for_root_only(tmp_path: Path) -> None:
    """Else nothing is sent, and the reason names the file, not what is in it."""
    secret = tmp_path / "token"
    secret.write_text("s3cr3t\n")
    message = compose_message([Notice(NoticeKind.NO_GO, "a", "k", "s", NOW)], destination="chat")
    with web() as (taken, address):
        hook = Destination("chat", "webhook", address, secret_file=str(secret))
        secret.chmod(0o644)
        answer = send(hook, message)
        assert answer is not None and "anybody may read" in answer.why and "s3cr3t" not in answer.why
        secret.chmod(0o600)
        assert send(hook, message) is None
    assert taken[0]["headers"]["Authorization"] == "Bearer s3cr3t"


SAID = st.text(max_size=400) | st.just(HOSTILE)
NOTICES = st.builds(Notice, st.sampled_from(NoticeKind), SAID, st.text(max_size=20), SAID, st.just(NOW))


@given(st.lists(NOTICES, min_size=1, max_size=60))
@settings(max_examples=150)
def test_what_a_minion_said_cannot_be_a_header_or_a_line(notices: list[Notice]) -> None:
    """Any text in, short printable lines out, and a mail that can be built."""
    from bootkeep.edges.senders import as_mail

    message = compose_message(notices, destination="d", pages="https://fleet.example.com")
    assert message.subject.isprintable() and len(message.text.splitlines()) < 220
    assert all(line.isprintable() for line in message.text.split("\n"))
    mail = as_mail(Destination("d", "smtp", "h:25", to=("a@example.com",), sender="b@example.com"), message)
    back = email.message_from_bytes(mail.as_bytes(), policy=email.policy.default)
    assert set(back.keys()) == set(mail.keys())
    assert "\n" not in str(back["Subject"])


def test_the_outbox_is_for_root_only(tmp_path: Path) -> None:
    """It names hosts and what is wrong with them."""
    old = os.umask(0)
    try:
        Outbox(tmp_path / "new" / "outbox.sqlite").lines()
    finally:
        os.umask(old)
    assert {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "new").iterdir()} == {"0o600"}
    assert oct((tmp_path / "new").stat().st_mode & 0o777) == "0o700"


def test_a_damaged_outbox_says_so(tmp_path: Path) -> None:
    """One sentence, with what to do."""
    from bootkeep.facts.errors import BootkeepError

    (tmp_path / "o.sqlite").write_bytes(b"not a database at all, but long enough to be one" * 50)
    with pytest.raises(BootkeepError, match="cannot be used"):
        Outbox(tmp_path / "o.sqlite")


def test_tls_is_checked() -> None:
    """A certificate that nobody signed is no mail server of ours."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        address = f"127.0.0.1:{listening.getsockname()[1]}"

        def answer() -> None:
            channel, _ = listening.accept()
            channel.recv(1000)
            channel.sendall(b"220 no TLS here\r\n")
            channel.close()

        thread = threading.Thread(target=answer)
        thread.start()
        message = compose_message([Notice(NoticeKind.NO_GO, "a", "k", "s", NOW)], destination="a")
        result = send(smtp(address, tls="tls"), message, deadline_s=3)
        thread.join()
    assert result is not None and "TLS" in result.why
    assert ssl.create_default_context().check_hostname
