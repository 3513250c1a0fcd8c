"""GRUB's configuration language, as far as it decides what is booted: words, blocks, quoting.

Source: GRUB manual, "Writing full configuration files directly"; the lexer of grub 2.06 (script/yylex.l).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from bootkeep.facts.errors import NotUnderstood

_BREAKS = "\n;"
_BLANKS = " \t\r"


@dataclass(slots=True)
class Statement:
    """One simple command; ``block`` holds what its braces enclose."""

    words: list[str]
    line: int
    block: list[Statement] | None = field(default=None)


def parse_script(text: str, *, where: str) -> list[Statement]:
    """The statements of a script, blocks nested. ``if``, ``fi`` and the like come out as statements of their own.

    Raises NotUnderstood for an unclosed quote or brace: the file was cut, or GRUB would stop there too.
    """
    top: list[Statement] = []
    stack: list[list[Statement]] = [top]
    openers: list[int] = []
    words: list[str] = []
    first_line = 0
    for kind, word, line in _tokens(text, where):
        if kind == "word":
            first_line = first_line if words else line
            words.append(word)
            continue
        if kind == "open":
            statement = Statement(words, first_line or line, [])
            stack[-1].append(statement)
            stack.append(statement.block if statement.block is not None else [])
            openers.append(line)
            words = []
            continue
        if words:
            stack[-1].append(Statement(words, first_line))
            words = []
        if kind == "close":
            if len(stack) == 1:
                raise NotUnderstood("a closing brace without its opening one", where=f"{where}:{line}")
            stack.pop()
            openers.pop()
    if len(stack) > 1:
        raise NotUnderstood("a block that is never closed", where=f"{where}:{openers[-1]}")
    if words:
        top.append(Statement(words, first_line))
    return top


def _tokens(text: str, where: str) -> Iterator[tuple[str, str, int]]:
    """(kind, text, line) with kind word, open, close or end."""
    position, line, length = 0, 1, len(text)
    while position < length:
        char = text[position]
        if char == "\n":
            yield "end", "", line
            line += 1
            position += 1
        elif char == ";":
            yield "end", "", line
            position += 1
        elif char in _BLANKS:
            position += 1
        elif char == "#":
            end = text.find("\n", position)
            position = length if end < 0 else end
        elif char == "\\" and text[position + 1 : position + 2] == "\n":
            line += 1
            position += 2
        elif char in "{}" and _stands_alone(text, position):
            yield ("open" if char == "{" else "close"), char, line
            position += 1
        else:
            begin = line
            word, position, line = _word(text, position, line, where)
            yield "word", word, begin


def _stands_alone(text: str, position: int) -> bool:
    """Braces are syntax only as words of their own: ``${name}`` and ``a{b`` are not."""
    after = text[position + 1 : position + 2]
    return text[position] == "}" or not after or after in _BLANKS + _BREAKS


def _word(text: str, position: int, line: int, where: str) -> tuple[str, int, int]:
    start = line
    pieces: list[str] = []
    quote = ""
    depth = 0
    while position < len(text):
        char = text[position]
        if not quote and depth == 0 and char in _BLANKS + _BREAKS:
            break
        if not quote and depth == 0 and char == "}":
            break
        if char == "\n":
            line += 1
        if quote == "'":
            if char == "'":
                quote = ""
            else:
                pieces.append(char)
        elif char == "\\" and position + 1 < len(text):
            following = text[position + 1]
            if following == "\n":
                line += 1
            elif quote and following not in '"\\$':
                pieces.append(char + following)
            else:
                pieces.append(following)
            position += 1
        elif quote and char == quote:
            quote = ""
        elif not quote and char in "'\"":
            quote = char
        else:
            depth += (char == "{" and text[position - 1 : position] == "$") - (char == "}" and depth > 0)
            pieces.append(char)
        position += 1
    if quote:
        raise NotUnderstood("a quoted text that is never closed", where=f"{where}:{start}")
    return "".join(pieces), position, line
