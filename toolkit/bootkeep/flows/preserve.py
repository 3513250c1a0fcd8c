"""Preserve: keep the last-good kernel alive, with its own menu entry, at next to no cost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.clock import now_utc
from bootkeep.edges.files import replace_file
from bootkeep.edges.known_digests import sha256_of
from bootkeep.edges.native import kernel_images
from bootkeep.edges.preserved import (
    BOOT_FOLDER,
    KernelFiles,
    PreserveError,
    is_current,
    is_whole,
    preserve_files,
    preserved_kernels,
    put_back_record,
    remove_preserved,
)
from bootkeep.edges.run import run
from bootkeep.edges.store import Store
from bootkeep.facts.kernel import LastGood
from bootkeep.facts.preserved import PreservedKernel
from bootkeep.flows.kernel_beside import beside_of, bls_entry_of
from bootkeep.flows.package_family import installed_packages, kernel_owners
from bootkeep.flows.preserved_menu import Place, arguments_from_command_line, menu_text

MENU = Path("boot/grub/bootkeep.cfg")
_MENU2 = Path("boot/grub2/bootkeep.cfg")
_ENTRIES = Path("boot/loader/entries")
_ARGUMENT = re.compile(r"(?:^|\s)bootkeep\.preserved=(\S+)")
#: An entry of ours that somebody made the default: in grubenv (grub-set-default, grub-reboot) or in grub.cfg (GRUB_DEFAULT).
_CHOSEN = re.compile(
    r"^\s*(?:(?:prev_)?saved_entry=|next_entry=|set\s+default=[\"']?)(?:[^\"'\n]*>)?~?bootkeep-([A-Za-z0-9.+~_-]+)",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class Preserved:
    """One preserved kernel and how it stands."""

    record: PreservedKernel
    whole: bool  # digests verified, modules there
    in_menu: bool  # bootkeep.cfg has its entry
    same_as_packaged: bool  # image and initramfs are byte for byte those of the package: no entry of its own
    put_back: bool = False  # its package went away, and its files at their own paths are bootkeep's


def kernel_files(root: Path, release: str) -> KernelFiles | None:
    """The packaged kernel of one release as files; None when /boot has no image of it.

    The image is told by the release in its own header; an image without one (arm64, a rescue copy) by the name that
    installkernel(8) gives: ``vmlinuz-<release>``.
    """
    image = image_of(root, release)
    if image is None:
        return None
    candidates = (f"/boot/initrd.img-{release}", f"/boot/initramfs-{release}.img", f"/boot/initrd-{release}")
    initramfs = next((path for path in candidates if (root / path[1:]).is_file()), "")
    trees = (f"/usr/lib/modules/{release}", f"/lib/modules/{release}")
    modules = next((path for path in trees if (root / path[1:] / "kernel").is_dir()), "")
    owner = next(iter(kernel_owners(root, image, release)), None)
    if owner is None:
        return KernelFiles(
            release, image, initramfs, modules, entry=bls_entry_of(root, release), beside=beside_of(root, release)
        )
    versions = [owner.version] if owner.version else []
    versions += [
        item.version
        for item in (() if versions else installed_packages(root))
        if item.name == owner.name and (not owner.architecture or item.architecture == owner.architecture)
    ]
    return KernelFiles(
        release,
        image,
        initramfs,
        modules,
        owner.name,
        versions[0] if versions else "",
        entry=bls_entry_of(root, release),
        beside=beside_of(root, release),
        ghost=(root / modules[1:] / "vmlinuz").is_file() if modules else False,
    )


def image_of(root: Path, release: str) -> str | None:
    """The packaged image of a release in /boot, as :func:`kernel_files` tells it."""
    if not release or "/" in release or not (root / "boot").is_dir():
        return None
    rows = [row for row in json.loads(kernel_images.answer(root, "")) if not row["path"].startswith("/boot/bootkeep/")]
    named = [path for path in (f"/boot/vmlinuz-{release}", f"/boot/vmlinux-{release}") if (root / path[1:]).is_file()]
    by_header = [row["path"] for row in rows if row["version"].split(" ", 1)[0] == release]
    if named:
        return named[0]
    return by_header[0] if by_header else None


def preserve_kernel(root: Path, release: str, *, touched: bool = False, last_resort: bool = False) -> PreservedKernel:
    """Preserve one packaged kernel and write the menu. ``touched``: a transaction is about to replace its files.

    ``last_resort``: nothing can stop that transaction. On a full /boot the files get second names, and a menu that cannot be
    written is no reason to give up: they are put back at their own paths. Raises PreserveError; then nothing half-made is left
    and the menu is as it was.
    """
    files = kernel_files(root, release)
    if files is None:
        raise PreserveError(
            f"there is no kernel {release} to preserve",
            where=str(root / "boot"),
            next_step="'ls /boot' shows those there are.",
        )
    record = preserve_files(root, files, now=now_utc(), last_resort=last_resort)
    try:
        write_menu(root, always=frozenset({record.key}) if touched else frozenset())
    except PreserveError:
        if not last_resort:
            raise
    return record


def preserve_last_good(root: Path, good: LastGood) -> PreservedKernel:
    """Preserve the proven kernel, or bring its existing copy into the menu; never another build of the same release.

    Raises PreserveError when neither /boot nor a copy holds that kernel any more.
    """
    for record in preserved_kernels(root):
        if record.image_sha256 == good.image_sha256 and is_whole(root, record):
            write_menu(root)
            return record
    image = image_of(root, good.release)
    if image is None or sha256_of(root / image[1:]) != good.image_sha256:
        raise PreserveError(
            f"the last-good kernel {good.release} {good.package_version} is gone: /boot holds another build or none",
            where=str(root / "boot"),
            next_step="Start a kernel that is there; a healthy boot makes it the last-good one.",
        )
    return preserve_kernel(root, good.release)


def list_preserved(root: Path) -> tuple[Preserved, ...]:
    """All preserved kernels, and whether each could be started right now."""
    try:
        menu = (root / menu_of(root)).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        menu = ""
    files = _entry_keys(root)
    return tuple(
        Preserved(
            record,
            is_whole(root, record),
            f"--id bootkeep-{record.key} " in menu or record.key in files,
            same_as_packaged(root, record),
            put_back_record(root, record.key) is not None,
        )
        for record in preserved_kernels(root)
    )


def _entries_are_files(root: Path) -> bool:
    """Whether the menu is made of files. Where there is no folder for them nothing of it is loaded: hooks come by here."""
    if not (root / _ENTRIES).is_dir():
        return False
    from bootkeep.flows.preserved_bls import has_bls_menu

    return has_bls_menu(root)


def _entry_keys(root: Path) -> frozenset[str]:
    if not (root / _ENTRIES).is_dir():
        return frozenset()
    from bootkeep.flows.preserved_bls import entry_keys

    return entry_keys(root)


def menu_of(root: Path) -> Path:
    """bootkeep.cfg in GRUB's folder: grub on Debian, grub2 on the rpm families (where grub may be a link to it)."""
    return _MENU2 if (root / _MENU2.parent).is_dir() else MENU


