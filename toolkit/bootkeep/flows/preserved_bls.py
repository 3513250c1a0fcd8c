"""Boot entries of preserved kernels where the menu's entries are files: /boot/loader/entries/~bootkeep-<key>.conf.

The file's name begins with ``~``, which sorts before everything in the loader's order (rpm's rules): ours come last and never
become the default by accident, whatever the machine id. kernel-install and grub2-mkconfig leave files of other names alone, so
they survive every kernel that comes or goes; grubby changes their arguments with the others'.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable
from functools import cmp_to_key
from pathlib import Path

from bootkeep.edges.files import replace_file
from bootkeep.facts.preserved import PreservedKernel
from bootkeep.flows.grub_tools import grub_tools
from bootkeep.flows.preserved_menu import Place
from bootkeep.probes.bootloaders.bls import FOLDER, BlsFile, compare_names, parse_bls

OURS = "~bootkeep-"
_OURS_ARGUMENT = "bootkeep.preserved="
_CALLS = re.compile(r"^\s*blscfg\b", re.MULTILINE)
#: Keys of the pattern's that belong to the machine and not to the kernel.
_KEPT = ("grub_users", "grub_arg", "grub_class", "devicetree", "efi")


def has_bls_menu(root: Path) -> bool:
    """Whether GRUB makes the menu of entries that are files: grub.cfg calls blscfg, and their folder is there."""
    if not (root / FOLDER[1:]).is_dir():
        return False
    for path in (grub_tools(root).menu, root / "boot/grub/grub.cfg"):
        if path.is_file():
            return bool(_CALLS.search(path.read_text("utf-8", "surrogateescape")))
    return False


def packaged_entries(root: Path) -> tuple[BlsFile, ...]:
    """The entries that are not ours, newest first as the menu has them."""
    found = [
        parse_bls(f"{FOLDER}/{path.name}", path.read_text("utf-8", "surrogateescape"))
        for path in sorted((root / FOLDER[1:]).glob("*.conf"))
        if not path.name.startswith((OURS, ".")) and path.is_file()
    ]
    usable = [entry for entry in found if entry.first("linux") and entry.first("options")]
    return tuple(sorted(usable, key=cmp_to_key(_compare), reverse=True))


def _compare(one: BlsFile, two: BlsFile) -> int:
    return compare_names(one.id, two.id)


def entry_text(
    record: PreservedKernel, kept: BlsFile | None, entries: Iterable[BlsFile], place: Place | None
) -> str | None:
    """The file for one preserved kernel; None when nothing tells how this machine boots.

    Learnt from its own entry as it was (``kept``) or is, else from another kernel's: folder and arguments are the machine's. Rescue
    entries (``rescue`` in their name) are no pattern.
    """
    candidates = [*([kept] if kept is not None else []), *entries]
    own = [entry for entry in candidates if posixpath.basename(entry.first("linux")).endswith(f"-{record.release}")]
    others = [entry for entry in candidates if "rescue" not in entry.id]
    pattern = next(iter((*own, *others)), None)
    if pattern is None and place is None:
        return None
    if pattern is not None:
        folder = posixpath.dirname(pattern.first("linux")).rstrip("/")
        words = [word for word in pattern.first("options").split() if not word.startswith(_OURS_ARGUMENT)]
        # Microcode and the like come with the kernel's own image: what is its own, is replaced; a variable stays a variable.
        beside = [
            word
            for line in pattern.all("initrd")
            for word in line.split()
            if word.startswith("$") or not re.search(r"init(?:ramfs|rd)", posixpath.basename(word))
        ]
        kept_lines = [f"{key} {value}" for key, value in pattern.fields if key in _KEPT]
    else:
        assert place is not None
        folder, words, beside, kept_lines = place.prefix, place.arguments.split(), [], []
    own_folder = f"{folder}/bootkeep/{record.key}"
    version = f" ({record.package_version})" if record.package_version else ""
    lines = [
        "# A kernel that bootkeep preserved. Written by bootkeep; 'bootkeep preserve --list' explains it.",
        f"title Linux {record.release}{version}, preserved by bootkeep",
        f"version 0~{record.release}",
        f"linux {own_folder}/vmlinuz",
    ]
    if record.initramfs_sha256:
        early = [word for word in beside if not word.startswith("$")]
        late = [word for word in beside if word.startswith("$")]
        lines.append(" ".join(("initrd", *early, f"{own_folder}/initrd.img", *late)))
    lines.append(f"options {' '.join((*words, f'{_OURS_ARGUMENT}{record.key}'))}")
    return "\n".join((*lines, *kept_lines, ""))


def write_entries(root: Path, shown: Iterable[PreservedKernel], place: Place | None) -> bool:
    """Bring the entries into line with the kernels: new ones written, changed ones replaced, others taken away.

    New ones first: whatever stops this half-way leaves one entry too many, never one too few. False when nothing tells how this
    machine boots; nothing is changed then. Raises OSError.
    """
    folder = root / FOLDER[1:]
    entries = packaged_entries(root)
    texts: dict[str, str] = {}
    for record in shown:
        text = entry_text(record, _kept_entry(root, record.key), entries, place)
        if text is None:
            return False
        texts[f"{OURS}{record.key}.conf"] = text
    for name, text in texts.items():
        target = folder / name
        content = text.encode("utf-8", "surrogateescape")
        if not target.exists() or target.read_bytes() != content:
            replace_file(target, content, mode=0o644)
    for stale in folder.glob(f"{OURS}*.conf"):
        if stale.name not in texts:
            stale.unlink(missing_ok=True)
    return True


def entry_keys(root: Path) -> frozenset[str]:
    """Keys of the preserved kernels that have an entry now."""
    return frozenset(
        path.name.removeprefix(OURS).removesuffix(".conf") for path in (root / FOLDER[1:]).glob(f"{OURS}*.conf")
    )


def take_entries(root: Path) -> tuple[str, ...]:
    """Remove all entries of ours; their paths."""
    gone = []
    for path in sorted((root / FOLDER[1:]).glob(f"{OURS}*.conf")):
        path.unlink(missing_ok=True)
        gone.append(f"{FOLDER}/{path.name}")
    return tuple(gone)


def _kept_entry(root: Path, key: str) -> BlsFile | None:
    """The entry that the kernel had when it was preserved."""
    path = root / "boot/bootkeep" / key / "entry.conf"
    if not path.is_file():
        return None
    kept = parse_bls(str(path), path.read_text("utf-8", "surrogateescape"))
    return kept if kept.first("linux") and kept.first("options") else None
