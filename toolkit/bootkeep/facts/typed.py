"""Text that a person reads on paper and types at a console: ASCII, quoted, and short enough for a line.

Everything that comes from a machine (host names, labels, paths, menu titles) goes through here before it is printed.
"""

from __future__ import annotations

import re
import shlex

#: Columns of a command on paper. Two more are the gutter: the text form is 72 wide.
COMMAND_WIDTH = 70

_SAFE_RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~_-]{0,127}")
_UUID = re.compile(r"[0-9A-Fa-f]{4,16}(?:-[0-9A-Fa-f]{2,12}){0,7}")
_SAFE_PATH = re.compile(r"/[A-Za-z0-9_.,:+~@%=/-]*")
_ATOM = re.compile(r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}|.", re.DOTALL)


def plain(text: str) -> str:
    """One line of printable ASCII: control characters become a space, everything else that a 7-bit console lacks ``?``."""
    cleaned = "".join(c if " " <= c <= "~" else (" " if c.isspace() or ord(c) < 32 else "?") for c in text)
    return " ".join(cleaned.split())


def is_plain(text: str) -> bool:
    """Whether every character is printable ASCII (0x20 to 0x7E)."""
    return all(" " <= c <= "~" for c in text)


def valid_release(text: str) -> bool:
    """Whether a kernel release can be typed as it is. Anything else is treated as a fact that could not be read."""
    return bool(_SAFE_RELEASE.fullmatch(text)) and ".." not in text


def valid_uuid(text: str) -> bool:
    """Whether this is a file system UUID in the forms that blkid(8) prints (ext4, xfs, btrfs, vfat ``1A2B-3C4D``)."""
    return bool(_UUID.fullmatch(text)) and len(text) <= 40


def valid_path(text: str) -> bool:
    """Whether an absolute path can be typed without quotes, in a shell and at GRUB's prompt alike."""
    return bool(_SAFE_PATH.fullmatch(text)) and "/../" not in f"{text}/"


def shell_word(text: str) -> str:
    """One argument of a POSIX shell command. Bytes that a console cannot show are spelled ``$'\\303'`` (bash, busybox)."""
    if is_plain(text):
        return shlex.quote(text)
    spelled = []
    for byte in text.encode("utf-8", "surrogateescape"):
        char = chr(byte)
        if char in "\\'":
            spelled.append("\\" + char)
        elif " " <= char <= "~":
            spelled.append(char)
        else:
            spelled.append(f"\\{byte:03o}")
    return "$'" + "".join(spelled) + "'"


def sed_pattern(text: str) -> str:
    """A basic regular expression that matches exactly this text, for ``sed`` with ``|`` as its delimiter."""
    return re.sub(r"([\\.*^$\[\]|])", r"\\\1", text)


def words_of(line: str) -> list[str]:
    """A command line cut at its unquoted spaces; quotes stay where they are, so joining with spaces gives it back."""
    words: list[str] = []
    word = ""
    quote = ""
    escaped = False
    for char in line:
        if escaped:
            word += char
            escaped = False
        elif char == "\\" and quote != "'":
            word += char
            escaped = True
        elif quote:
            word += char
            quote = "" if char == quote else quote
        elif char in "'\"":
            word += char
            quote = char
        elif char == " ":
            if word:
                words.append(word)
            word = ""
        else:
            word += char
    return [*words, word] if word else words


def wrap_command(line: str, width: int = COMMAND_WIDTH) -> tuple[str, ...]:
    """A command in lines of at most ``width`` columns, cut between arguments with a backslash and a newline.

    A single argument is never cut: one that is longer than the line stays whole (:func:`assign` avoids such arguments).
    """
    if len(line) <= width:
        return (line,)
    lines: list[str] = []
    current = ""
    for word in words_of(line):
        room = width - 2  # for the space and the backslash that a continued line ends with
        candidate = f"{current} {word}" if current.strip() else current + word
        if current.strip() and len(candidate) > room:
            lines.append(current + " \\")
            candidate = "    " + word
        current = candidate
    return (*lines, current)


def unwrap(lines: tuple[str, ...] | list[str]) -> list[str]:
    """The reverse of :func:`wrap_command` over a block: continued lines joined by one space."""
    joined: list[str] = []
    pending = ""
    for line in lines:
        text = f"{pending} {line.strip()}" if pending else line
        if text.endswith(" \\"):
            pending = text[:-2]
            continue
        joined.append(text)
        pending = ""
    return [*joined, pending] if pending else joined


def assign(name: str, value: str, width: int = COMMAND_WIDTH) -> tuple[str, ...]:
    """Shell lines that set a variable to a text of any length, in pieces that fit; a UUID is never cut in two."""
    if len(f"{name}={shell_word(value)}") <= width:
        return (f"{name}={shell_word(value)}",)
    pieces: list[str] = []
    current = ""
    # An identifier made of several (submenu>entry) is cut where a reader would cut it.
    atoms = re.findall(r"[^>]*>|[^>]+", value)
    whole = all(len(f"{name}=${name}{_forced(atom)}") <= width for atom in atoms)
    for match in re.finditer(r"[^>]*>|[^>]+", value) if whole else _ATOM.finditer(value):
        longer = current + match.group()
        if current and len(f"{name}=${name}{shell_word(longer)}") > width:
            pieces.append(current)
            longer = match.group()
        current = longer
    pieces.append(current)
    first, *rest = pieces
    return (f"{name}={shell_word(first)}", *(f"{name}=${name}{_forced(piece)}" for piece in rest))


def _forced(text: str) -> str:
    # After ``$ID`` a bare word would be read as part of the variable's name.
    word = shell_word(text)
    return word if word[:1] in {"'", "$"} else f"'{word}'"