def refresh_preserved(root: Path, good: LastGood) -> PreservedKernel | None:
    """Bring the copy of the last-good kernel up to what has just booted; None when there is nothing to do.

    A copy may hold an initramfs from before the root file system moved, or modules from before DKMS built newer ones: then it
    is no way back any more. Only what was on the disk before this boot is proven by it. Raises PreserveError; the old copy
    stays then.
    """
    if running_preserved(root):
        return None
    copies = [record for record in preserved_kernels(root) if record.image_sha256 == good.image_sha256]
    files = kernel_files(root, good.release) if copies else None
    if files is None:
        return None
    try:
        if sha256_of(root / files.image[1:]) != good.image_sha256:
            return None
        if all(is_current(root, record, files) for record in copies if is_whole(root, record)):
            return None
        indexes = f"{files.modules}/modules.dep" if files.modules else ""
        booted_with = [root / path[1:] for path in (files.image, files.initramfs, indexes) if path]
        if any(path.stat().st_mtime >= _started(root) for path in booted_with if path.exists()):
            return None
    except OSError as error:
        raise _menu_error(error, root) from error
    return preserve_files(root, files, now=now_utc(), refresh=True)


def _started(root: Path) -> float:
    """When this boot began, in seconds since the epoch (proc_stat(5), btime)."""
    for line in (root / "proc/stat").read_text(encoding="ascii").splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    return 0.0


