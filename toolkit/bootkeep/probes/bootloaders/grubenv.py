"""GRUB's environment block: what the loader remembers from boot to boot.

Source: GRUB manual, "The GRUB environment block": 1024 bytes, a fixed first line, ``name=value`` lines, ``#`` to the end.
"""

from __future__ import annotations

from bootkeep.facts.errors import NotUnderstood

HEADER = "# GRUB Environment Block\n"
SIZE = 1024


def parse_grubenv(text: str, *, where: str = "/boot/grub/grubenv") -> dict[str, str]:
    """The variables. Raises NotUnderstood on what GRUB itself calls an invalid environment block."""
    size = len(text.encode("utf-8", "surrogateescape"))
    if size != SIZE:
        raise NotUnderstood(f"the environment block has {size} bytes instead of {SIZE}", where=where)
    if not text.startswith(HEADER):
        raise NotUnderstood("the environment block has no header", where=where)
    variables: dict[str, str] = {}
    line: list[str] = []
    position = len(HEADER)
    while position < len(text):
        char = text[position]
        if char == "\\" and position + 1 < len(text):  # GRUB escapes backslash and newline
            position += 1
            line.append(text[position])
        elif char == "\n":
            _take("".join(line), variables)
            line = []
        elif char == "#" and not line:  # filler, or a comment
            end = text.find("\n", position)
            position = len(text) if end < 0 else end
        else:
            line.append(char)
        position += 1
    return variables


def _take(line: str, variables: dict[str, str]) -> None:
    name, mark, value = line.partition("=")
    if mark and name:
        variables[name] = value
