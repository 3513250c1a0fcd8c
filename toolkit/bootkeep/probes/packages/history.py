"""What package managers write down of their own runs: the command line and who asked. An aid to tell who went past the hooks.

Sources: apt's ``history.log`` (apt-pkg/deb/dpkgpm.cc, OpenHistoryLog: local time, paragraphs), libzypp's ``history``
(HistoryLog.cc: lines of fields behind ``|``, local time).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One run, as its package manager tells it."""

    started: str  # local time of the host: ``2026-11-25 19:00:01``
    command: tuple[str, ...]
    user: str  # empty when it says nothing


def parse_apt_history(text: str) -> tuple[HistoryEntry, ...]:
    """Every paragraph that has a start and a command line, in the file's order; what is cut off is left out."""
    entries: list[HistoryEntry] = []
    for paragraph in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line)
        started, command = " ".join(fields.get("Start-Date", "").split()), fields.get("Commandline", "").split()
        if started and command:
            entries.append(HistoryEntry(started, tuple(command), fields.get("Requested-By", "").partition(" ")[0]))
    return tuple(entries)


def parse_zypp_history(text: str) -> tuple[HistoryEntry, ...]:
    """Every ``command`` line: date, the word, user@host, the quoted command line."""
    entries: list[HistoryEntry] = []
    for line in text.splitlines():
        fields = line.split("|")
        if len(fields) >= 4 and fields[1].strip() == "command":
            words = tuple(word for word in fields[3].split("'") if word.strip())
            entries.append(HistoryEntry(fields[0], words, fields[2].partition("@")[0]))
    return tuple(entry for entry in entries if entry.command)