def write_menu(
    root: Path, *, always: frozenset[str] = frozenset(), without: frozenset[str] = frozenset()
) -> tuple[str, ...]:
    """Write bootkeep.cfg: one entry for each whole copy that the packaged menu does not already offer; their keys.

    A copy that is byte for byte the packaged kernel gets no entry: it would start the very same kernel under a second name
    and invite picking the wrong one. Keys in ``always`` get one in any case: their packaged files are about to change, and
    there may be no later moment to write it. So does an entry that somebody made the default: without it GRUB would silently
    start another. Keys in ``without`` get none: their files are about to go. Raises PreserveError.
    """
    try:
        return _write_menu(root, always, without)
    except OSError as error:
        raise _menu_error(error, root) from error


def _menu_error(error: OSError, root: Path) -> PreserveError:
    return PreserveError(
        f"the menu of preserved kernels could not be written: {error.strerror or error}",
        where=str(error.filename or root / menu_of(root)),
        next_step="Free some space there, or mount it writable, then run 'bootkeep preserve'.",
    )


def _write_menu(root: Path, always: frozenset[str], without: frozenset[str]) -> tuple[str, ...]:
    always |= chosen_keys(root)
    shown = [
        record
        for record in preserved_kernels(root)
        if record.key not in without
        and is_whole(root, record)
        and (record.key in always or not same_as_packaged(root, record))
    ]
    if _entries_are_files(root):
        from bootkeep.flows.preserved_bls import write_entries

        if not write_entries(root, shown, _place(root)):
            raise PreserveError(
                "the preserved kernel has no boot entry: nothing tells how this machine boots",
                where=str(root / _ENTRIES),
                next_step="Run 'kernel-install add' for a kernel that is here, then try again.",
            )
        return tuple(record.key for record in shown)
    own = menu_of(root)
    folder = root / own.parent
    if not folder.is_dir():  # another boot loader: the copy is there for a hand boot, and patching is not held up
        return ()
    grub_cfg = folder / "grub.cfg"
    text = grub_cfg.read_text(encoding="utf-8", errors="surrogateescape") if grub_cfg.exists() else ""
    pairs = [(record, image_of(root, record.release) or f"vmlinuz-{record.release}") for record in shown]
    menu = menu_text(text, pairs, None)
    if menu is None:
        menu = menu_text(text, pairs, _place(root))
    if menu is None:
        raise PreserveError(
            "the preserved kernel has no menu entry: nothing tells how this machine boots",
            where=str(grub_cfg),
            next_step="Have the menu made again (update-grub, or grub2-mkconfig -o), then try again.",
        )
    content = menu.encode("utf-8", "surrogateescape")
    target = root / own
    if (shown or target.exists()) and (not target.exists() or target.read_bytes() != content):
        replace_file(target, content, mode=0o600)
    if own == _MENU2 and target.exists():
        from bootkeep.flows.custom_cfg import source_it

        source_it(folder / "custom.cfg")
    return tuple(record.key for record in shown)


