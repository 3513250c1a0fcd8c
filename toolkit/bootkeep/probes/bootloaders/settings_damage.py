"""Whether a shell can read /etc/default/grub. grub-mkconfig does so under ``set -e``: what stops sh there stops every menu.

Only what surely stops it: a quotation that is never closed, and a line that holds nothing but a carriage return (sh takes it for a
command). The file is not run.
"""

from __future__ import annotations

import re

_NAMES = {"'": "a single quotation mark", '"': "a double quotation mark", "`": "a backquote"}
_WORD_ENDS = " \t\n;&|("


def settings_damage(text: str) -> str:
    """What is wrong with it, with the number of the line; empty when nothing is, or only a shell could tell."""
    opened = _never_closed(text)
    if opened >= 0:
        return f"line {text.count(chr(10), 0, opened) + 1} opens {_NAMES[text[opened]]} that is never closed"
    alone = re.search(r"^[ \t]*\r$", text, re.MULTILINE)
    if alone and not _in_quotation(text, alone.start()):
        return f"line {text.count(chr(10), 0, alone.start()) + 1} is a carriage return, which sh takes for a command"
    return ""


def _in_quotation(text: str, end: int) -> bool:
    return _never_closed(text[:end]) >= 0


def _never_closed(text: str) -> int:
    """Where the quotation begins that has no end; -1 when all have one, or a here-document makes it a shell's matter."""
    if "<<" in text:
        return -1
    at = 0
    while at < len(text):
        letter = text[at]
        if letter == "\\":
            at += 2
        elif letter == "#" and (at == 0 or text[at - 1] in _WORD_ENDS):
            at = _end_of_line(text, at)
        elif letter in _NAMES:
            end = _closing(text, at)
            if end < 0:
                return at
            at = end + 1
        else:
            at += 1
    return -1


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return end if end >= 0 else len(text)


def _closing(text: str, at: int) -> int:
    if text[at] == "'":
        return text.find("'", at + 1)
    mark, at = text[at], at + 1
    while at < len(text) and text[at] != mark:
        at += 2 if text[at] == "\\" else 1
    return at if at < len(text) else -1
