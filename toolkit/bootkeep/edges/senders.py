"""Messages out of this machine: SMTP and a webhook, each with a deadline. Nothing of a destination's secret is ever in an error."""

from __future__ import annotations

import http.client
import json
import smtplib
import socket
import ssl
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate
from pathlib import Path
from urllib.parse import urlsplit

from bootkeep.facts.codec import to_plain
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.notice import Destination, Message

#: Seconds for each step of a conversation.
DEADLINE_S = 20.0
_HERE = {"localhost", "127.0.0.1", "::1"}


@dataclass(frozen=True, slots=True)
class NotSent:
    """Why a message did not go, for a person; ``lasting`` when trying again in a minute is of no use."""

    why: str
    lasting: bool = False


def send(destination: Destination, message: Message, *, deadline_s: float = DEADLINE_S) -> NotSent | None:
    """Hand a message over; None once the other side has taken it. Never raises for the other side's sake."""
    try:
        return _SENDERS[destination.kind](destination, message, deadline_s)
    except KeyError:
        return NotSent(f"there is no kind {destination.kind!r}: smtp or webhook", lasting=True)
    except smtplib.SMTPResponseException as error:
        # The server's text may repeat what it was given: the number says enough.
        return NotSent(f"the mail server answered {error.smtp_code}", lasting=500 <= error.smtp_code < 600)
    except smtplib.SMTPRecipientsRefused as error:
        codes = sorted({code for code, _ in error.recipients.values()})
        return NotSent(f"no recipient was taken ({', '.join(map(str, codes))})", lasting=min(codes) >= 500)
    except smtplib.SMTPException as error:
        return NotSent(f"mail: {type(error).__name__}")
    except ssl.SSLError as error:
        return NotSent(f"TLS: {error.reason or type(error).__name__}")
    except (OSError, http.client.HTTPException) as error:
        return NotSent(f"{type(error).__name__}: {getattr(error, 'strerror', None) or 'no answer in time'}")
    except BootkeepError as error:
        return NotSent(str(error), lasting=True)


@contextmanager
def _ended_after(owner: smtplib.SMTP | http.client.HTTPConnection, seconds: float) -> Iterator[None]:
    """A peer that sends one byte now and then keeps every single step within its deadline: end the whole after this."""

    def end() -> None:
        channel: socket.socket | None = owner.sock  # TLS puts another one in its place on the way
        if channel is not None:
            with suppress(OSError):
                channel.shutdown(socket.SHUT_RDWR)

    watch = threading.Timer(seconds, end)
    watch.daemon = True
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def secret_of(destination: Destination) -> str:
    """Password or token, from the policy or its file. Raises BootkeepError when the file is not there or others may read it."""
    if not destination.secret_file:
        return destination.secret
    path = Path(destination.secret_file)
    try:
        if path.stat().st_mode & (stat.S_IRWXO):
            raise BootkeepError(
                "anybody may read the file with a secret",
                where=str(path),
                next_step="chmod 0600 it, and change the secret.",
            )
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise BootkeepError(
            "the file with a secret cannot be read", where=str(path), next_step=f"{error.strerror}: look at its path."
        ) from error


def _smtp(destination: Destination, message: Message, deadline_s: float) -> NotSent | None:
    host, _, port = destination.address.rpartition(":")
    if not host or not port.isdigit():
        return NotSent("an smtp address is HOST:PORT", lasting=True)
    host = host.strip("[]")
    if destination.tls == "none" and host not in _HERE:
        return NotSent("tls: none is for a mail server on this machine only", lasting=True)
    context = ssl.create_default_context()
    if destination.tls == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(host, int(port), timeout=deadline_s, context=context)
    else:
        server = smtplib.SMTP(host, int(port), timeout=deadline_s)
    try:
        with _ended_after(server, 3 * deadline_s):
            if destination.tls == "starttls":
                server.starttls(context=context)
            if destination.user:
                server.login(destination.user, secret_of(destination))
            refused = server.send_message(as_mail(destination, message), destination.sender, list(destination.to))
    finally:
        server.close()  # no polite QUIT: the message has been taken, and every moment before it is marked counts
    return NotSent(f"{len(refused)} recipients were refused", lasting=True) if refused else None


def as_mail(destination: Destination, message: Message) -> EmailMessage:
    """The mail. Its Message-ID is the message's id, so that a repetition is seen as one."""
    mail = EmailMessage()
    mail["Subject"] = message.subject[:200].encode("ascii", "backslashreplace").decode()
    mail["From"] = destination.sender
    mail["To"] = ", ".join(destination.to)
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{message.id}@bootkeep.{socket.gethostname() or 'localhost'}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation replies
    mail["X-Bootkeep-Verdict"] = message.verdict
    mail.set_content(message.text)
    return mail


def _webhook(destination: Destination, message: Message, deadline_s: float) -> NotSent | None:
    parts = urlsplit(destination.address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return NotSent("a webhook's address is https://...", lasting=True)
    if parts.scheme == "http" and parts.hostname not in _HERE:
        return NotSent("http is for this machine only; use https", lasting=True)
    body = json.dumps(
        {
            # What Slack's and Mattermost's incoming webhooks show.
            "text": f"{message.subject}\n{message.text}",
            "id": message.id,
            "verdict": message.verdict,
            "notices": [to_plain(one) for one in message.notices],
        }
    ).encode()
    headers = {"Content-Type": "application/json", "Idempotency-Key": message.id, "User-Agent": "bootkeep"}
    if token := secret_of(destination):
        headers["Authorization"] = f"Bearer {token}"
    connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = connect(parts.hostname, parts.port, timeout=deadline_s)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.connect()
        with _ended_after(connection, 3 * deadline_s):
            connection.request("POST", path, body, headers)
            status = connection.getresponse().status  # the body is nobody's business: it may be endless
    finally:
        connection.close()
    if 200 <= status < 300 or status == http.client.CONFLICT:  # 409: it has this Idempotency-Key already
        return None
    # A redirect is not followed: it would carry the token to somebody else.
    return NotSent(f"the webhook answered {status}", lasting=300 <= status < 500 and status not in (408, 425, 429))


_SENDERS: dict[str, Callable[[Destination, Message, float], NotSent | None]] = {"smtp": _smtp, "webhook": _webhook}
