"""rpm's database: every package, and of those that own files where machines boot from also which, and what they provide.

One ``rpm -qa`` for names, provides and folders (about 0.3 s for 600 packages), and one ``rpm -q`` for the files of the few packages
with a folder in /boot or in a modules tree: what a kernel is, is told by them and never by a name. Queries read only.
"""

from __future__ import annotations

import errno
import json
import re
from pathlib import Path

from bootkeep.edges.run import run

#: Where the database lies: /usr/lib/sysimage since Fedora 36, EL 10 and SUSE 15.
FOLDERS = ("var/lib/rpm", "usr/lib/sysimage/rpm")
#: sqlite, ndb, Berkeley DB.
FILES = ("rpmdb.sqlite", "Packages.db", "Packages")
_ROW = "%{NAME}\\t%{ARCH}\\t%|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\\t%{INSTALLTIME}\\t[%{PROVIDENAME} ]\\t[%{DIRNAMES}\\v]\\n"
#: Without the epoch: inside an iteration rpm forgets it after the first file.
_OWNED = "[%{=NAME}\\t%{=ARCH}\\t%{=VERSION}-%{=RELEASE}\\t%{FILENAMES}\\n]"
#: Provides that say "I am a kernel, or a part of one" (dnf's installonlypkgs, zypper's multiversion, EL's kernel.spec).
_PROVIDES = re.compile(r"(?:installonlypkg|multiversion)\([^)]*\)|kernel(?:-[a-z0-9]+)*-uname-r")
_BOOT_FOLDERS = ("/boot/", "/lib/modules/", "/usr/lib/modules/")
_TREE = re.compile(r"(?:/usr)?/lib/modules/([^/]+)(?:/vmlinuz)?$")
_TIMEOUT_S = 30.0


def answer(root: Path, _argument: str) -> str:
    """JSON ``{"packages": [{name, arch, version, installed, provides}], "owners": {path: [[name, arch, version], ...]}}``.

    ``owners`` has the files in /boot and the modules trees' folders and images. Raises FileNotFoundError when there is no
    database, OSError when rpm is not installed or cannot read it.
    """
    if not has_database(root):
        raise FileNotFoundError(errno.ENOENT, "no rpm database", "/var/lib/rpm")
    packages: list[dict[str, object]] = []
    boot: dict[tuple[str, str, str], str] = {}
    for line in _query(root, "-qa", "--qf", _ROW):
        fields = line.split("\t")
        if len(fields) != 6:
            raise OSError(errno.EIO, f"rpm -qa answered what it was not asked: {line[:80]!r}")
        name, arch, version, installed, provides, folders = fields
        wanted = sorted({word for word in provides.split() if _PROVIDES.fullmatch(word)})
        packages.append({"name": name, "arch": arch, "version": version, "installed": installed, "provides": wanted})
        if any(folder.startswith(_BOOT_FOLDERS) for folder in folders.split("\v")):
            boot[name, arch, version.rpartition(":")[2]] = version
    owners: dict[str, list[list[str]]] = {}
    exact = [f"{name}-{version}.{arch}" for (name, arch, _plain), version in boot.items()]
    for line in _query(root, "-q", "--qf", _OWNED, *exact) if boot else ():
        name, arch, plain, path = line.split("\t", 3)
        version = boot.get((name, arch, plain), plain)
        if path.startswith("/boot/") or _TREE.fullmatch(path):
            owners.setdefault(path, []).append([name, arch, version])
    packages.sort(key=lambda row: (str(row["name"]), str(row["arch"]), str(row["version"])))
    return json.dumps({"packages": packages, "owners": owners}, sort_keys=True)


def has_database(root: Path) -> bool:
    """Whether there is a database of rpm's at one of its places."""
    return any((root / folder / name).exists() for folder in FOLDERS for name in FILES)


def place_of(root: Path) -> list[str]:
    """rpm's options for a database. Of a mounted root it is told where: a rescue system's own rpm may keep its elsewhere."""
    if root == Path("/"):
        return []
    folders = [folder for folder in FOLDERS if any((root / folder / name).exists() for name in FILES)]
    return ["--root", str(root), *(("--dbpath", f"/{folders[0]}") if folders else ())]


def _query(root: Path, *arguments: str) -> list[str]:
    done = run(["rpm", *place_of(root), *arguments], timeout_s=_TIMEOUT_S)
    if done.missing:
        raise OSError(errno.ENOPKG, "there is an rpm database, and rpm itself is not installed here to read it")
    if done.timed_out:
        raise TimeoutError(f"rpm {arguments[0]}: no end after {_TIMEOUT_S:g} s")
    if done.exit_code != 0:
        raise OSError(errno.EIO, f"rpm {arguments[0]}: {(done.stderr or done.stdout).strip()[-300:]}")
    # Not splitlines(): that takes \v, which stands between the folders, for the end of a line.
    return [line for line in done.stdout.split("\n") if line]
