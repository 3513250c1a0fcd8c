"""Package archives for disposable hosts: real Debian packages, some of them repacked as newer versions of themselves."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from bootkeep.edges.run import Completed, run
from bootkeep.lab.chroot import LabError, checked

Edit = Callable[[Path], None]


def field(deb: Path, name: str) -> str:
    """One control field of a .deb."""
    return checked(run(["dpkg-deb", "-f", str(deb), name], timeout_s=60), f"reading {deb.name}").stdout.strip()


def repack(deb: Path, folder: Path, *, suffix: str, edit: Edit | None = None, pin: tuple[str, ...] = ()) -> Path:
    """Make the "next version" of a package: same name, version plus ``suffix``, changed by ``edit`` (given the unpacked tree).

    ``pin`` names dependencies that are repacked with the same suffix and that this package requires at its own version.
    The md5sums file is made anew, as dpkg-deb's own tools would, so that ``dpkg --verify`` agrees.
    """
    version = field(deb, "Version")
    with tempfile.TemporaryDirectory(dir=folder) as work:
        tree = Path(work) / "tree"
        checked(run(["dpkg-deb", "-R", str(deb), str(tree)], timeout_s=300), f"unpacking {deb.name}")
        control = tree / "DEBIAN" / "control"
        text = re.sub(r"(?m)^Version: .*$", f"Version: {version}{suffix}", control.read_text(encoding="utf-8"))
        for name in pin:
            text = text.replace(f"{name} (= {version})", f"{name} (= {version}{suffix})")
        control.write_text(text, encoding="utf-8")
        if edit is not None:
            edit(tree)
        _write_md5sums(tree)
        plain_version = f"{version}{suffix}".split(":", 1)[-1]
        target = folder / f"{field(deb, 'Package')}_{plain_version}_{field(deb, 'Architecture')}.deb"
        checked(
            run(["dpkg-deb", "-Zgzip", "-z1", "-b", str(tree), str(target)], timeout_s=600), f"packing {target.name}"
        )
    return target


def _write_md5sums(tree: Path) -> None:
    listed = tree / "DEBIAN" / "md5sums"
    if not listed.exists():
        return
    names = [line.split("  ", 1)[1] for line in listed.read_text(encoding="utf-8").splitlines() if "  " in line]
    lines = []
    for name in names:
        path = tree / name
        if path.is_file():
            with path.open("rb") as stream:
                lines.append(f"{hashlib.file_digest(stream, 'md5').hexdigest()}  {name}")  # what dpkg itself uses
    listed.write_text("\n".join(lines) + "\n", encoding="utf-8")


def index(folder: Path, *, label: str) -> None:
    """Turn a folder of .debs into a flat archive (Packages and Release) that apt reads by a ``file:`` source."""
    packages = checked(_in_folder(folder, ["apt-ftparchive", "packages", "."]), f"indexing {folder.name}").stdout
    (folder / "Packages").write_text(packages, encoding="utf-8")
    options = [f"-oAPT::FTPArchive::Release::{key}={value}" for key, value in _release(label).items()]
    release = checked(
        _in_folder(folder, ["apt-ftparchive", *options, "release", "."]), f"indexing {folder.name}"
    ).stdout
    (folder / "Release").write_text(release, encoding="utf-8")


def _release(label: str) -> dict[str, str]:
    return {"Origin": "bootkeep-lab", "Label": label, "Suite": label, "Codename": "bookworm"}


def _in_folder(folder: Path, argv: list[str]) -> Completed:
    return run(argv, timeout_s=300, directory=str(folder))


def one(folder: Path, pattern: str) -> Path:
    """The only file that matches; LabError when there is none or more than one."""
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise LabError(
            f"{len(found)} files match {pattern}", where=str(folder), next_step="Remove .cache and run again."
        )
    return found[0]


def move_all(source: Path, target: Path) -> None:
    """Move every .deb of a folder to another one."""
    target.mkdir(parents=True, exist_ok=True)
    for deb in sorted(source.glob("*.deb")):
        shutil.move(deb, target / deb.name)
