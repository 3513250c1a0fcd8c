"""grub.cfg: its menu, and which entry it starts by itself."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from bootkeep.facts.boot_entry import BootEntry
from bootkeep.probes.bootloaders.grub_flow import Variables, assignments, remembered, steps
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
    defaults: tuple[str, ...] = (
        "0",
    )  # every value that ``default`` may have: more than one where only the boot decides
    timeouts: tuple[str, ...] = ()  # the same of ``timeout``; empty: nothing sets it
    passwords: bool = False  # ``superusers`` is set: entries that are not ``--unrestricted`` ask for a password
    unread: tuple[str, ...] = ()  # of the sources those whose text was not there to be read

    @property
    def entries(self) -> tuple[BootEntry, ...]:
        """All entries in menu order, submenus flattened."""
        return tuple(_flatten(self.items))


@dataclass(frozen=True, slots=True)
class Included:
    """A file that grub.cfg sources, with its text."""

    path: str
    text: str


def parse_grub_cfg(
    text: str,
    *,
    where: str,
    locate: Callable[[str, str], str],
    bls: tuple[BootEntry, ...] = (),
    environment: Mapping[str, str] | None = None,
    included: Iterable[Included] = (),
) -> GrubMenu:
    """Understand a configuration. ``locate(path, search_uuid)`` turns a loader's path into the running system's.

    ``bls``: the entries that ``blscfg`` would add, in its order; they stand where the command does. ``environment``: what grubenv
    remembers, for the conditions that ask it. ``included``: files that are there, read where the script sources them. Raises
    NotUnderstood where GRUB's own parser would stop.
    """
    reader = _Reader(
        locate, bls, remembered(environment or {}), {posixpath.basename(each.path): each for each in included}
    )
    reader.read(text, where, sure=True)
    return GrubMenu(
        items=tuple(reader.items),
        default=reader.possible["default"][-1],
        sources=tuple(reader.sources),
        uses_bls=reader.uses_bls,
        variables=tuple(sorted(reader.variables.items())),
        defaults=tuple(dict.fromkeys(reader.possible["default"])),
        timeouts=tuple(dict.fromkeys(reader.possible["timeout"])),
        passwords=bool(reader.possible["superusers"]),
        unread=tuple(reader.unread),
    )


@dataclass
class _Reader:
    """What has been read so far."""

    locate: Callable[[str, str], str]
    bls: tuple[BootEntry, ...]
    known: Variables
    included: dict[str, Included]
    items: list[MenuItem] = field(default_factory=list)
    possible: dict[str, list[str]] = field(default_factory=lambda: {"default": ["0"], "timeout": [], "superusers": []})
    sources: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    already: set[str] = field(default_factory=set)  # names of what was read
    variables: dict[str, str] = field(default_factory=dict)
    uses_bls: bool = False

    def read(self, text: str, where: str, *, sure: bool) -> None:
        """One file, and what it sources."""
        for step in steps(parse_script(text, where=where), self.known):
            head = step.words[:1]
            if head == ["blscfg"]:
                self.uses_bls = True
                self.items += [MenuItem(entry.id, entry.title, entry) for entry in self.bls]
            elif head in (["menuentry"], ["submenu"]):
                self.items += _item(step.statement, step.words, (), where, self.locate, self.known)
            elif head in (["source"], ["."], ["configfile"]) and len(step.words) > 1:
                self.source(step.words[1])
            for name, value in assignments(step.words):
                self.assign(name, value, sure=sure and step.sure)

    def source(self, path: str) -> None:
        """A file that is there is read in its place, once: 41_custom names it in both branches of a condition."""
        self.sources.append(path)
        name = posixpath.basename(path)
        if name in self.included:
            file = self.included.pop(name)
            self.already.add(name)
            self.read(file.text, file.path, sure=True)
        elif name not in self.already:  # 41_custom names custom.cfg twice: one of the two branches is taken
            self.unread.append(path)

    def assign(self, name: str, value: str, *, sure: bool) -> None:
        """Remember a value, and those of what decides the menu with all that may come true."""
        self.variables[name] = value
        # The other branch of 00_header: one boot only, and grubenv says whether it applies.
        if name in self.possible and value not in ("${next_entry}", "$next_entry"):
            plain = value if "saved_entry" in value else self.known.expand(value)[0]
            self.possible[name] = [plain] if sure else [*self.possible[name], plain]


def _item(
    statement: Statement,
    words: list[str],
    parents: tuple[str, ...],
    where: str,
    locate: Callable[[str, str], str],
    known: Variables,
) -> list[MenuItem]:
    """An entry or a submenu; nothing for what is neither."""
    if statement.block is None or len(words) < 2 or words[0] not in ("menuentry", "submenu"):
        return []
    title, identity = known.expand(words[1])[0], known.expand(_identity(words[2:]))[0]
    if words[0] == "menuentry":
        free = "--unrestricted" in words[2:]
        entry = _entry(statement, identity, title, parents, where, locate, known)
        return [MenuItem(identity, title, replace(entry, unrestricted=free))]
    inner: list[MenuItem] = []
    own = Variables(dict(known.values))
    for step in steps(statement.block, own):
        inner += _item(step.statement, step.words, (*parents, identity or title), where, locate, own)
    return [MenuItem(identity, title, None, tuple(inner))]


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
    known: Variables,
) -> BootEntry:
    kernels: list[tuple[str, str]] = [("", "")]  # every kernel that may be loaded, with its arguments
    images: list[tuple[str, ...]] = [()]
    uuid, doubts = "", list[str]()
    variables = Variables(dict(known.values))
    for step in steps(statement.block or (), variables):
        command, *words = step.words or [""]
        if command in _LINUX and words:
            path, sure = variables.expand(words[0])
            doubts += [] if sure else [f"only the boot knows what {words[0]} is"]
            loaded = (path, " ".join(filter(None, (variables.expand(word)[0] for word in words[1:]))))
            kernels = [loaded] if step.sure else [*kernels, loaded]
        elif command in _INITRD:
            found = [variables.expand(word) for word in words]
            doubts += [
                f"only the boot knows what {word} is" for word, (_, sure) in zip(words, found, strict=True) if not sure
            ]
            image = tuple(path for path, _ in found)
            images = [image] if step.sure else [*images, image]
        elif command == "search" and _searches_uuid(words):
            uuid, _sure = variables.expand(words[-1])
        elif command in ("configfile", "chainloader", "source", ".") and len(kernels) > 1:
            doubts.append(f"a condition decides whether it goes on to {' '.join(words)}")
    for choices in (kernels, images):
        several = list(dict.fromkeys(choices))
        if len(several) > 1:
            doubts.append(f"a condition that only the boot decides chooses between {_shown(several)}")
    kernel, arguments = kernels[-1]
    return BootEntry(
        id=identity,
        title=title,
        parents=parents,
        kernel_path=locate(kernel, uuid) if kernel else "",
        initramfs_paths=tuple(locate(path, uuid) for path in images[-1]),
        arguments=arguments,
        search_uuid=uuid,
        source=f"{where}:{statement.line}",
        doubt="; ".join(dict.fromkeys(doubts)),
    )


def _shown(choices: Iterable[tuple[str, ...]]) -> str:
    return " and ".join(choice[0] if choice and choice[0] else "none" for choice in choices)


def _searches_uuid(words: list[str]) -> bool:
    return any(word in ("--fs-uuid", "-u") for word in words) and not words[-1].startswith("-")


def _flatten(items: Iterable[MenuItem]) -> Iterable[BootEntry]:
    for item in items:
        if item.entry is not None:
            yield item.entry
        else:
            yield from _flatten(item.items)


#: As grub_strtoul() reads a number with base 0: it stops at the first letter that does not belong, and is content.
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]+|[0-9]+")


def find_entry(items: tuple[MenuItem, ...], wanted: str, *, names_first: bool = False) -> BootEntry | None:
    """The entry that GRUB starts for a value of ``default``; None when it names none.

    As normal/menu.c does it: ``>`` separates levels; each level is a number, or else an id or a title. Debian's and Ubuntu's GRUB
    takes a name that begins with digits for a number (``6.1 kernel`` is entry 6); that of the rpm families compares ids and titles
    first (``names_first``). GRUB does *not* stop when nothing matches: it starts the first entry (see :func:`first_entry`).
    """
    head, _, rest = wanted.partition(">")
    item = _pick(items, head, names_first)
    if item is None and not _NUMBER.match(head):
        # A title may itself contain ``>``; GRUB writes it doubled, and older tools did not.
        item, rest = next((each for each in items if wanted in (each.id, each.title)), None), ""
    if item is None:
        return None
    if item.entry is not None:
        return item.entry if not rest else None
    return find_entry(item.items, rest, names_first=names_first) if rest else first_entry(item.items)


def _pick(items: tuple[MenuItem, ...], name: str, names_first: bool) -> MenuItem | None:
    named = next((item for item in items if name and name in (item.id, item.title)), None)
    number = _NUMBER.match(name)
    if number is None or (named is not None and names_first) or (names_first and number[0] != name):
        return named
    text = number[0]
    octal = re.match(r"0[0-7]*", text)
    place = int(text[:18], 16) if text[:2] in ("0x", "0X") else int(octal[0][:18], 8) if octal else int(text[:9])
    return items[place] if place < len(items) else None


def started_entry(items: tuple[MenuItem, ...], wanted: str, *, names_first: bool = False) -> BootEntry | None:
    """What GRUB starts in the end: where a level names nothing, the first item of the menu that it got to."""
    head, _, rest = wanted.partition(">")
    item = _pick(items, head, names_first)
    if item is not None and item.entry is None and item.items:
        return started_entry(item.items, rest, names_first=names_first)
    return find_entry(items, wanted, names_first=names_first) or first_entry(items)


def first_entry(items: tuple[MenuItem, ...]) -> BootEntry | None:
    """What an empty or dangling default starts: the first item, and inside a submenu its first."""
    if not items:
        return None
    return items[0].entry or first_entry(items[0].items)
