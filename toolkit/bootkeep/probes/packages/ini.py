"""The ini dialect of dnf.conf, yum.conf and zypp.conf: read, and edited without touching what is not meant.

A value may go on in indented lines; of a key that is set twice the last counts; ``#`` and ``;`` begin a comment at the start of a
line only (libdnf: IniParser, libzypp: IniParser). Keys are compared as they are written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_SECTION = re.compile(r"\s*\[([^\]]+)\]\s*$")
_KEY = re.compile(r"(?P<head>(?P<key>[^\s=:#;\[][^=:]*?)(?P<sign>[ \t]*[=:][ \t]*))(?P<value>.*)$")


@dataclass(frozen=True, slots=True)
class _Line:
    section: str
    key: str  # of the setting that the line begins or goes on with; empty for comments, blanks and section heads
    begins: bool


def _classified(lines: list[str]) -> list[_Line]:
    found: list[_Line] = []
    section, key = "", ""
    for line in lines:
        plain = line.rstrip("\r\n")
        head = _SECTION.match(plain)
        if head and not line[:1].isspace():
            section, key = head[1].strip(), ""
            found.append(_Line(section, "", False))
        elif not plain.strip() or plain.lstrip()[:1] in "#;":
            found.append(_Line(section, "", False))  # a comment does not end a value that goes on after it
        elif line[:1].isspace() and key:
            found.append(_Line(section, key, False))
        elif match := _KEY.match(plain):
            key = match["key"].strip()
            found.append(_Line(section, key, True))
        else:
            key = ""
            found.append(_Line(section, "", False))
    return found


def read_ini(text: str, section: str) -> dict[str, str]:
    """The settings of one section; a value that goes on in further lines is joined with blanks."""
    lines = text.splitlines(keepends=True)
    values: dict[str, str] = {}
    for line, kind in zip(lines, _classified(lines), strict=True):
        if kind.section != section or not kind.key:
            continue
        if kind.begins:
            match = _KEY.match(line.rstrip("\r\n"))
            values[kind.key] = match["value"].strip() if match else ""
        else:
            values[kind.key] = f"{values[kind.key]} {line.strip()}".strip()
    return values


def sections_of(text: str) -> tuple[str, ...]:
    """The names of the sections, in their order."""
    return tuple(dict.fromkeys(kind.section for kind in _classified(text.splitlines(keepends=True)) if kind.section))


def set_ini(text: str, section: str, wanted: Mapping[str, str]) -> str:
    """The text with these keys set in one section; every other line stays as it is, in its place.

    A key that is there keeps its spelling and its place (of several the last one, which counts); a new one goes behind the comment
    that shows it (``# key = ...``), else to the end of the section; a missing section goes to the end of the file.
    """
    for key, value in wanted.items():
        if "\n" in value or "\r" in value or read_ini(text, section).get(key) == value:
            continue
        text = _set(text, section, key, value)
    return text


def _set(text: str, section: str, key: str, value: str) -> str:
    lines = text.splitlines(keepends=True)
    kinds = _classified(lines)
    newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    begins = [n for n, kind in enumerate(kinds) if kind.section == section and kind.key == key and kind.begins]
    if begins:
        first = begins[-1]
        match = _KEY.match(lines[first].rstrip("\r\n"))
        head = match["head"] if match else f"{key}="
        ending = lines[first][len(lines[first].rstrip("\r\n")) :]
        goes_on = {n for n, kind in enumerate(kinds) if n > first and kind.section == section and kind.key == key}
        kept = [line for n, line in enumerate(lines) if n not in goes_on]
        kept[first] = f"{head}{value}{ending}"
        return "".join(kept)
    inside = [n for n, kind in enumerate(kinds) if kind.section == section]
    if not inside:
        gap = "" if not text or text.endswith(("\n\n", "\r\n\r\n")) else newline
        end = "" if not text or text.endswith(("\n", "\r")) else newline
        return f"{text}{end}{gap}[{section}]{newline}{key}={value}{newline}"
    shown = re.compile(rf"\s*[#;]+\s*{re.escape(key)}\s*=")
    places = [n for n in inside if shown.match(lines[n])]
    last = places[-1] if places else max((n for n in inside if lines[n].strip()), default=inside[-1])
    style = " = " if any(" =" in lines[n] for n in inside if kinds[n].begins or n in places) else "="
    if not lines[last].endswith(("\n", "\r")):
        lines[last] += newline
    at = _behind_what_goes_on(lines, last + 1)
    if at and not lines[at - 1].endswith(("\n", "\r")):
        lines[at - 1] += newline
    return "".join((*lines[:at], f"{key}{style}{value}{newline}", *lines[at:]))


def _behind_what_goes_on(lines: list[str], at: int) -> int:
    """Where a new key may stand: every indented line that follows, a setting's or nobody's, would become its value."""
    for number in range(at, len(lines)):
        plain = lines[number].strip()
        if plain and plain[0] not in "#;":
            if not lines[number][:1].isspace():
                break
            at = number + 1
    return at
