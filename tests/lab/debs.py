"""Packages for the lab: real ones from Debian, by exact name and version, downloaded once; tiny ones, built here and said so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bootkeep.edges.run import run
from bootkeep.lab.host import DisposableHost
from conftest import CACHE

DEBS = CACHE / "debs"
#: Package -> version, all of Debian 12's archive. What the host lacks stands in front of what needs it.
REAL = {
    "vsftpd": "3.0.3-13+b2",
    "at": "3.2.5-1+b1",
    "uuid-runtime": "2.38.1-5+deb12u3",
    "anacron": "2.3-36",
    "liburing2": "2.3-3",
    "plocate": "1.1.18-1",
    "libfuse3-3": "3.14.0-4",
    "fuse3": "3.14.0-4",
    "systemd-coredump": "252.39-1~deb12u2",
    "libell0": "0.56-3",
    "iwd": "2.3-1+deb12u1",
    "debian-ports-archive-keyring": "2025.02.01~deb12u1",
}


@dataclass(frozen=True)
class Tiny:
    """A package of a few lines, for what no small package of Debian does."""

    files: Mapping[str, tuple[str, int]] = field(default_factory=dict)  # path -> text, mode
    postinst: str = ""
    depends: str = ""


def fetch(name: str) -> Path:
    """The .deb of a real package. Fails with the archive's own words when this version is not to be had."""
    DEBS.mkdir(parents=True, exist_ok=True)
    version = REAL[name]
    found = list(DEBS.glob(f"{name}_{version.replace(':', '%3a')}_*.deb"))
    if not found:
        done = run(["apt-get", "download", "-qq", f"{name}={version}"], timeout_s=120, directory=str(DEBS))
        assert done.exit_code == 0, done.stderr
        found = list(DEBS.glob(f"{name}_{version.replace(':', '%3a')}_*.deb"))
    return found[0]


def build(name: str, tiny: Tiny, folder: Path) -> Path:
    """The .deb of a tiny package, version 1."""
    tree = folder / name
    (tree / "DEBIAN").mkdir(parents=True)
    depends = f"Depends: {tiny.depends}\n" if tiny.depends else ""
    (tree / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: Lab <lab@example.org>\n{depends}Description: lab\n"
    )
    for path, (text, mode) in tiny.files.items():
        target = tree / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)
    conffiles = [path for path in tiny.files if path.startswith("/etc/")]
    if conffiles:
        (tree / "DEBIAN/conffiles").write_text("\n".join(conffiles) + "\n")
    if tiny.postinst:
        script = tree / "DEBIAN/postinst"
        script.write_text(f"#!/bin/sh\nset -e\n{tiny.postinst}\n")
        script.chmod(0o755)
    target = folder / f"{name}_1_all.deb"
    done = run(["dpkg-deb", "--root-owner-group", "-b", str(tree), str(target)], timeout_s=60)
    assert done.exit_code == 0, done.stderr
    return target


def put(host: DisposableHost, package: Path) -> str:
    """Copy a .deb into the host; its path there."""
    target = f"/root/debs/{package.name}"
    place = host.path(target)
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(package.read_bytes())
    return target
