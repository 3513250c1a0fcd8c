"""What the packages of a transaction say of themselves: files and accounts that their scripts make, permissions they ship.

The lines come from the live host's ``package-scripts`` answer. A path counts when it stands in them as a whole, after simple shell
variables were filled in (``CONF=/etc/x`` ... ``$CONF/y``). Accounts come from adduser(8), useradd(8) and sysusers.d(5) lines.
This explains a change; it is no proof of who made it, so it never makes a weakening harmless.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from functools import partial

from bootkeep.facts.codec import from_json
from bootkeep.facts.package_claims import PackageClaims
from bootkeep.facts.reading import Readings
from bootkeep.facts.system import SpecialFile
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.lines import Keyed
from bootkeep.probes.read import Native, Probe
from bootkeep.probes.understand import texts, understood

_SCRIPTS = "native:package-scripts:"
_MODES = "native:package-modes:"
_INTEGRITY = "native:integrity:"
_ASSIGNMENT = re.compile(r"(?:^|[\s;&(])(?:local |export |readonly )?([A-Za-z_]\w*)=[\"']?(/[^\"'\s$;)]+|[\w.-]+)")
_PATH = re.compile(r"/(?:etc|var|usr|boot|opt|srv)/[\w.+@%/-]*[\w+@%-]")
_ACCOUNT = re.compile(
    r"\b(adduser|useradd|addgroup|groupadd|usermod|groupmod|deluser|userdel|delgroup|groupdel)\s+(.*)"
)
_ENDS = re.compile(r"\s*(?:\|\||&&|[|;>)]|2>).*")
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)\}?")
#: Options of the commands above whose next word is their value.
_WITH_VALUE = frozenset(
    {
        *(
            "--home",
            "--shell",
            "--uid",
            "--gid",
            "--ingroup",
            "--gecos",
            "--comment",
            "--firstuid",
            "--lastuid",
            "--conf",
        ),
        *("-d", "-s", "-u", "-g", "-c", "-G", "-k", "-b", "-K", "--base-dir", "--groups", "--home-dir", "--key"),
    }
)
_GROUP_VALUE = frozenset({"--ingroup", "-g", "--gid", "-G", "--groups"})
_NAME = re.compile(r"[A-Za-z_][\w.-]{0,31}\$?")


def parse_scripts(scripts: Mapping[str, str]) -> PackageClaims:
    """Path -> package, account -> package, tool -> packages that call it. The first package by name stands."""
    paths: dict[str, str] = {}
    accounts: dict[str, str] = {}
    tools: dict[str, str] = {}
    # A package of the transaction speaks before one that its triggers bring in.
    for name in sorted(scripts, key=lambda name: ("<-" in name, name)):
        package = name.partition("<-")[0]
        text = _filled(scripts[name])
        for path in _PATH.findall(text):
            paths.setdefault(path.rstrip("."), package)
        for line in text.split("\n"):
            for account in _accounts(line):
                accounts.setdefault(account, package)
            for tool in _TOOLS.findall(line):
                tools.setdefault(tool, package)
    return PackageClaims(paths, accounts, tools)


#: Programs that scripts call to change files on their behalf; compare/claims.py knows which.
_TOOLS = re.compile(
    r"(?<![\w/.-])(?:/usr/sbin/|/usr/bin/|/sbin/)?((?:update|deb|pam|dpkg)-[a-z][\w-]+|ucf|newaliases|(?:add|remove)-shell|ssh-keygen"
    r"|make-ssl-cert|locale-gen|adduser|useradd|addgroup|groupadd|usermod|deluser|delgroup|systemd-sysusers|install-docs)(?![\w.-])"
)


def _filled(text: str) -> str:
    values = dict(_ASSIGNMENT.findall(text))
    for _round in range(2):  # a variable may be made of another
        text = _VARIABLE.sub(partial(_value_of, values), text)
        values |= dict(_ASSIGNMENT.findall(text))
    return text


def _value_of(values: Mapping[str, str], found: re.Match[str]) -> str:
    return values.get(found[1], found[0])


def _accounts(line: str) -> Iterable[str]:
    words = line.split()
    if words[:1] and words[0] in {"u", "u!", "g", "m"} and len(words) >= 2:  # sysusers.d(5)
        yield from (word for word in (words[1], words[2] if words[0] == "m" and len(words) > 2 else "") if word)
        return
    found = _ACCOUNT.search(line)
    if found is None:
        return
    try:
        words = shlex.split(_ENDS.sub("", found[2]))
    except ValueError:  # a quote that another line closes
        words = _ENDS.sub("", found[2]).replace('"', "").replace("'", "").split()
    skip = ""
    for word in words:
        if skip:
            if skip in _GROUP_VALUE and not word.isdigit() and _NAME.fullmatch(word):
                yield word
            skip = ""
        elif word in _WITH_VALUE:
            skip = word
        elif not word.startswith("-") and _NAME.fullmatch(word):
            yield word


def claims_of(readings: Readings) -> Maybe[PackageClaims]:
    """What the scripts of the transaction's packages say; Absent when the snapshot belongs to no transaction."""
    for key in readings:
        if key.startswith(_SCRIPTS):
            return understood(
                readings, Native(key.removeprefix("native:")), lambda text: parse_scripts(texts(text, _SCRIPTS))
            )
    return Absent("maintainer scripts")


def shipped_modes_of(readings: Readings) -> Maybe[tuple[SpecialFile, ...]]:
    """SUID, SGID, capable and open files among those that the transaction's packages ship; Absent without a transaction."""
    for key in readings:
        if key.startswith(_MODES):
            return understood(
                readings,
                Native(key.removeprefix("native:")),
                lambda text: from_json(tuple[SpecialFile, ...], text, where=_MODES),
            )
    return Absent("modes of the packages' files")


def open_files_of(readings: Readings) -> Maybe[Keyed]:
    """File of a package that anybody may write to -> its mode."""
    shipped = shipped_modes_of(readings)
    if isinstance(shipped, (Absent, Unknown)):
        return shipped
    return {file.path: f"mode {file.mode:04o}" for file in shipped if file.mode & 0o002}


def integrity_of(readings: Readings) -> Maybe[Keyed]:
    """File -> ``altered`` or ``missing``; Absent in a snapshot that did not hash the packages' files."""
    for key in readings:
        if key.startswith(_INTEGRITY):
            return understood(readings, Native(key.removeprefix("native:")), lambda text: texts(text, _INTEGRITY))
    return Absent("digests of the packages' files")


def package_probes(packages: Iterable[str]) -> tuple[Probe, ...]:
    """Reads that depend on the transaction's packages, of tiers 1 to 3; nothing for no packages."""
    names = ",".join(sorted(set(packages)))
    if not names:
        return ()
    return (
        Probe("package scripts", (Native(f"package-scripts:{names}"),), claims_of),
        Probe("open file", (Native(f"package-modes:{names}"),), open_files_of),
        Probe("file integrity", (Native(f"integrity:{names}"),), integrity_of, tier=3),
    )


#: For assembling only: their reads name the transaction's packages, see :func:`package_probes`.
OPEN_FILES = Probe("open file", (), open_files_of)
INTEGRITY = Probe("file integrity", (), integrity_of, tier=3)
