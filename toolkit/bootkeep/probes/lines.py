"""Keyed lines: what the parsers of small configuration files share. A family is a mapping from a key to a value, both texts.

The texts come from the live host's ``texts`` answer, which takes the secrets out before anything is stored. A line that a parser
does not understand is kept as it is: a comparison shows it, and nothing is lost by a program's new keyword.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Maybe
from bootkeep.probes.read import Native, Probe
from bootkeep.probes.understand import texts, understood

#: Path -> text.
Texts: TypeAlias = Mapping[str, str]
#: What stays the same on both sides -> what may change.
Keyed: TypeAlias = dict[str, str]


def texts_read(*patterns: str) -> Native:
    """The read for all regular files that one of the patterns matches."""
    return Native(f"texts:{'|'.join(patterns)}")


def texts_probe(name: str, parse: Callable[[Texts], Keyed], *patterns: str, tier: int = 1) -> Probe:
    """A probe of one family whose facts stand in small text files."""
    read = texts_read(*patterns)

    def understand(readings: Readings) -> Maybe[Keyed]:
        return understood(readings, read, lambda text: parse(texts(text, read.key)))

    return Probe(name, (read,), understand, tier=tier)


def lines(text: str, comment: str = "#") -> Iterator[str]:
    """Lines with blanks squeezed; empty ones and comments left out, continued ones (a backslash at the end) joined."""
    for line in text.replace("\\\n", " ").split("\n"):
        squeezed = " ".join(line.split())
        if squeezed and not squeezed.startswith(tuple(comment)):
            yield squeezed


def put(found: Keyed, key: str, value: str) -> None:
    """Add a value; of a key that comes more than once all values count, in order."""
    found[key] = f"{found[key]}; {value}" if key in found else value


def assignments(text: str, comment: str = "#;") -> Iterator[tuple[str, str, str]]:
    """``(section, key, value)`` of an ini-like file; outside a section the first field is empty."""
    section = ""
    for line in lines(text, comment):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1].strip()
        elif "=" in line:
            key, _, value = line.partition("=")
            yield section, key.strip(), value.strip()


def name_of(path: str) -> str:
    """The last component of a path."""
    return path.rsplit("/", 1)[-1]
