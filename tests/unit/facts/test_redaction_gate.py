"""The quick look before the patterns changes nothing: what it passes over is what the patterns leave as it is."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootkeep.facts import redaction
from bootkeep.facts import secret_patterns as look

#: What secrets are made of: every trigger, and pieces that the patterns ask for around them.
_PIECES = (
    *look.TRIGGERS,
    *("x-", "X-Api-Key: ", "sk_live_", "$2b$", "\u017f", "pa\u017f\u017fword=", "\u212aey: ", "Kelvin"),
    *(
        " ",
        "\t",
        "\n",
        "=",
        ":",
        ";",
        "-",
        "_",
        "@",
        "/",
        "?",
        "&",
        "(",
        "'",
        '"',
        "#",
        ".",
        ",",
        "$",
        "{",
        "}",
        "[",
        "]",
    ),
    *(
        "a",
        "A",
        "9",
        "hunter2",
        "Zx9Kq",
        "abcDEF123",
        "deadbeef" * 4,
        "aB3" * 12,
        "is",
        "was",
        "set",
        "user",
        "tcp",
        "SHA",
    ),
    *("-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----", "-----BEGIN CERTIFICATE-----", "x" * 40),
)
texts = st.lists(st.one_of(st.sampled_from(_PIECES), st.text(max_size=6)), max_size=60).map("".join)


def without_the_gate(monkeypatch: pytest.MonkeyPatch, text: str, *, shapes: bool) -> str:
    with monkeypatch.context() as patched:
        patched.setattr(redaction, "_may_hold_a_secret", lambda _text, shapes: True)
        return redaction.redact_text(text, shapes=shapes)


@given(text=texts, shapes=st.booleans())
@settings(max_examples=400)
def test_the_quick_look_changes_nothing(text: str, shapes: bool) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert redaction.redact_text(text, shapes=shapes) == without_the_gate(monkeypatch, text, shapes=shapes)


@given(
    words=st.lists(st.sampled_from(_PIECES), min_size=1, max_size=4),
    before=st.integers(0, 60),
    after=st.integers(0, 60),
)
@settings(max_examples=200)
def test_a_secret_among_many_harmless_lines_is_found(words: list[str], before: int, after: int) -> None:
    text = "\n".join(("# a harmless line",) * before + ("".join(words),) + ("another 12",) * after)
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert redaction.redact_text(text) == without_the_gate(monkeypatch, text, shapes=True)


def test_most_lines_of_a_host_are_passed_over() -> None:
    """Otherwise it would cost without a gain."""
    harmless = ("[Unit]", "Description=Regular background program processing daemon", "ExecStart=/usr/sbin/cron -f")
    assert not any(redaction._may_hold_a_secret(line, shapes=True) for line in harmless)
    assert not redaction._may_hold_a_secret(json.dumps({"unit_file": "cron.service", "state": "enabled"}), shapes=False)
