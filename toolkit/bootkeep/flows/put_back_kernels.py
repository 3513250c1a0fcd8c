"""Kernels whose package went away and whose files bootkeep put back: listed as kept by bootkeep, and cleaned when needless.

No package owns them, so nobody else would ever take them away. They are kept by identity (the one that runs, the last-good one, the
one that the boot loader is told to start) and by count: never fewer other kernels that can boot than the policy wants.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.known_digests import sha256_of
from bootkeep.edges.native import kernel_images
from bootkeep.edges.preserved import PreserveError, preserved_kernels, put_back_record, save_put_back_record
from bootkeep.edges.store import Store
from bootkeep.edges.vanished import take_tree_away
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.kernel import LastGood
from bootkeep.facts.preserved import PreservedKernel, PutBack
from bootkeep.flows.default_release import default_release
from bootkeep.flows.grub_tools import grub_tools
from bootkeep.flows.package_family import kernel_owners
from bootkeep.flows.preserve import kernel_files, running_preserved, unpreserve

#: An entry goes first, and the image before what it needs: an image without its modules must never be in a menu.
_ENTRY, _IMAGE = "/boot/loader/entries/", "/boot/vmlinuz-"


@dataclass(frozen=True, slots=True)
class KeptByBootkeep:
    """One such kernel."""

    record: PreservedKernel
    files: PutBack
    needed: tuple[str, ...]  # why it stays, in words; empty: the next cleaning takes it away


def kept_by_bootkeep(root: Path, store: Store, *, minimum: int) -> tuple[KeptByBootkeep, ...]:
    """Every kernel of which files were put back and that no package owns again. Raises OSError."""
    found = []
    for record in preserved_kernels(root):
        files = put_back_record(root, record.key)
        if files is not None and not _is_owned(root, files):
            why = (*needed_by_identity(root, store, record), *_needed_by_count(root, record, minimum))
            found.append(KeptByBootkeep(record, files, why))
    return tuple(found)


def clean_put_back(root: Path, store: Store, *, minimum: int) -> tuple[str, ...]:
    """Take away what is needed no longer; the releases. Also forgets what a package owns again. Raises PreserveError.

    One kernel at a time, and the count is taken anew for each. Killed at any point it is done to its end the next time: the record
    of what was put back, and the preserved copy itself, go last.
    """
    gone: list[str] = []
    try:
        for record in preserved_kernels(root):
            files = put_back_record(root, record.key)
            if files is None:
                continue
            if _is_owned(root, files):
                save_put_back_record(root, record.key, None)
            elif not needed_by_identity(root, store, record) and not _needed_by_count(root, record, minimum):
                take_away(root, record, files)
                gone.append(record.release)
    except OSError as error:
        raise _cannot(error) from error
    return tuple(gone)


def take_away(root: Path, record: PreservedKernel, files: PutBack) -> None:
    """Remove what was put back of one kernel: entry, image, what lies beside it, modules. Raises OSError and PreserveError.

    Where another image stands in its place by now nothing is touched: that kernel is somebody else's. The loader's configuration is
    saved before, and the preserved copy is still there behind it: until that goes too, all of this can be put back.
    """
    image = root / f"boot/vmlinuz-{record.release}"
    if not (image.exists() and sha256_of(image) != record.image_sha256):
        if root == Path("/"):
            from bootkeep.flows.loader_configuration import save_loader_configuration

            save_loader_configuration(f"before the kernel {record.release} goes")
        for path in sorted(files.boot, key=_order):
            place = root / path.lstrip("/")
            # What was rebuilt or edited since (an initramfs, an entry's arguments) serves nobody without its image either.
            if ".." not in place.parts and place.name.find(record.release) >= 0:
                place.unlink(missing_ok=True)
        _make_menu_anew(root, record.release)
        if files.tree and record.modules_path:
            take_tree_away(root / record.modules_path.lstrip("/"), root / files.tree.lstrip("/"), files.modules)
    save_put_back_record(root, record.key, None)


def remove_by_hand(root: Path, store: Store, key: str) -> None:
    """Remove one preserved kernel and what was put back of it, because a person says so. Raises PreserveError when it is needed."""
    record = next((each for each in preserved_kernels(root) if each.key == key), None)
    files = put_back_record(root, key)
    if record is not None and files is not None:
        if not _is_owned(root, files):
            if why := needed_by_identity(root, store, record):
                raise PreserveError(
                    f"the kernel {record.release} is kept by bootkeep and cannot go: {', and '.join(why)}",
                    where=f"/boot/vmlinuz-{record.release}",
                    next_step="Start another kernel, make it the default, then run this again.",
                )
            try:
                take_away(root, record, files)
            except OSError as error:
                raise _cannot(error) from error
        save_put_back_record(root, key, None)
    unpreserve(root, [key])


def _order(path: str) -> tuple[bool, bool, str]:
    return (not path.startswith(_ENTRY), not path.startswith(_IMAGE), path)


def _cannot(error: OSError) -> PreserveError:
    return PreserveError(
        f"a kernel that is needed no longer could not be removed: {error.strerror or error}",
        where=str(error.filename or "/boot"),
        next_step="Mount it writable, then run it again.",
    )


def needed_by_identity(root: Path, store: Store, record: PreservedKernel) -> tuple[str, ...]:
    """Why this kernel may not go whatever else is there."""
    why: list[str] = []
    running = _text(root / "proc/sys/kernel/osrelease").strip()
    if running == record.release and not running_preserved(root):
        why.append("it is the one that runs")
    good = store.last_good()
    if not isinstance(good, LastGood):
        why.append("no kernel is on record as last-good")
    elif good.image_sha256 == record.image_sha256:
        why.append("it is the last-good kernel")
    if default_release(root) == record.release:
        why.append("the boot loader starts it by itself")
    if record.release in _text(grub_tools(root).environment):
        why.append("GRUB's environment block names it")
    return tuple(why)


def _needed_by_count(root: Path, record: PreservedKernel, minimum: int) -> tuple[str, ...]:
    rows = json.loads(kernel_images.answer(root, ""))
    whole = (row["path"] for row in rows if not row["error"])
    names = {path.removeprefix(_IMAGE) for path in whole if path.startswith(_IMAGE)} - {record.release}
    others = sorted(name for name in names if _is_complete(root, name))
    if len(others) >= minimum:
        return ()
    return (
        f"beside it there {'is' if len(others) == 1 else 'are'} {len(others)} that can boot, of at least {minimum}",
    )


def _is_complete(root: Path, release: str) -> bool:
    """Whether there is an image and whatever it needs, as far as files tell."""
    files = kernel_files(root, release)
    return files is not None and bool(files.modules) and bool(files.initramfs)


def _is_owned(root: Path, files: PutBack) -> bool:
    """Whether a package owns this kernel again: somebody installed it anew."""
    return bool(kernel_owners(root, f"/boot/vmlinuz-{files.release}", files.release))


def _make_menu_anew(root: Path, release: str) -> None:
    """Where the menu itself names the kernel: its entry must not outlive it."""
    tools = grub_tools(root)
    if root != Path("/") or f"vmlinuz-{release}" not in _text(tools.menu):
        return
    from bootkeep.flows.grub_menu import update_grub

    try:
        update_grub()
    except BootkeepError as error:
        raise PreserveError(error.what, where=error.where, next_step=error.next_step) from error


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
