"""Capabilities of files: the bytes that setcap(8) wrote, and the words that getcap(8) has for them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.compare.capabilities import NAMES, capability_words


@pytest.mark.parametrize(
    ("digits", "words"),
    [
        ("0100000200200000000000000000000000000000", "cap_net_raw=ep"),  # Debian's ping
        ("0100000280000000000000000000000000000000", "cap_setuid=ep"),
        ("0000000200040000000400000000000000000000", "cap_net_bind_service=ip"),
        ("010000020000000000000000c000000000000000", "cap_perfmon,cap_bpf=ep"),
        ("010000030020000000000000000000000000000000000000", "cap_net_raw=ep"),  # with the user namespace's root
        ("0100000200040000002000000000000000000000", "capability 0100000200040000002000000000000000000000"),
        ("01000002", "capability 01000002"),
        ("nonsense", "capability nonsense"),
    ],
)
def test_words_of_getcap(digits: str, words: str) -> None:
    assert capability_words(digits) == words
    assert len(NAMES) == 41


@given(st.binary(max_size=30))
def test_any_bytes_have_words(packed: bytes) -> None:
    assert re.fullmatch(r"capability [0-9a-f]*|cap_[\w,]+=e?i?p?", capability_words(packed.hex()))
