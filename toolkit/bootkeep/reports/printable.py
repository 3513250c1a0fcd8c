"""Text from a machine made safe to show: a process may call itself anything, escape sequences and odd bytes included."""

from __future__ import annotations

import unicodedata

#: Characters that change the order or the look of others without being seen (Unicode TR 36, "bidirectional text spoofing").
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def printable(text: str) -> str:
    """The text with every character that is not seen spelled out: ``\\x1b``, ``\\u202e``; bytes that are no UTF-8 as ``\\xff``."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if unicodedata.category(char) not in _HIDDEN else _spelled(char) for char in text)


def _spelled(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: one byte that was no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else (f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
