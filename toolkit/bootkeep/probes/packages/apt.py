"""apt's own state: automatic marks, pins, repositories, and the keys that repositories are trusted by.

Sources: apt-mark(8) with /var/lib/apt/extended_states, apt_preferences(5), sources.list(5) in both its forms, apt-secure(8).
Passwords in addresses are masked on the host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootkeep.facts.reading import Readings, Status
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.lines import Keyed, Texts, lines, name_of, put, texts_probe, texts_read
from bootkeep.probes.read import Digest, File, Probe
from bootkeep.probes.understand import texts, understood, why_not

EXTENDED_STATES = File("/var/lib/apt/extended_states", limit_bytes=8 * 1024 * 1024)
_SOURCES = ("/etc/apt/sources.list", "/etc/apt/sources.list.d/*.list", "/etc/apt/sources.list.d/*.sources")
SOURCES = texts_read(*_SOURCES)
TRUSTED_KEYS = tuple(
    Digest(pattern)
    for pattern in ("/etc/apt/trusted.gpg", "/etc/apt/trusted.gpg.d/*", "/etc/apt/keyrings/*", "/usr/share/keyrings/*")
)
#: Options stand behind the type only; brackets elsewhere are part of an address (IPv6, or a password that was masked).
_OPTION = re.compile(r"^(deb(?:-src)?)\s+\[([^\]]*)\]")


def stanzas(text: str) -> Iterator[dict[str, str]]:
    """Paragraphs of deb822 fields, names in lower case; continuation lines joined by one blank."""
    fields: dict[str, str] = {}
    key = ""
    for line in [*text.split("\n"), ""]:
        if not line.strip():
            if fields:
                yield fields
            fields, key = {}, ""
        elif line.startswith("#"):
            continue
        elif line[0] in " \t" and key:
            fields[key] = f"{fields[key]} {line.strip()}".strip()
        elif ":" in line:
            key, _, value = line.partition(":")
            key = key.strip().lower()
            fields[key] = " ".join(value.split())


def parse_marks(text: str) -> Keyed:
    """``package:architecture`` -> ``automatic`` for what apt may remove again when nothing needs it."""
    return {
        f"{fields['package']}:{fields.get('architecture', '')}": "automatic"
        for fields in stanzas(text)
        if fields.get("package") and fields.get("auto-installed") == "1"
    }


def parse_pins(files: Texts) -> Keyed:
    """``file: package, pin`` -> priority."""
    found: Keyed = {}
    for path, text in sorted(files.items()):
        for fields in stanzas(text):
            if "pin" in fields:
                put(found, f"{path}: {fields.get('package', '*')}, {fields['pin']}", fields.get("pin-priority", ""))
    return found


def parse_sources(files: Texts) -> Keyed:
    """``deb https://host/debian bookworm`` -> components and options, of every repository that is switched on."""
    found: Keyed = {}
    for path, text in sorted(files.items()):
        rows = _deb822(text) if path.endswith(".sources") else _one_line(text)
        for key, value in rows:
            put(found, key, value)
    return found


def _without_comment(line: str) -> str:
    """A comment begins at the first ``#`` outside brackets (apt-pkg/sourcelist.cc, ParseFileOneLine)."""
    at = 0
    while at < len(line) and line[at] != "#":
        closing = line.find("]", at + 1) if line[at] == "[" else -1
        at = max(at, closing) + 1
    return line[:at]


def _one_line(text: str) -> Iterator[tuple[str, str]]:
    for line in lines(text):
        line = _without_comment(line)
        options = _OPTION.match(line)
        words = _OPTION.sub(r"\1", line).split()
        if len(words) >= 3 and words[0] in {"deb", "deb-src"}:
            yield f"{words[0]} {words[1]} {words[2]}", _repository(words[3:], options[2].split() if options else [])


def _deb822(text: str) -> Iterator[tuple[str, str]]:
    for fields in stanzas(text):
        if fields.get("enabled", "yes").lower() in {"no", "false", "0", "off"}:
            continue
        known = {"types", "uris", "suites", "components", "enabled"}
        options = [
            f"{key}={'(inline key)' if 'BEGIN PGP' in value else value.replace(' ', ',')}"
            for key, value in sorted(fields.items())
            if key not in known and not key.startswith("x-")
        ]
        for kind in fields.get("types", "").split():
            for uri in fields.get("uris", "").split():
                for suite in fields.get("suites", "").split():
                    yield f"{kind} {uri} {suite}", _repository(fields.get("components", "").split(), options)


def _repository(components: list[str], options: list[str]) -> str:
    return " ".join([*components, *(f"[{option.lower()}]" for option in sorted(options))])


def keys_of(readings: Readings) -> Maybe[Keyed]:
    """Keyring -> its digest, and whether a repository is trusted by it. /usr/share/keyrings counts only where named."""
    sources = understood(readings, SOURCES, lambda text: texts(text, SOURCES.key))
    if isinstance(sources, Unknown):
        return sources
    named = " ".join(sources.values()) if not isinstance(sources, Absent) else ""
    found: Keyed = {}
    absent = 0
    for read in TRUSTED_KEYS:
        reading = readings[read.key]
        if reading.status is Status.ABSENT:
            absent += 1
            continue
        if not reading.ok:
            return Unknown(why_not(reading, read.key))
        digests = understood(readings, read, lambda text: texts(text, "digest"))
        if isinstance(digests, (Absent, Unknown)):
            return digests
        for path, digest in digests.items():
            if name_of(path).endswith((".gpg", ".asc", ".pgp")):
                trusted = path.startswith("/etc/apt/trusted.gpg") or path in named
                found[path] = f"sha256 {digest[:16]}" + (", trusted by apt" if trusted else "")
    return found if absent < len(TRUSTED_KEYS) else Absent("apt keyrings")


MARKS = Probe("automatic mark", (EXTENDED_STATES,), lambda readings: understood(readings, EXTENDED_STATES, parse_marks))
PINS = texts_probe("apt pin", parse_pins, "/etc/apt/preferences", "/etc/apt/preferences.d/*")
REPOSITORIES = texts_probe("repository", parse_sources, *_SOURCES)
REPOSITORY_KEYS = Probe("repository key", (SOURCES, *TRUSTED_KEYS), keys_of)
