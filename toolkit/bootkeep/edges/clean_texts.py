"""Texts in which redaction found nothing, remembered from look to look: most of a host's texts are the same as a minute ago.

Remembered is a digest of the text with the way it was looked at, never the text, and only of texts that redaction left exactly
as they were: such a text is the same under every key. What was redacted once is redacted again each time. The memory belongs
to one version of the patterns: to the very files that they were loaded from.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable

from bootkeep.edges import runtime_memory
from bootkeep.facts import reading_redaction, redaction, secret_patterns
from bootkeep.facts.redaction import Mask, redact_text

_NAME = "clean-texts.json"
#: Some hundred texts a look; the eldest go first.
_MOST = 8_000
_known: dict[str, bool] = {}
_state = {"recalled": False, "changed": False}


def _forget_clean() -> None:
    """Begin with what is written, when it is asked for."""
    _known.clear()
    _state.update(recalled=False, changed=False)


runtime_memory.when_it_changes(_forget_clean)


def clean_text(text: str, mask: Mask) -> str:
    """:func:`bootkeep.facts.redaction.redact_text`, unless this very text is known to have no secret."""
    return unless_clean("text", text, lambda: redact_text(text, mask))


def unless_clean(how: str, text: str, redact: Callable[[], str]) -> str:
    """What ``redact`` makes of the text; the text itself where that is known to be the same. ``how`` names what redact does."""
    if runtime_memory.remembering() is None or not text:
        return redact()
    if not _state["recalled"]:
        _state["recalled"] = True
        _recall()
    name = hashlib.blake2b(f"{how}\0{text}".encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    if name in _known:
        return text
    redacted = redact()
    if redacted == text:
        _known[name] = True
        _state["changed"] = True
    return redacted


def keep_clean() -> None:
    """Write what is new, for the next look."""
    patterns = _patterns()
    if _state["changed"] and patterns:
        _recall()  # what the children of this look have written meanwhile
        while len(_known) > _MOST:
            del _known[next(iter(_known))]
        runtime_memory.keep(_NAME, {"patterns": patterns, "clean": list(_known)})
    _state["changed"] = False


def _recall() -> None:
    memory = runtime_memory.recall(_NAME)
    clean = memory.get("clean")
    if isinstance(clean, list) and memory.get("patterns") == _patterns():
        _known.update((str(name), True) for name in clean)


def _patterns() -> list[list[object]]:
    """Which files the patterns come from, and as what; empty when they come from no files: then nothing is remembered."""
    try:
        return [
            [module.__file__, info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns]
            for module in (secret_patterns, redaction, reading_redaction)
            if (info := os.stat(str(module.__file__)))
        ]
    except OSError:
        return []
