"""A disposable RPM host's root: the shared base, dressed as one distribution, with the packages of its rpm database in place.

``rpm_root(cache, "el9")`` gives a tar file; ``unpacked`` makes a root of it that ``lab.chroot.in_chroot`` enters, and
``lab.rpm.host`` makes a host of it with a disk and systemd. /srv/rpms in it holds what its transactions install.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.files import replace_file
from bootkeep.edges.run import run
from bootkeep.facts.codec import from_json, to_json
from bootkeep.lab.chroot import checked, in_chroot
from bootkeep.lab.rpm.base import Base, base
from bootkeep.lab.rpm.flavours import FLAVOURS, Flavour, repository
from bootkeep.lab.rpm.packages import FILES, Recipe, build, kernel, spec

Say = Callable[[str], None]
#: Repositories in /srv/rpms, and folders of packages to install by hand.
REPOSITORIES = ("base", "updates")
_MACHINE_ID = "5afeb00700004000800000000000b007"


@dataclass(frozen=True, slots=True)
class RpmRoot:
    """A built root. ``installed``, ``update`` and ``other`` are what kernels say of themselves (``uname -r``)."""

    tar: str
    flavour: str
    installed: str  # the kernel of the rpm database
    update: str  # the newer one in the repository "updates"
    careless: str  # newer still, in /srv/rpms/careless, without installonlypkg(kernel) or multiversion(kernel)
    other: str  # the oldest, in /srv/rpms/named under the names kernel-rt, kernel-uek and kernel6.12


def rpm_root(cache: Path, flavour: str, say: Say) -> RpmRoot:
    """The root of one flavour (``el9``, ``fedora``, ``suse15``), from the cache when this recipe was built before."""
    folder = cache / "rpm"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:  # two runs at a time: the second one waits and finds the root there
        fcntl.flock(lock, fcntl.LOCK_EX)
        shared = base(folder, say)
        note = folder / f"{flavour}-{_digest(shared)}.json"
        tar = note.with_suffix(".tar")
        if note.exists() and tar.exists():
            return from_json(RpmRoot, note.read_bytes(), where=str(note))
        for stale in folder.glob(f"{flavour}-*"):
            stale.unlink()
        say(f"building the disposable RPM host: {flavour}")
        with tempfile.TemporaryDirectory(dir=folder, prefix="build-") as work:
            root = Path(work) / "root"
            root.mkdir()
            unpack(shared.tar, root)
            kind = FLAVOURS[flavour]
            _dress(root, kind)
            _fill(root, kind, shared)
            draft = Path(work) / "root.tar"
            checked(
                run(["tar", "-C", str(root), "--numeric-owner", "--xattrs", "-cf", str(draft), "."], timeout_s=300),
                "packing the root",
            )
            draft.rename(tar)
        other, installed, update, careless = shared.unames
        built = RpmRoot(str(tar), flavour, installed, update, careless, other)
        replace_file(note, to_json(built, indent=2).encode(), mode=0o644)
        return built


def unpacked(built: RpmRoot, root: Path) -> Path:
    """Unpack a built root into an empty folder; some seconds."""
    root.mkdir(parents=True, exist_ok=True)
    unpack(Path(built.tar), root)
    return root


def _digest(shared: Base) -> str:
    digest = hashlib.sha256(str(shared.tar).encode())
    here = Path(__file__).parent
    recipe = [here / name for name in ("base.py", "flavours.py", "packages.py", "root.py")]
    for path in sorted([*recipe, *(here / "specs").iterdir(), *FILES.iterdir()]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def unpack(tar: Path, root: Path) -> None:
    """Unpack a tar file of a root into an empty folder."""
    checked(
        run(["tar", "-C", str(root), "--numeric-owner", "--xattrs", "-xf", str(tar)], timeout_s=300), "unpacking a root"
    )


def _dress(root: Path, kind: Flavour) -> None:
    """The settings that an installer of this distribution leaves."""
    for path, text in kind.settings.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_text(text, encoding="utf-8")
    database = root / kind.database[1:]
    database.mkdir(parents=True, exist_ok=True)
    if kind.database != "/var/lib/rpm":
        shutil.rmtree(root / "var/lib/rpm", ignore_errors=True)
        (root / "var/lib/rpm").symlink_to(f"../..{kind.database}")
    macros = root / "etc/rpm/macros.lab"
    macros.parent.mkdir(parents=True, exist_ok=True)
    macros.write_text(f"%_dbpath {kind.database}\n%_db_backend {kind.backend}\n", encoding="ascii")
    (root / "etc/machine-id").write_text(_MACHINE_ID + "\n", encoding="ascii")
    (root / "etc/hostname").write_text("web01\n", encoding="ascii")
    (root / "etc/debian_version").unlink()
    # Debian's plugin for its own initramfs has nothing to do with this host's.
    (root / "etc/kernel/install.d").mkdir(parents=True, exist_ok=True)
    (root / "etc/kernel/install.d/85-initrd.install").symlink_to("/dev/null")
    (root / "boot/grub2").mkdir(parents=True, exist_ok=True)
    for name in ("install", "mkconfig", "probe", "reboot", "set-default", "editenv", "mkimage", "script-check"):
        tool = next(path for path in ("usr/sbin", "usr/bin") if (root / path / f"grub-{name}").exists())
        (root / tool / f"grub2-{name}").symlink_to(f"grub-{name}")
    (root / "boot/grub").symlink_to("grub2")  # Debian's GRUB has that name built in
    checked(in_chroot(root, ["grub2-editenv", "/boot/grub2/grubenv", "create"]), "making grubenv")


def _fill(root: Path, kind: Flavour, shared: Base) -> None:
    """Build every package, install those that the host starts with, index the rest."""
    store = root / "srv/rpms"
    first = store / "base"
    _release(root, kind, first)
    build(root, Recipe(spec("basesystem"), {"dist": kind.dist}), first)
    other, installed, update, careless = shared.payloads
    common = {"dist": kind.dist}
    build(root, Recipe(spec("grub2-tools"), {**common, "grub_release": "1"}), first)
    build(root, Recipe(spec("acmed"), {**common, "service_version": "1.0", "port": "8001"}), first)
    build(root, kernel(installed, suse=kind.suse, dist=kind.dist), first)
    start = sorted(first.glob("*.rpm"))
    later = store / "updates"
    build(root, Recipe(spec("grub2-tools"), {**common, "grub_release": "2"}), later)
    build(root, Recipe(spec("acmed"), {**common, "service_version": "2.0", "port": "8002"}), later)
    build(root, kernel(update, suse=kind.suse, dist=kind.dist), later)
    build(root, kernel(careless, suse=kind.suse, dist=kind.dist, installonly=False), store / "careless")
    named = store / "named"
    if kind.suse:
        build(root, kernel(other, suse=True, flavour="kernel-rt"), named)
    else:
        for flavour in ("kernel-rt", "kernel-uek"):
            build(root, kernel(other, flavour=flavour, dist=kind.dist), named)
        build(root, kernel(other, flavour="kernel6.12", single=True, dist=kind.dist), named)
    checked(in_chroot(root, ["rpm", "-i", *(f"/srv/rpms/base/{path.name}" for path in start)]), "installing packages")
    for name in REPOSITORIES:
        checked(in_chroot(root, ["createrepo_c", "--quiet", f"/srv/rpms/{name}"]), f"indexing {name}")


def _release(root: Path, kind: Flavour, target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        payload = Path(folder)
        files = dict(kind.released)
        for name in REPOSITORIES:
            files[f"{kind.repositories}/{name}.repo"] = repository(name)
        for path, text in files.items():
            (payload / path).parent.mkdir(parents=True, exist_ok=True)
            (payload / path).write_text(text, encoding="utf-8")
        if kind.suse:
            (payload / "etc/products.d/baseproduct").symlink_to("SLES.prod")
        macros = {"product": kind.product, "product_version": kind.version, "product_major": kind.major}
        build(root, Recipe(spec("release"), {**macros, "dist": kind.dist}, payload), target)
