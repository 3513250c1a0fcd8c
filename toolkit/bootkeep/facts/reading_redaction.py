"""A snapshot's readings without secrets: the last door before anything is written into the store or out of the host.

Probes and the host's own answers redact what they can where they read it; this goes over every text once more, by what kind of read
it was. Harmless answers stay as they are, so that a snapshot is judged and compared like the machine itself.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bootkeep.facts.reading import Reading, Readings
from bootkeep.facts.redaction import MASK, Mask, is_denied, keyed_mask, plain_mask, redact_line, redact_text

#: Texts of names, versions and digests, in forms that redaction would only break.
_AS_THEY_ARE = (
    "listing:",
    "space:",
    "file:/var/lib/dpkg/",
    "file:/var/lib/ucf/",
    "file:/var/lib/apt/",
    "native:processes",  # redacted as they are read
    "native:texts:",
    "native:selinux-labels",  # types such as passwd_file_t
    "file:/etc/group",
    "file:/etc/subuid",
    "file:/etc/subgid",
    "file:/etc/machine-id",
    "file:/etc/os-release",
    "file:/usr/lib/os-release",
    "file:/proc/modules",
    "file:/lib/modules/",
    "file:/usr/lib/modules/",
    "file:/proc/version",
    "file:/var/lib/bootkeep/",
)
#: Texts full of identifiers (UUIDs without hyphens, disk serials): names and tokens are redacted, shapes are not.
_IDENTIFIERS = (
    "file:/boot/",
    "file:/proc/",
    "file:/sys/",
    "file:/etc/fstab",
    "file:/etc/crypttab",
    "file:/etc/default/grub",
)
#: Its digests are Debian's own, so they may stay.
DPKG_STATUS = "file:/var/lib/dpkg/status"
_DEBCONF = "file:/var/cache/debconf/"
#: Questions of the boot loader are all that anybody asks debconf's database for; others hold passwords under any name.
_DEBCONF_WANTED = re.compile(r"Name: (?:grub|linux|shim|bootkeep)")
_MD5_DIGITS = 32
_MD5 = re.compile(r"\b[0-9a-f]{32}\b")


class Redaction:
    """How the answers of one look lose their secrets: with this key, and with what this host's packages ship."""

    def __init__(self, key: bytes | None, status: Reading | None) -> None:
        self._mask: Mask = keyed_mask(key) if key else plain_mask
        self._key = key
        self._shipped = Shipped(status.text if status else "")

    def of(self, name: str, reading: Reading) -> Reading:
        """One answer without secrets. Doing it twice is doing it once."""
        return _redact(name, reading, self._mask, self._key, self._shipped)


class Shipped:
    """The MD5 digests of what packages ship, by dpkg's status: public ones."""

    def __init__(self, status: str) -> None:
        self._status = status
        self._digests: frozenset[str] | None = None

    def __contains__(self, digest: str) -> bool:
        if len(digest) != _MD5_DIGITS:
            return False
        if self._digests is None:  # only now: a list of SHA-256 digests needs none of it
            shipping = (part for part in self._status.split("\n\n") if "Conffiles:" in part)
            self._digests = frozenset(_MD5.findall("\n\n".join(shipping)))
        return digest in self._digests


def redact_readings(readings: Readings, key: bytes | None) -> Readings:
    """All answers without secrets. Doing it twice is doing it once. Without a key secrets go without a pseudonym."""
    redaction = Redaction(key, readings.answers.get(DPKG_STATUS))
    return Readings({name: redaction.of(name, reading) for name, reading in readings.answers.items()})


def is_kept_as_it_is(name: str) -> bool:
    """Whether answers to this read are left alone: names, versions and digests, or redacted where they were read."""
    return name.startswith(_AS_THEY_ARE)


def stands_alone(name: str) -> bool:
    """Whether what is left of such an answer depends on its own text only: digests also depend on what packages ship."""
    return not name.startswith("digest")


def _redact(name: str, reading: Reading, mask: Mask, key: bytes | None, shipped: Shipped) -> Reading:
    text = reading.text
    if not text:
        return reading
    if not stands_alone(name):
        return replace(reading, text=_hide_digests(text, key, shipped))
    if name == "file:/etc/passwd":
        return replace(reading, text="\n".join(_account(line, mask) for line in text.split("\n")))
    if is_kept_as_it_is(name):
        return reading
    if name.startswith(_DEBCONF):
        kept = (part.strip("\n") for part in text.split("\n\n") if _DEBCONF_WANTED.match(part))
        return replace(reading, text="\n\n".join(kept) + "\n")
    if name.startswith("file:") and is_denied(name.removeprefix("file:")):
        return replace(reading, text=MASK)
    if name.startswith(("command:", "native:")):
        return replace(reading, text=_redact_answer(text, mask))
    return replace(reading, text=redact_text(text, mask, shapes=not name.startswith(_IDENTIFIERS)))


def _redact_answer(text: str, mask: Mask) -> str:
    """A program's or our own answer: JSON by its strings, so that it stays JSON; any other text line by line.

    The names of its fields are ours or the program's (``"password": "locked"``), so they say nothing about the value. A file
    that is JSON is not read this way: there ``"auth": "..."`` is a secret.
    """
    if text[:1] in "[{":
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            clean = _redact_value(value, mask)
            return text if clean == value else json.dumps(clean)
    return redact_text(text, mask, shapes=False)


def _redact_value(value: Any, mask: Mask) -> Any:
    if isinstance(value, str):
        return redact_text(value, mask, shapes=False) if "\n" in value else redact_line(value, mask, shapes=False)
    if isinstance(value, list):
        return [_redact_value(item, mask) for item in value]
    if isinstance(value, dict):
        return {name: _redact_value(item, mask) for name, item in value.items()}
    return value


def _account(line: str, mask: Mask) -> str:
    """passwd(5): a password in its second field (nobody does that since shadow), and what people write into the fifth."""
    fields = line.split(":")
    if len(fields) < 7:
        return redact_line(line, mask)
    if fields[1] not in {"x", "*", "!", ""}:
        fields[1] = mask(fields[1])
    fields[4] = redact_line(fields[4], mask)
    return ":".join(fields)


def _hide_digests(text: str, key: bytes | None, shipped: Shipped) -> str:
    """A digest of a file that holds nothing but a password is as good as the password to whoever can guess: keyed instead.

    What a package ships is public, and must stay comparable with the package's own list.
    """
    try:
        digests = json.loads(text)
    except ValueError:
        return text
    if not isinstance(digests, Mapping) or not any(is_denied(path) for path in digests):
        return text
    return json.dumps({path: _keyed(path, str(digest), key, shipped) for path, digest in digests.items()})


def _keyed(path: str, digest: str, key: bytes | None, shipped: Shipped) -> str:
    if digest in shipped or not is_denied(path) or digest.startswith(_KEYED):
        return digest
    if key is None:
        return _KEYED
    return (
        _KEYED
        + hmac.new(key, digest.encode("ascii", "replace"), hashlib.sha256).hexdigest()[: len(digest) - len(_KEYED)]
    )


#: What a keyed digest begins with: no plain one has such letters, so it is never keyed twice.
_KEYED = "keyed-"
