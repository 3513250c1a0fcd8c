"""The pages on loopback, for a quick look. A real web server does it better; nothing here listens on a network."""

from __future__ import annotations

import http.server
import os
import re
import secrets
import stat
import urllib.parse
from http import HTTPStatus
from pathlib import Path
from typing import Any

#: Ways into the folder: plain names only, so that no dot file, no parent and no odd character is ever looked for.
_WAY = re.compile(r"(?:[A-Za-z0-9_~-][A-Za-z0-9._~-]*/)*[A-Za-z0-9_~-][A-Za-z0-9._~-]*\.(html|js)")
_KINDS = {"html": "text/html; charset=utf-8", "js": "text/javascript; charset=us-ascii"}
_HERE = "127.0.0.1"


class PageServer(http.server.ThreadingHTTPServer):
    """Serves one folder under an address that cannot be guessed: other people on this machine reach loopback too."""

    daemon_threads = True

    def __init__(self, root: Path, port: int = 0) -> None:
        self.root = root
        self.word = secrets.token_urlsafe(18)
        super().__init__((_HERE, port), _Handler)

    @property
    def address(self) -> str:
        """Where to look."""
        return f"http://{_HERE}:{self.server_address[1]}/{self.word}/index.html"


class _Handler(http.server.BaseHTTPRequestHandler):
    server: PageServer
    timeout = 20
    server_version, sys_version = "bootkeep", ""

    def do_GET(self) -> None:
        """One file, or nothing."""
        content = self._content()
        if content is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        body, kind = content
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the library's own name

    def end_headers(self) -> None:
        """What every answer says."""
        for name, value in (
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Referrer-Policy", "no-referrer"),
            ("Cache-Control", "no-store"),
        ):
            self.send_header(name, value)
        super().end_headers()

    def _content(self) -> tuple[bytes, str] | None:
        # Another name for this address is a page of somebody else's that was led here (DNS rebinding).
        if self.headers.get("Host") not in {f"{name}:{self.server.server_address[1]}" for name in (_HERE, "localhost")}:
            return None
        word, _, way = urllib.parse.urlsplit(self.path).path.lstrip("/").partition("/")
        way = urllib.parse.unquote(way) or "index.html"
        found = _WAY.fullmatch(way)
        if found is None or not secrets.compare_digest(word.encode("utf-8", "replace"), self.server.word.encode()):
            return None
        try:
            descriptor = os.open(self.server.root / way, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with open(descriptor, "rb") as stream:
                if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                    return None
                return stream.read(), _KINDS[found.group(1)]
        except OSError:
            return None

    def log_message(self, format: str, *parts: Any) -> None:
        """Nothing: the address holds the word that lets one in."""
