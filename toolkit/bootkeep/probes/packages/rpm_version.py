"""rpm's version comparison, exactly as rpm does it (rpm: rpmio/rpmvercmp.c, rpmio/rpmver.c; rpm-version(7)).

Never a string comparison: EL's first kernel ``4.18.0-553.el8_10`` is older than ``4.18.0-553.22.1.el8_10``, because a number is
newer than a word.
"""

from __future__ import annotations

import re
from functools import cmp_to_key

_NUMBER = re.compile(r"[0-9]*")
_WORD = re.compile(r"[A-Za-z]*")
#: What separates segments. ``~`` and ``^`` are no separators: they weigh.
_SEPARATORS = re.compile(r"[^0-9A-Za-z~^]*")


def compare_segments(left: str, right: str) -> int:
    """-1, 0 or 1 as ``rpmvercmp()`` sees two versions, or two releases."""
    if left == right:
        return 0
    a, b = left, right
    while a or b:
        a, b = _SEPARATORS.sub("", a, count=1), _SEPARATORS.sub("", b, count=1)
        if a.startswith("~") or b.startswith("~"):  # sorts before everything, even before the end
            if not a.startswith("~"):
                return 1
            if not b.startswith("~"):
                return -1
            a, b = a[1:], b[1:]
            continue
        if a.startswith("^") or b.startswith("^"):  # newer than the end, older than anything else
            if not a:
                return -1
            if not b:
                return 1
            if not a.startswith("^"):
                return 1
            if not b.startswith("^"):
                return -1
            a, b = a[1:], b[1:]
            continue
        if not (a and b):
            break
        number = "0" <= a[0] <= "9"
        pattern = _NUMBER if number else _WORD
        one, two = _first(pattern, a), _first(pattern, b)
        a, b = a[len(one) :], b[len(two) :]
        if not two:  # a number is newer than a word
            return 1 if number else -1
        if number:
            one, two = one.lstrip("0"), two.lstrip("0")
            if len(one) != len(two):
                return 1 if len(one) > len(two) else -1
        if one != two:
            return 1 if one > two else -1
    if not a and not b:
        return 0
    return 1 if a else -1


def _first(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.match(text)
    return match[0] if match else ""


def split_version(text: str) -> tuple[str, str, str | None]:
    """Epoch (``0`` when there is none), version, and release (None when there is none)."""
    epoch, rest = "0", text
    digits = _first(_NUMBER, text)
    if text[len(digits) : len(digits) + 1] == ":":
        epoch, rest = digits or "0", text[len(digits) + 1 :]
    version, dash, release = rest.rpartition("-")
    return (epoch, version, release) if dash else (epoch, rest, None)


def compare_versions(left: str, right: str) -> int:
    """-1, 0 or 1 as rpm sees two ``[epoch:]version[-release]``. Any text is accepted: a bad version sorts by the same rules."""
    (left_epoch, left_version, left_release), (right_epoch, right_version, right_release) = (
        split_version(left),
        split_version(right),
    )
    found = compare_segments(left_epoch, right_epoch) or compare_segments(left_version, right_version)
    if found:
        return found
    if left_release is None or right_release is None:
        return (left_release is not None) - (right_release is not None)
    return compare_segments(left_release, right_release)


#: ``sorted(versions, key=version_key)`` puts the oldest first.
version_key = cmp_to_key(compare_versions)