def chosen_keys(root: Path) -> frozenset[str]:
    """Keys of the preserved kernels that somebody made the default, for good or for one boot."""
    found: set[str] = set()
    for name in ("grubenv", "grub.cfg"):
        path = root / menu_of(root).parent / name
        if path.is_file():
            found.update(_CHOSEN.findall(path.read_text(encoding="utf-8", errors="replace")))
    return frozenset(found)


def _place(root: Path) -> Place | None:
    """How to reach /boot and root when grub.cfg does not say. Only the running system can tell."""
    if root != Path("/"):
        return None
    found = run(["findmnt", "-n", "-o", "UUID,TARGET", "-T", "/boot"], timeout_s=3.0)
    words = found.stdout.split()
    if found.exit_code != 0 or len(words) != 2:
        return None
    arguments = arguments_from_command_line(Path("/proc/cmdline").read_text(encoding="utf-8", errors="replace"))
    return Place(words[0], "" if words[1] == "/boot" else "/boot", arguments) if "root=" in arguments else None


def same_as_packaged(root: Path, record: PreservedKernel) -> bool:
    """Whether the kernel that was preserved still stands in /boot as it was: image and initramfs."""
    image = image_of(root, record.release)
    if image is None:
        return False
    try:
        if sha256_of(root / image[1:]) != record.image_sha256:
            return False
        if not record.initramfs_sha256:
            return True
        names = (f"initrd.img-{record.release}", f"initramfs-{record.release}.img", f"initrd-{record.release}")
        return any(
            (root / "boot" / name).is_file() and sha256_of(root / "boot" / name) == record.initramfs_sha256
            for name in names
        )
    except OSError:
        return False


def running_preserved(root: Path) -> str:
    """The key of the preserved kernel that runs right now; empty when a packaged one does."""
    try:
        found = _ARGUMENT.search((root / "proc/cmdline").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ""
    return found[1] if found else ""


def clean_preserved(root: Path, last_good: LastGood) -> tuple[str, ...]:
    """Remove copies that a newer proven last-good made needless; their keys.

    Kept: the running one, one of the last-good kernel itself, the default entry's, the last copy unless the last-good kernel
    stands in /boot, and those of which files were put back at their own paths (flows.put_back_kernels cleans these first).
    """
    running = running_preserved(root)
    records = preserved_kernels(root)
    image = image_of(root, last_good.release)
    packaged_is_good = image is not None and sha256_of(root / image[1:]) == last_good.image_sha256
    good_copies = [
        record for record in records if record.image_sha256 == last_good.image_sha256 and is_whole(root, record)
    ]
    if not packaged_is_good and not good_copies:
        return ()
    keep = {running, *(record.key for record in good_copies), *chosen_keys(root)}
    keep |= {record.key for record in records if put_back_record(root, record.key)}
    return unpreserve(root, (record.key for record in records if record.key not in keep))


def unpreserve(root: Path, keys: Iterable[str]) -> tuple[str, ...]:
    """Remove preserved kernels and their entries. Refuses the running one: its modules are in use.

    Refuses as well what was put back at its own paths: without the copy nobody would know any more whose files those are.
    """
    going = tuple(dict.fromkeys(keys))
    for key in going:
        if put_back_record(root, key):
            raise PreserveError(
                f"files of {key} stand at their own paths, put back by bootkeep",
                where=BOOT_FOLDER,
                next_step=f"Run 'bootkeep preserve --remove {key}', which takes them away with it.",
            )
    if (running := running_preserved(root)) and running in going:
        raise PreserveError(
            f"{running} is running right now", where="/proc/cmdline", next_step="Start another kernel first."
        )
    if going:  # the entry before the files: an entry that leads nowhere is worse than a copy without one
        write_menu(root, without=frozenset(going))
    for key in going:
        remove_preserved(root, key)
    return going


def last_good_or_none(store: Store) -> LastGood | None:
    """The last-good record when there is a readable one."""
    found = store.last_good()
    return found if isinstance(found, LastGood) else None
