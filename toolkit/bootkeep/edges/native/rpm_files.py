"""What rpm's database says of packages' files: configuration, lists, scripts, digests. Queries read only.

``rpm-config-files:`` and ``rpm-files:<package>,...`` are answers of their own; the answers that serve both package managers
(``package-scripts``, ``package-modes``, ``integrity``) ask the functions here as well.
"""

from __future__ import annotations

import errno
import json
import re
from collections.abc import Iterable
from pathlib import Path

from bootkeep.edges.native.rpm_packages import has_database, place_of
from bootkeep.edges.run import run

_TIMEOUT_S = 30.0
#: Without ``--dump`` of all files: ``-c`` leaves the configuration files, and the row before them names their package.
_ROW = ">%{NAME}\\n"
#: rpm(8), --dump: path size mtime digest mode owner group isconfig isdoc rdev symlink. A path may hold blanks.
_DUMP = re.compile(r"(/.*) \d+ \d+ (\S+) 0[0-7]+ \S+ \S+ [01] [01] \d+ .*")
_FILES = "[%{=NAME}\\t%{FILENAMES}\\n]"
_SCRIPTS = (
    ">%{NAME}\\n"
    + "".join(
        f"%|{tag}?{{%{{{tag}}}\\n}}:{{}}|" for tag in ("PRETRANS", "PREIN", "POSTIN", "PREUN", "POSTUN", "POSTTRANS")
    )
    + "[%{TRIGGERSCRIPTS}\\n]"
)
#: rpm(8), --verify: nine marks, what kind of file it is (c: configuration, g: ghost, d: documentation), the path.
_VERIFIED = re.compile(r"(?:(missing)|([.SM5?DLUGTP]{8,9}))\s+([cdglnr])?\s*(/.*?)(?: \(.*\))?")
#: More names than this would not fit into a command line; a transaction of that size is one of the whole system.
_MOST_NAMES = 2000


def answer(root: Path, argument: str) -> str:
    """JSON object, path -> package, for the files of these packages; those that are not installed have none.

    Raises FileNotFoundError without a database, OSError when rpm cannot read it.
    """
    return json.dumps(files_of(root, argument.split(",")))


def config_answer(root: Path) -> str:
    """JSON object, path -> [package, digest], of every configuration file; the digest is empty of ghosts and links."""
    found: dict[str, list[str]] = {}
    package = ""
    for line in _lines(root, ["-qac", "--dump", "--qf", _ROW]):
        if line.startswith(">"):
            package = line[1:]
        elif row := _DUMP.fullmatch(line):
            digest = row[2] if re.fullmatch(r"[0-9a-f]*[1-9a-f][0-9a-f]*", row[2]) else ""
            found.setdefault(row[1], [package, digest])
    return json.dumps(found, sort_keys=True)


def files_of(root: Path, packages: Iterable[str]) -> dict[str, str]:
    """Path -> package for the files of packages; ghosts and folders too. Raises as :func:`answer`."""
    names = _names(packages)
    lines = _lines(root, ["-q", "--qf", _FILES, *names], missing=True) if names else []
    rows = (line.split("\t", 1) for line in lines if "\t" in line)
    return {path: package for package, path in rows if path.startswith("/")}


def scripts_of(root: Path, packages: Iterable[str]) -> dict[str, str]:
    """Package -> the text of its scripts, triggers' included. Raises as :func:`answer`."""
    names = _names(packages)
    found: dict[str, list[str]] = {}
    current: list[str] = []
    marks = {f">{name}": name for name in names}
    absent = {f"package {name} is not installed" for name in names}
    lines = _lines(root, ["-q", "--qf", _SCRIPTS, *names], missing=True) if names else []
    for line in lines:
        if line in marks:
            current = found.setdefault(marks[line], [])
        elif line not in absent:
            current.append(line)
    return {name: "\n".join(lines) for name, lines in found.items() if lines}


def altered_of(root: Path, packages: Iterable[str]) -> dict[str, str]:
    """Path -> ``altered`` or ``missing``, for files that are no configuration. Hashes every file: takes seconds."""
    names = _names(packages)
    found: dict[str, str] = {}
    argv = ["-V", "--nodeps", "--noscripts", *names]
    for line in _lines(root, argv, missing=True) if names else []:
        row = _VERIFIED.fullmatch(line)
        if row is None or row[3] in {"c", "g", "d"}:
            continue
        if row[1] or row[2][2:3] == "5":
            found[row[4]] = "missing" if row[1] else "altered"
    return found


def config_paths_of(root: Path, packages: Iterable[str], *, timeout_s: float) -> list[str]:
    """Configuration files of installed packages, quickly: for a hook."""
    names = _names(packages)
    done = run(["rpm", *place_of(root), "-qc", *names], timeout_s=timeout_s)
    return [line for line in done.stdout.split("\n") if line.startswith("/")]


def config_paths_in(archives: Iterable[str], *, timeout_s: float) -> list[str]:
    """Configuration files that package files bring. An archive that cannot be read is left out: rpm itself refuses it."""
    paths = [path for path in archives if path.startswith("/")][:_MOST_NAMES]
    if not paths:
        return []
    done = run(["rpm", "-qpc", "--nosignature", "--nodigest", *paths], timeout_s=timeout_s)
    return [line for line in done.stdout.split("\n") if line.startswith("/")]


def _names(packages: Iterable[str]) -> list[str]:
    """Plain names only: rpm would take a leading ``-`` for an option and expand ``*``."""
    names = sorted({name for name in packages if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._+-]*", name)})
    if len(names) > _MOST_NAMES:
        raise OSError(errno.E2BIG, f"{len(names)} packages in the transaction")
    return names


def _lines(root: Path, arguments: list[str], *, missing: bool = False) -> list[str]:
    """rpm's answer. ``missing``: some of the named packages may not be installed, and rpm ends with their count."""
    if not has_database(root):
        raise FileNotFoundError(errno.ENOENT, "no rpm database", "/var/lib/rpm")
    done = run(["rpm", *place_of(root), *arguments], timeout_s=_TIMEOUT_S)
    if done.missing:
        raise OSError(errno.ENOPKG, "there is an rpm database, and rpm itself is not installed here to read it")
    if done.timed_out:
        raise TimeoutError(f"rpm {arguments[0]}: no end after {_TIMEOUT_S:g} s")
    if done.exit_code != 0 and (not missing or "error:" in done.stderr):
        raise OSError(errno.EIO, f"rpm {arguments[0]}: {(done.stderr or done.stdout).strip()[-300:]}")
    return [line for line in done.stdout.split("\n") if line]
