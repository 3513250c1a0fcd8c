"""The boot loader's configuration, saved before each change and restored on request.

A save is a folder ``/var/lib/bootkeep/loader/<UTC>/``: ``files/`` holds copies under their own absolute paths, ``save.json``
names each with its mode and digest and holds debconf's grub answers. A folder without a readable ``save.json`` is not a
save: the copy did not finish.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.clock import now_utc
from bootkeep.edges.files import private_folder, replace_file, sync_folder
from bootkeep.edges.run import run
from bootkeep.facts.codec import from_json, to_json
from bootkeep.facts.errors import BootkeepError

SAVES = Path("/var/lib/bootkeep/loader")
#: Older saves are dropped, except the oldest: it is the host as bootkeep found it.
KEEP_SAVES = 20
#: What decides how GRUB starts. Debian's ESP stub only points to /boot/grub; a wrong one strands the machine all the same.
PATTERNS = (
    "/etc/default/grub",
    "/etc/default/grub.d/*.cfg",
    "/etc/grub.d/*",
    "/boot/grub/grub.cfg",
    "/boot/grub/grubenv",
    "/boot/grub/custom.cfg",
    "/boot/grub/bootkeep.cfg",
    "/boot/grub2/grub.cfg",
    "/boot/grub2/grubenv",
    "/boot/grub2/custom.cfg",
    "/boot/grub2/bootkeep.cfg",
    "/boot/loader/entries/*.conf",
    "/etc/kernel/cmdline",
    "/etc/default/grub_installdevice",
    "/boot/efi/EFI/*/grub.cfg",
)
#: Made from the rest, for the kernels of their day.
MENUS = frozenset({"/boot/grub/grub.cfg", "/boot/grub2/grub.cfg"})
OURS = frozenset({"/boot/grub/bootkeep.cfg", "/boot/grub2/bootkeep.cfg"})
_ENTRIES = "/boot/loader/entries/"
_LOADED = re.compile(r"^\s*linux(?:16|efi)?\s+(\S+)", re.MULTILINE)
#: Only questions that say something about loading: a restore must not answer others.
ANSWERS = "debconf answers"
DEBCONF_PACKAGES = ("grub-pc", "grub-efi-amd64", "grub-efi-arm64")


@dataclass(frozen=True, slots=True)
class SavedFile:
    """One file of a save."""

    path: str
    mode: int
    sha256: str


@dataclass(frozen=True, slots=True)
class LoaderSave:
    """One save."""

    saved_at: str  # UTC, ISO 8601
    reason: str
    files: tuple[SavedFile, ...]
    answers: tuple[str, ...]  # lines for debconf-set-selections(1)
    schema: int = 1
    folder: str = ""  # name below /var/lib/bootkeep/loader


def save_loader_configuration(reason: str, *, root: Path = Path("/")) -> LoaderSave:
    """Copy the configuration as it is now. Saving the same content again gives the earlier save back."""
    saves = private_folder(_below(root, SAVES))
    paths = sorted({path for pattern in PATTERNS for path in root.glob(pattern.lstrip("/")) if _plain(path)})
    files = tuple(
        SavedFile("/" + str(path.relative_to(root)), path.stat().st_mode & 0o7777, _digest(path)) for path in paths
    )
    answers = _answers(root)
    for earlier in reversed(loader_saves(root=root)):
        if (earlier.files, earlier.answers) == (files, answers):
            return earlier
    moment = now_utc()
    name = moment.replace("-", "").replace(":", "")
    # Several changes within one second are numbered; a number is never used again, so that names keep the order.
    numbers = [int(other.name.rpartition("-")[2]) for other in saves.glob(f"{name}-[0-9][0-9][0-9]")]
    folder = saves / f"{name}-{max(numbers, default=0) + 1:03}"
    draft = private_folder(saves / f".{folder.name}.{os.getpid()}.draft")
    try:
        for path, saved in zip(paths, files, strict=True):
            target = draft / "files" / saved.path.lstrip("/")
            private_folder(target.parent)
            shutil.copy2(path, target)
            if _digest(target) != saved.sha256:
                raise BootkeepError(
                    "the file changed while it was saved",
                    where=saved.path,
                    next_step="Run it again; nothing was changed.",
                )
        save = LoaderSave(moment, reason, files, answers, folder=folder.name)
        replace_file(draft / "save.json", to_json(save, indent=2).encode())
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    sync_folder(saves)
    for old in loader_saves(root=root)[1:-KEEP_SAVES]:
        shutil.rmtree(saves / old.folder, ignore_errors=True)
    return save


def loader_saves(*, root: Path = Path("/")) -> tuple[LoaderSave, ...]:
    """Every complete save, oldest first."""
    found: list[LoaderSave] = []
    for path in sorted(_below(root, SAVES).glob("*/save.json")):
        if path.parent.name.startswith("."):
            continue
        try:
            found.append(from_json(LoaderSave, path.read_bytes(), where=str(path)))
        except (BootkeepError, OSError):  # damaged: not a save; the folder stays for a person to look at
            continue
    return tuple(found)


def restore_loader_configuration(folder: str, *, root: Path = Path("/")) -> tuple[str, ...]:
    """Put a save's files and answers back; ``folder`` is its name, ``oldest`` or ``newest``. Returns what changed.

    The present configuration is saved first, so that a restore can be taken back. Files that the save does not have are
    left alone: they may belong to packages that came later. A menu that does not fit today's kernels is not put back but
    made again. Raises BootkeepError when the save is missing or damaged; nothing is changed then.
    """
    save = _chosen(folder, root)
    contents = _contents(save, root)
    save_loader_configuration(f"before restoring {save.folder}", root=root)
    changed = _differences(save, contents, root)
    for saved, content in contents.items():
        if saved.path in changed:
            target = _below(root, Path(saved.path))
            target.parent.mkdir(parents=True, exist_ok=True)
            replace_file(target, content, mode=saved.mode)
    if ANSWERS in changed:
        set_answers(save.answers)
    if changed and root == Path("/") and any(_is_outdated(saved.path, text, root) for saved, text in contents.items()):
        from bootkeep.flows.grub_menu import update_grub
        from bootkeep.flows.grub_tools import grub_tools

        update_grub()
        changed = (*changed, str(grub_tools().menu))
    return changed


def restored_differences(folder: str, *, root: Path = Path("/")) -> tuple[str, ...]:
    """What :func:`restore_loader_configuration` would change."""
    save = _chosen(folder, root)
    return _differences(save, _contents(save, root), root)


def _contents(save: LoaderSave, root: Path) -> dict[SavedFile, bytes]:
    """Every file of a save, checked against its digest before anything is written."""
    contents: dict[SavedFile, bytes] = {}
    for saved in save.files:
        path = _below(root, SAVES) / save.folder / "files" / saved.path.lstrip("/")
        content = path.read_bytes() if path.is_file() else b""
        if not path.is_file() or hashlib.sha256(content).hexdigest() != saved.sha256:
            raise BootkeepError(
                "a saved file is missing or damaged",
                where=f"{save.folder}: {saved.path}",
                next_step="Choose another save; nothing was changed.",
            )
        contents[saved] = content
    return contents


def _differences(save: LoaderSave, contents: dict[SavedFile, bytes], root: Path) -> tuple[str, ...]:
    changed: list[str] = []
    for saved, content in contents.items():
        target = _below(root, Path(saved.path))
        if _is_outdated(saved.path, content, root):
            continue
        if not target.is_file() or target.read_bytes() != content or target.stat().st_mode & 0o7777 != saved.mode:
            changed.append(saved.path)
    if save.answers and save.answers != _answers(root):
        changed.append(ANSWERS)
    return tuple(changed)


def _is_outdated(path: str, content: bytes, root: Path) -> bool:
    """Whether a saved menu loads a kernel that is gone, or knows nothing of one that came: put back, it would not boot."""
    if path not in MENUS | OURS and not path.startswith(_ENTRIES):
        return False
    loaded = set(_LOADED.findall(content.decode("utf-8", "surrogateescape")))
    # As GRUB names them: below /boot, below the root of a /boot of its own, or below a subvolume.
    names = {each.rpartition("/bootkeep/")[2] if "/bootkeep/" in each else Path(each).name for each in loaded}
    boot = root / "boot"
    gone = any(not any((folder / name).is_file() for folder in (boot, boot / "bootkeep", root)) for name in names)
    there = {each.name for each in boot.glob("vmlinu[xz]-*") if each.is_file()}
    # A menu whose entries are files (blscfg) names no kernel at all.
    return gone or (path in MENUS and b"blscfg" not in content and bool(there - names))


def set_answers(lines: tuple[str, ...]) -> None:
    """Give answers to debconf (``package question type value``); raises BootkeepError when it does not take them."""
    done = run(["debconf-set-selections"], timeout_s=60, input_text="\n".join(lines) + "\n")
    if done.exit_code != 0:
        raise BootkeepError(
            f"debconf did not take the answer: {done.stderr.strip()[-300:] or 'no answer'}",
            where="debconf-set-selections",
            next_step="If another package manager runs, wait for its end and run this again.",
        )


def _chosen(folder: str, root: Path) -> LoaderSave:
    saves = loader_saves(root=root)
    chosen = {"oldest": saves[:1], "newest": saves[-1:]}.get(folder, [save for save in saves if save.folder == folder])
    if not chosen:
        raise BootkeepError(
            f"there is no saved loader configuration {folder!r}",
            where=str(SAVES),
            next_step=f"There are: {', '.join(save.folder for save in saves) or 'none'}.",
        )
    return chosen[0]


def _answers(root: Path) -> tuple[str, ...]:
    """debconf's answers about GRUB as lines for debconf-set-selections; only the running system can be asked."""
    if root != Path("/"):
        return ()
    lines: list[str] = []
    for package in DEBCONF_PACKAGES:
        done = run(["debconf-show", package], timeout_s=30)
        if done.exit_code != 0:
            continue
        for line in done.stdout.splitlines():
            question, separator, value = line.lstrip("* ").partition(":")
            if separator and question.endswith("/install_devices"):
                lines.append(f"{package} {question} multiselect {value.strip()}")
            elif separator and question.endswith("/install_devices_empty"):
                lines.append(f"{package} {question} boolean {value.strip() or 'false'}")
    return tuple(lines)


def _plain(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _below(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")
