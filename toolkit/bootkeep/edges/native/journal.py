"""``journal:<@seconds>``: messages of priority error and worse since a moment, each once with its count, without secrets."""

from __future__ import annotations

import json
from pathlib import Path

from bootkeep.edges.run import run
from bootkeep.facts.redaction import redact_text

_MOST_LINES = 200
_LONGEST_MESSAGE = 300


def answer(_root: Path, argument: str) -> str:
    """JSON list ``{unit, message}``, oldest first. FileNotFoundError without journalctl, TimeoutError, OSError."""
    argv = ["journalctl", "--quiet", "--no-pager", "-p", "err", f"--since={argument}", "-o", "json"]
    done = run(
        [*argv, f"--lines={_MOST_LINES}", "--output-fields=MESSAGE,_SYSTEMD_UNIT,UNIT,SYSLOG_IDENTIFIER"], timeout_s=3.0
    )
    if done.missing:
        raise FileNotFoundError("journalctl: command not found")
    if done.timed_out:
        raise TimeoutError("journalctl did not end within 3 s")
    if done.exit_code != 0:
        raise OSError(f"journalctl: {done.stderr.strip()[-300:]}")
    rows: list[dict[str, str]] = []
    for line in done.stdout.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        message = entry.get("MESSAGE")
        if isinstance(message, list):  # bytes that are no UTF-8 come as numbers (journal JSON format)
            message = bytes(byte for byte in message if isinstance(byte, int) and byte < 256).decode("utf-8", "replace")
        unit = entry.get("UNIT") or entry.get("_SYSTEMD_UNIT") or entry.get("SYSLOG_IDENTIFIER") or ""
        if isinstance(message, str) and isinstance(unit, str):
            rows.append({"unit": unit, "message": redact_text(message)[:_LONGEST_MESSAGE]})
    return json.dumps(rows)
