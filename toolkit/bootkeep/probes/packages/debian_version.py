"""Debian version comparison, exactly as dpkg does it (deb-version(7), lib/dpkg/version.c)."""

from __future__ import annotations

from functools import cmp_to_key


def compare_versions(left: str, right: str) -> int:
    """-1, 0 or 1 as ``dpkg --compare-versions`` sees it. Any text is accepted: a bad version sorts by the same rules."""
    left_epoch, left_upstream, left_revision = split_version(left)
    right_epoch, right_upstream, right_revision = split_version(right)
    if left_epoch != right_epoch:
        return -1 if left_epoch < right_epoch else 1
    return _compare_part(left_upstream, right_upstream) or _compare_part(left_revision, right_revision)


#: ``sorted(versions, key=version_key)`` puts the oldest first.
version_key = cmp_to_key(compare_versions)


def split_version(version: str) -> tuple[int, str, str]:
    """Epoch, upstream version and Debian revision (empty when there is none)."""
    head, colon, rest = version.strip().partition(":")
    epoch = 0
    if colon and head.isascii() and head.isdigit():
        epoch = int(head[:9] or "0")
    else:
        rest = version.strip()
    upstream, dash, revision = rest.rpartition("-")
    return (epoch, upstream, revision) if dash else (epoch, rest, "")


def _weight(char: str) -> int:
    """dpkg's order(): ``~`` before everything, even the end; letters before other signs."""
    if char == "~":
        return -1
    if char.isascii() and char.isalpha():
        return ord(char)
    return ord(char) + 256


def _compare_part(left: str, right: str) -> int:
    a = b = 0
    while a < len(left) or b < len(right):
        while (a < len(left) and not _digit(left[a])) or (b < len(right) and not _digit(right[b])):
            left_weight = 0 if a >= len(left) or _digit(left[a]) else _weight(left[a])
            right_weight = 0 if b >= len(right) or _digit(right[b]) else _weight(right[b])
            if left_weight != right_weight:
                return -1 if left_weight < right_weight else 1
            a += 1
            b += 1
        left_number, a = _number(left, a)
        right_number, b = _number(right, b)
        if left_number != right_number:
            return -1 if (len(left_number), left_number) < (len(right_number), right_number) else 1
    return 0


def _digit(char: str) -> bool:
    return "0" <= char <= "9"


def _number(text: str, start: int) -> tuple[str, int]:
    """Digits from ``start`` without leading zeros (compared as text, so that any length works), and where they end."""
    end = start
    while end < len(text) and _digit(text[end]):
        end += 1
    return text[start:end].lstrip("0"), end
