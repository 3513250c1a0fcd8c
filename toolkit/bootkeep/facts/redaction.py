"""Secrets stay on the host: command lines and configuration lines lose them before they are stored or shown.

Three layers, each documented in docs/reference/report.md: paths whose content is never copied or shown, arguments of
processes, and lines of text. Redaction prefers losing a harmless value to printing a secret. Pure, no dependencies: the
hooks use it too.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeAlias

from bootkeep.facts import secret_patterns as look

#: A longer line is data or an attack on the reader: it is hidden as a whole.
LONGEST_LINE = 8192
#: What stands in the place of a secret.
MASK = "[redacted]"
#: A secret -> what stands in its place.
Mask: TypeAlias = Callable[[str], str]
#: Forty bits: two secrets of one host do not meet by chance, and nothing can be worked back from them without the key.
_PSEUDONYM_DIGITS = 10
#: Lines of a certificate have 64 characters, of a key ring 76; anything longer between the marks is something else.
_PUBLIC_LINE = 80
#: Lines that are looked at together before each of them is.
_CHUNK = 24
_MASKED = re.compile(r"\[redacted(?:#[0-9a-f]{10})?\]")


@lru_cache(maxsize=16_384)  # a hook asks for each file of /etc several times
def is_denied(path: str) -> bool:
    """Whether the content of this file must never be copied, diffed or printed. Its backups share its fate."""
    name = path
    while True:
        if name not in look.ALLOWED_PATHS and look.DENIED.match(name.lower()):
            return True
        shorter = look.BACKUP.sub("", name)
        if shorter == name:
            return False
        name = shorter


def plain_mask(_secret: str) -> str:
    """Hide a secret without a trace of what it was."""
    return MASK


def keyed_mask(key: bytes) -> Mask:
    """Hide secrets under pseudonyms: ``[redacted#1f0c2a9be4]``, an HMAC-SHA256 with the host's own key.

    The same secret has the same pseudonym, so that a report shows that it changed; without the key nobody can try
    guesses against it. Quotes around a secret do not count.
    """

    def mask(secret: str) -> str:
        plain = secret.strip().strip("\"'").encode("utf-8", "surrogatepass")
        return f"[redacted#{hmac.new(key, plain, hashlib.sha256).hexdigest()[:_PSEUDONYM_DIGITS]}]"

    return mask


def redact_line(line: str, mask: Mask = plain_mask, *, shapes: bool = True) -> str:
    """One line of a configuration file, a log or a command without its secrets. Leaves a harmless line as it is.

    ``shapes=False`` leaves long hexadecimal and Base64 words alone, for texts that are made of identifiers (a loader's
    configuration, a list of block devices).
    """
    hide = _once(mask)
    if len(line) > LONGEST_LINE:
        return hide(line)
    if not _may_hold_a_secret(line, shapes=shapes):
        return line
    line = look.URL.sub(lambda found: f"{found['scheme']}{hide(found['user'])}@", line)
    line = look.HEADER.sub(lambda found: found[0] if _is_harmless(found["value"]) else _hide_value(found, hide), line)
    line = look.BEARER.sub(lambda found: found[0] if _is_words(found["value"]) else _hide_value(found, hide), line)
    line = look.KNOWN_TOKENS.sub(lambda found: hide(found[0]), line)
    for pattern in look.PLACED:
        line = pattern.sub(lambda found: _hide_value(found, hide), line)
    line = _mask_commands(line, hide)
    if look.HINT.search(line):
        line = _mask_values(look.ASSIGNMENT, line, hide)
        line = _mask_values(look.FLAG, line, hide)
        line = _mask_spaced(line, hide)
        line = look.SAID.sub(lambda found: _hide_said(found, hide), line)
        line = look.PROSE.sub(lambda found: _hide_said(found, hide), line)
    if not shapes:
        return line
    line = look.HEXADECIMAL.sub(lambda found: hide(found[0]), line)
    return look.BASE64.sub(
        lambda found: hide(found[0]) if _looks_random(found[0]) and not _is_fingerprint(found) else found[0], line
    )


def _may_hold_a_secret(text: str, *, shapes: bool) -> bool:
    """Whether a text is worth the patterns. Beyond ASCII always: letters may fold into others there (the long s)."""
    if not text.isascii():
        return True
    lower = text.lower()
    return any(trigger in lower for trigger in look.TRIGGERS) or (shapes and look.LONG_WORD.search(text) is not None)


def _once(mask: Mask) -> Mask:
    """What is hidden already stays as it is: a report redacts again what the host redacted with its key."""
    return lambda secret: secret if _MASKED.fullmatch(secret.strip()) else mask(secret)


def _looks_random(word: str) -> bool:
    """Whether a part of a word mixes digits and both cases at length: a path and a long name are made of short parts."""
    return any(
        len(part) >= look.SHORTEST_RANDOM and not (part.islower() or part.isupper()) and any(map(str.isdigit, part))
        for part in re.split(r"[/_\-]", word)
    )


def _is_fingerprint(found: re.Match[str]) -> bool:
    """``SHA256:`` and 43 characters: OpenSSH's way to write the digest of a public key (ssh-keygen -l)."""
    return len(found[0]) == look.FINGERPRINT and found.string.endswith("SHA256:", 0, found.start())


def _is_words(text: str) -> bool:
    text = text.rstrip(".")
    return text.isalpha() and (text.islower() or text.istitle())


def _hide_value(found: re.Match[str], mask: Mask) -> str:
    start, end = (position - found.start() for position in found.span("value"))
    return f"{found[0][:start]}{mask(found['value'])}{found[0][end:]}"


def _hide_said(found: re.Match[str], mask: Mask) -> str:
    """``# the root password is hunter2``: people write secrets into comments, and sentences about passwords too."""
    value = found["value"]
    plain = value.strip("\"'()")
    if len(plain) < 4 or _is_harmless(plain) or value.startswith("-") or not look.LIKE_A_SECRET.search(plain):
        return found[0]
    return _hide_value(found, mask)


def _mask_commands(line: str, mask: Mask) -> str:
    """``mysqldump -u root -psecret`` inside a cron line or a unit: as the arguments of a process."""
    if not look.COMMANDS.search(line):
        return line
    parts = re.split(r"(\s+)", line)
    words = parts[::2]
    for number, word in enumerate(words):
        if word.rsplit("/", 1)[-1] in look.SHORT_SECRET_OPTIONS:
            stop = next((at for at, other in enumerate(words) if at > number and other in {"|", "||", "&&", ";"}), None)
            words[number:stop] = redact_options(words[number:stop], mask)
    parts[::2] = words
    return "".join(parts)


def _mask_values(names: re.Pattern[str], line: str, mask: Mask) -> str:
    """Mask what follows each name that says secret. A harmless name's value is searched too: it may hold another pair."""
    parts: list[str] = []
    start = 0
    while found := names.search(line, start):
        end = found.end()
        parts.append(line[start:end])
        value = look.VALUE_HERE.match(line, end)
        key = found["key"].strip("\"'[")
        named = _names_a_secret(key) or (look.SECRET_NAME.search(key) and len(value[0] if value else "") > 3)
        if value and named and not _is_harmless(value[0]):
            parts.append(_hide_quoted(value[0], mask))
            end = value.end()
        start = end
    return "".join((*parts, line[start:]))


def _hide_quoted(value: str, mask: Mask) -> str:
    """The quotes stay: what is around a secret reads as before."""
    quote = value[0] if len(value) > 1 and value[0] in "\"'" and value[-1] == value[0] else ""
    return f"{quote}{mask(value[1:-1] if quote else value)}{quote}"


def _mask_spaced(line: str, mask: Mask) -> str:
    found = look.SPACED.match(line)
    if found and _names_a_secret(found["key"]) and not _is_harmless(found["value"]):
        return f"{found['key']}{found['sep']}{mask(found['value'])}"
    return line


def _names_a_secret(key: str) -> bool:
    # NOPASSWD is a tag of sudoers(5)
    return key.strip() != "NOPASSWD" and bool(look.SECRET_WORD_IN.search(key))


def _is_harmless(value: str) -> bool:
    value = value.strip().strip("\"'")
    first = (value.split() or [""])[0]
    return (
        not first
        or bool(_MASKED.fullmatch(value) or look.SWITCHES.match(first))
        or (bool(look.PLACE.match(first)) and not _looks_random(first))
    )


def redact_text(text: str, mask: Mask = plain_mask, *, shapes: bool = True) -> str:
    """A whole text without its secrets, line by line; private key blocks go as a whole. The number of lines stays."""
    if len(text) <= LONGEST_LINE and not _may_hold_a_secret(text, shapes=shapes):
        return text
    given = text.split("\n")
    lines: list[str] = []
    inside = public = quiet = False
    for number, line in enumerate(given):
        if number % _CHUNK == 0:
            chunk = given[number : number + _CHUNK]
            quiet = max(map(len, chunk)) <= LONGEST_LINE and not _may_hold_a_secret("\n".join(chunk), shapes=shapes)
        if quiet and not (inside or public):
            lines.append(line)
        elif public and len(line) <= _PUBLIC_LINE and not look.PEM_BEGIN.search(line):
            public = not look.PEM_END.search(line)
            lines.append(line)
        elif inside or look.PEM_BEGIN.search(line):
            # In the middle of a line (a key file's one-line form, a table of magic numbers) no block begins.
            inside = (inside or bool(look.PEM_BEGIN_ALONE.search(line))) and not look.PEM_END.search(line)
            lines.append(_once(mask)(line))
        else:
            public = bool(look.PUBLIC_BEGIN.search(line))
            lines.append(redact_line(line, mask, shapes=shapes))
    return "\n".join(lines)


def redact_arguments(arguments: Sequence[str], mask: Mask = plain_mask) -> tuple[str, ...]:
    """A process's arguments without secrets; the program's own name stays."""
    if not arguments:
        return ()
    hide = _once(mask)
    options = redact_options(arguments, hide)
    return (redact_line(options[0], mask), *(_redact_argument(argument, hide) for argument in options[1:]))


def redact_options(arguments: Sequence[str], mask: Mask) -> list[str]:
    """Arguments without the values of options that hold a secret; nothing else is looked at."""
    program = arguments[0].rsplit("/", 1)[-1]
    secret_options = look.SHORT_SECRET_OPTIONS.get(program, frozenset())
    result = [arguments[0]]
    mask_next = False
    for argument in arguments[1:]:
        bare = argument.strip("\"'")
        if (mask_next and not argument.startswith("-")) or (result[-1] == "-p" and not look.HARMLESS_P.match(argument)):
            result.append(mask(bare))
            mask_next = False
            continue
        mask_next = argument in secret_options or _is_secret_option(argument)
        if program in look.ATTACHED_PASSWORD and argument.startswith("-p") and len(argument) > 2:
            result.append(f"-p{mask(argument[2:])}")
        else:
            result.append(argument)
    return result


def _is_secret_option(argument: str) -> bool:
    if not look.OPTION.fullmatch(argument):
        return False
    name = argument.lstrip("-").lower()
    return name == "pw" or name.endswith("key") or bool(look.SECRET_WORD_IN.search(name))


def _redact_argument(argument: str, mask: Mask) -> str:
    redacted = redact_text(argument, mask)
    option, equals, value = redacted.partition("=")
    if equals and option.lstrip("-") in {"user", "u"} and look.USER_PASSWORD.match(value):
        user, _, secret = value.partition(":")
        return f"{option}={user}:{mask(secret)}"
    return redacted
