"""The menu of preserved kernels: ``/boot/grub/bootkeep.cfg`` as text, for GRUB 2.06 and newer. Pure.

A preserved kernel's entry is its own packaged entry from grub.cfg with other file names, so that whatever that machine needs
before ``linux`` (insmod, cryptomount, RAID and LVM names, the path of a btrfs subvolume) is what has worked before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bootkeep.facts.preserved import PreservedKernel

_LINUX = re.compile(r"^(?P<indent>\s*)(?P<word>linux|linux16|linuxefi)\s+(?P<path>\S+)(?P<arguments>.*)$")
_INITRD = re.compile(r"^(?P<indent>\s*)(?P<word>initrd|initrd16|initrdefi)\s+(?P<paths>.*)$")
_OURS = "bootkeep.preserved="
#: Words that make a packaged entry unfit as a pattern: Debian's and Ubuntu's recovery entries.
_RECOVERY = frozenset({"single", "recovery", "emergency", "rescue", "systemd.unit=rescue.target"})
_HEAD = """\
# The kernels that bootkeep preserved. Written by bootkeep, sourced by the line that /etc/grub.d/42_bootkeep puts into
# grub.cfg; rewritten whole each time, so changes made by hand are lost. 'bootkeep preserve --list' explains each.
"""


@dataclass(frozen=True, slots=True)
class Place:
    """What an entry needs when grub.cfg has none to learn from."""

    uuid: str  # of the file system that holds /boot
    prefix: str  # /boot as GRUB sees it: ``/boot``, or empty when /boot is a file system of its own
    arguments: str  # root= and the rest


@dataclass(frozen=True, slots=True)
class _Pattern:
    header: str
    body: tuple[str, ...]
    path: str
    arguments: tuple[str, ...]


def menu_text(grub_cfg: str, kernels: Iterable[tuple[PreservedKernel, str]], place: Place | None) -> str | None:
    """bootkeep.cfg for (kernel, path of the packaged image); None when nothing tells how this machine boots."""
    patterns = _patterns(grub_cfg)
    texts: list[str] = []
    for record, image in kernels:
        text = _from_pattern(record, image, patterns) or (_from_place(record, place) if place else None)
        if text is None:
            return None
        texts.append(text)
    # Never without a command: grub-script-check takes a file of comments for a mistake.
    return "\n".join((f"{_HEAD}set bootkeep_preserved={len(texts)}\n", *texts))


def arguments_from_command_line(command_line: str) -> str:
    """A running kernel's command line without what the boot loader added or what belongs to another entry."""
    words = (word for word in command_line.split() if not word.startswith(("BOOT_IMAGE=", "initrd=", _OURS)))
    return " ".join(words)


def _patterns(grub_cfg: str) -> tuple[_Pattern, ...]:
    found: list[_Pattern] = []
    lines = iter(grub_cfg.splitlines())
    for line in lines:
        if not line.lstrip().startswith("menuentry "):
            continue
        depth = _depth(line)
        body: list[str] = []
        while depth > 0:
            inner = next(lines, None)
            if inner is None:  # cut short: this entry is nothing to learn from
                body = []
                break
            depth += _depth(inner)
            if depth > 0:
                body.append(inner)
        match = next((hit for hit in map(_LINUX.match, body) if hit), None)
        if match:
            found.append(_Pattern(line, tuple(body), match["path"], tuple(match["arguments"].split())))
    return tuple(found)


def _depth(line: str) -> int:
    bare = re.sub(r"'[^']*'|\"[^\"]*\"|\$\{[^}]*\}", "", line)
    return bare.count("{") - bare.count("}")


def _from_pattern(record: PreservedKernel, image: str, patterns: Sequence[_Pattern]) -> str | None:
    name = image.rsplit("/", 1)[-1]
    # Its own entry before another kernel's, an ordinary one before a recovery one; otherwise the order of the menu.
    ranked = sorted(
        patterns, key=lambda one: (one.path.rsplit("/", 1)[-1] != name, bool(_RECOVERY & set(one.arguments)))
    )
    for pattern in ranked:
        if _RECOVERY & set(pattern.arguments) or pattern.path.startswith("("):
            continue
        folder = f"{pattern.path.rpartition('/')[0]}/bootkeep/{record.key}"
        body = _body(record, pattern, folder)
        flags = " --unrestricted" if " --unrestricted" in pattern.header else ""
        return _entry(record, body, flags)
    return None


def _body(record: PreservedKernel, pattern: _Pattern, folder: str) -> list[str]:
    body: list[str] = []
    # What is loaded before the initramfs (GRUB_EARLY_INITRD_LINUX_CUSTOM: ACPI tables, microcode) is the machine's, not the
    # kernel's. grub-mkconfig writes the initramfs itself last.
    found = next((hit for hit in map(_INITRD.match, pattern.body) if hit), None)
    early = " ".join(found["paths"].split()[:-1]) if found else ""
    for line in pattern.body:
        linux, initrd = _LINUX.match(line), _INITRD.match(line)
        if linux:
            words = [word for word in pattern.arguments if not word.startswith(_OURS)]
            body += _load(
                record,
                folder,
                " ".join(words),
                linux["word"],
                initrd_word=linux["word"].replace("linux", "initrd"),
                early=early,
            )
        elif not initrd and not line.lstrip().startswith("echo"):
            body.append("\t" + line.strip())
    return body


def _load(
    record: PreservedKernel, folder: str, arguments: str, word: str, *, initrd_word: str, early: str = ""
) -> list[str]:
    kernel = f"\t{word}\t{folder}/vmlinuz {arguments} {_OURS}{record.key}"
    lines = [f"\techo\t'Loading the preserved Linux {_plain(record.release)} ...'", re.sub(r" {2,}", " ", kernel)]
    if record.initramfs_sha256:
        lines.append(f"\t{initrd_word}\t{early}{' ' if early else ''}{folder}/initrd.img")
    return lines


def _from_place(record: PreservedKernel, place: Place) -> str:
    folder = f"{place.prefix}/bootkeep/{record.key}"
    body = [
        "\tinsmod part_gpt",
        "\tinsmod part_msdos",
        "\tinsmod ext2",
        f"\tsearch --no-floppy --fs-uuid --set=root {place.uuid}",
        *_load(record, folder, place.arguments, "linux", initrd_word="initrd"),
    ]
    return _entry(record, body, "")


def _entry(record: PreservedKernel, body: Sequence[str], flags: str) -> str:
    version = f" ({_plain(record.package_version)})" if record.package_version else ""
    title = f"Linux {_plain(record.release)}{version}, preserved by bootkeep"
    head = f"menuentry '{title}' --class gnu-linux --class os{flags} --id bootkeep-{record.key} {{"
    return "\n".join((head, *body, "}", ""))


def _plain(text: str) -> str:
    """Text that cannot end a quoted GRUB word."""
    return re.sub(r"[^A-Za-z0-9.+~:_-]", "-", text)
