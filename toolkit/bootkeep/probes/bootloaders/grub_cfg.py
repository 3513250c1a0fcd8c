"""grub.cfg: its menu, and which entry it starts by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bootkeep.facts.boot_entry import BootEntry
from bootkeep.probes.bootloaders.grub_script import Statement, parse_script

#: Commands that load a kernel or an initramfs; the ``16`` and ``efi`` forms are older GRUBs' and some distributions'.
_LINUX = frozenset({"linux", "linux16", "linuxefi"})
_INITRD = frozenset({"initrd", "initrd16", "initrdefi"})


@dataclass(frozen=True, slots=True)
class MenuItem:
    """An entry, or a submenu with its items."""

    id: str
    title: str
    entry: BootEntry | None
    items: tuple[MenuItem, ...] = ()


@dataclass(frozen=True, slots=True)
class GrubMenu:
    """What a grub.cfg says."""

    items: tuple[MenuItem, ...]
    default: str  # the value of ``default`` when nothing is remembered; ``${saved_entry}`` when it asks grubenv
    sources: tuple[str, ...]  # files it sources or loads as configuration
    uses_bls: bool = False  # it calls blscfg: the entries are files
    variables: tuple[tuple[str, str], ...] = ()  # what it sets by itself; of several values the last

    @property
    def entries(self) -> tuple[BootEntry, ...]:
        """All entries in menu order, submenus flattened."""
        return tuple(_flatten(self.items))


def parse_grub_cfg(
    text: str, *, where: str, locate: Callable[[str, str], str], bls: tuple[BootEntry, ...] = ()
) -> GrubMenu:
    """Understand a configuration. ``locate(path, search_uuid)`` turns a loader's path into the running system's.

    ``bls``: the entries that ``blscfg`` would add, in its order; they stand where the command does.
    Raises NotUnderstood where GRUB's own parser would stop.
    """
    statements = parse_script(text, where=where)
    default = "0"
    sources: list[str] = []
    variables: dict[str, str] = {}
    uses_bls = False
    for statement in _walk(statements):
        head = statement.words[:1]
        uses_bls = uses_bls or head == ["blscfg"]
        if head == ["set"] and len(statement.words) > 1:
            name, _, value = statement.words[1].partition("=")
            variables[name] = value
        if head == ["set"] and len(statement.words) > 1 and statement.words[1].startswith("default="):
            value = statement.words[1].removeprefix("default=")
            # The other branch of 00_header: one boot only, and grubenv says whether it applies.
            if value not in ("${next_entry}", "$next_entry"):
                default = value
        elif head in (["source"], ["."], ["configfile"]) and len(statement.words) > 1:
            sources.append(statement.words[1])
    items = tuple(_items(statements, (), where, locate, bls if uses_bls else ()))
    return GrubMenu(items, default, tuple(sources), uses_bls, tuple(sorted(variables.items())))


def _walk(statements: Iterable[Statement]) -> Iterable[Statement]:
    """Statements outside of menu entries and functions, those under ``if`` and ``else`` without the keyword."""
    for statement in statements:
        words = statement.words
        while words and words[0] in ("if", "then", "else", "elif"):
            words = words[1:]
        if words and words[0] not in ("menuentry", "submenu", "function"):
            yield Statement(words, statement.line)
        if statement.block is not None and (not words or words[0] not in ("menuentry", "submenu", "function")):
            yield from _walk(statement.block)


def _items(
    statements: Iterable[Statement],
    parents: tuple[str, ...],
    where: str,
    locate: Callable[[str, str], str],
    bls: tuple[BootEntry, ...],
) -> Iterable[MenuItem]:
    for statement in statements:
        words = statement.words
        while words and words[0] in ("if", "then", "else", "elif"):
            words = words[1:]
        if words[:1] == ["blscfg"]:
            yield from (MenuItem(entry.id, entry.title, entry) for entry in bls)
            continue
        if statement.block is None or len(words) < 2 or words[0] not in ("menuentry", "submenu"):
            continue
        title, identity = words[1], _identity(words[2:])
        if words[0] == "submenu":
            inner = tuple(_items(statement.block, (*parents, identity or title), where, locate, bls))
            yield MenuItem(identity, title, None, inner)
        else:
            yield MenuItem(identity, title, _entry(statement, identity, title, parents, where, locate))


def _identity(words: list[str]) -> str:
    """The id: ``--id x``, ``--id=x``, or Debian's ``$menuentry_id_option x`` (a variable that holds ``--id``)."""
    for number, word in enumerate(words):
        if word.startswith("--id="):
            return word.removeprefix("--id=")
        if word in ("--id", "$menuentry_id_option", "${menuentry_id_option}") and number + 1 < len(words):
            return words[number + 1]
    return ""


def _entry(
    statement: Statement,
    identity: str,
    title: str,
    parents: tuple[str, ...],
    where: str,
    locate: Callable[[str, str], str],
) -> BootEntry:
    kernel, arguments, uuid = "", "", ""
    initramfs: list[str] = []
    for inner in statement.block or ():
        command, *words = inner.words or [""]
        while command in ("if", "then", "else", "elif") and words:
            command, *words = words
        if command in _LINUX and words:
            kernel, arguments = words[0], " ".join(words[1:])
        elif command in _INITRD:
            initramfs = list(words)
        elif command == "search" and _searches_uuid(words):
            uuid = words[-1]
    return BootEntry(
        id=identity,
        title=title,
        parents=parents,
        kernel_path=locate(kernel, uuid) if kernel else "",
        initramfs_paths=tuple(locate(path, uuid) for path in initramfs),
        arguments=arguments,
        search_uuid=uuid,
        source=f"{where}:{statement.line}",
    )


def _searches_uuid(words: list[str]) -> bool:
    return any(word in ("--fs-uuid", "-u") for word in words) and not words[-1].startswith("-")


def _flatten(items: Iterable[MenuItem]) -> Iterable[BootEntry]:
    for item in items:
        if item.entry is not None:
            yield item.entry
        else:
            yield from _flatten(item.items)


def find_entry(items: tuple[MenuItem, ...], wanted: str) -> BootEntry | None:
    """The entry that GRUB starts for a value of ``default``; None when it names none.

    As normal/menu.c does it: ``>`` separates levels; each level is an index, an id or a title. GRUB does *not* stop when
    nothing matches: it starts the first entry (see :func:`first_entry`).
    """
    head, _, rest = wanted.partition(">")
    item = _pick(items, head)
    if item is None:
        # A title may itself contain ``>``; GRUB writes it doubled, and older tools did not.
        item, rest = next((each for each in items if wanted in (each.id, each.title)), None), ""
    if item is None:
        return None
    if item.entry is not None:
        return item.entry if not rest else None
    return find_entry(item.items, rest) if rest else first_entry(item.items)


def _pick(items: tuple[MenuItem, ...], name: str) -> MenuItem | None:
    if name.isascii() and name.isdigit():
        number = int(name[:9])
        return items[number] if number < len(items) else None
    return next((item for item in items if name and name in (item.id, item.title)), None)


def first_entry(items: tuple[MenuItem, ...]) -> BootEntry | None:
    """What an empty or dangling default starts: the first item, and inside a submenu its first."""
    if not items:
        return None
    return items[0].entry or first_entry(items[0].items)
