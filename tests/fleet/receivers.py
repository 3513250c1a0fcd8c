"""A real mail server and a real web server on loopback, and policies that send to them."""

from __future__ import annotations

import email
import email.policy
import http.server
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiosmtpd.controller import Controller

from bootkeep.facts.notice import Destination, MessagePolicy, NoticeRule


class Mailbox:
    """aiosmtpd's handler: keeps what it takes."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, email.message.EmailMessage]] = []
        self.refuse: dict[str, str] = {}

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        """Some recipients are unknown here."""
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Taken, and only then said to be."""
        for recipient in envelope.rcpt_tos:
            parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
            assert isinstance(parsed, email.message.EmailMessage)
            self.mails.append((recipient, parsed))
        return "250 OK"


@contextmanager
def mail_server() -> Iterator[tuple[Mailbox, str]]:
    """A mail server on a free port of loopback."""
    box = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield box, f"127.0.0.1:{port}"
    finally:
        controller.stop()


@contextmanager
def web(answer: Any = 200) -> Iterator[tuple[list[dict[str, Any]], str]]:
    """A web server that keeps what it is sent; ``answer`` is a status, or a function that answers."""
    taken: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if callable(answer):
                answer(self)
                return
            if answer == 200:
                taken.append({"headers": dict(self.headers), "path": self.path, **json.loads(body)})
            self.send_response(answer)
            self.send_header("Location", "http://192.0.2.1/")
            self.end_headers()

        def log_message(self, *parts: Any) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield taken, f"http://127.0.0.1:{server.server_port}/hook?room=ops"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def smtp(address: str, **other: Any) -> Destination:
    """The mail server of the fixture."""
    values: dict[str, Any] = {
        "to": ("ada@example.com",),
        "sender": "bootkeep@example.com",
        "tls": "none",
        "per_hour": 1000,
    }
    return Destination("mail", "smtp", address, **{**values, **other})


def policy_of(*destinations: Destination, **other: Any) -> MessagePolicy:
    """Everything to everybody."""
    rule = NoticeRule("all", tuple(one.name for one in destinations))
    return MessagePolicy((rule,), destinations, **{"gather_s": 0.0, **other})
