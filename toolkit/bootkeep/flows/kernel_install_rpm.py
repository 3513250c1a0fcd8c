"""What installing a kernel would do on a host whose packages are rpm's, as dnf or zypper themselves plan it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable

from bootkeep.edges.run import run
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.machine import OsRelease
from bootkeep.facts.package import Package
from bootkeep.flows.planned import Planned

#: Heads of dnf's table of a transaction, and what happens to the packages below them.
_HEADS = {
    "Installing": "Inst",
    "Installing dependencies": "Inst",
    "Installing weak dependencies": "Inst",
    "Installing group/module packages": "Inst",
    "Upgrading": "Upgr",
    "Downgrading": "Upgr",
    "Reinstalling": "Upgr",
    "Removing": "Remv",
    "Removing dependent packages": "Remv",
    "Removing unused dependencies": "Remv",
}
_REPLACING = re.compile(r"\s+replacing\s+(?P<name>\S+)\s+(?P<version>\S+)\s*$")
_HEAD = re.compile(r"(?P<head>[A-Z][A-Za-z/ ]+):$")
#: zypper's elements, each a list of <solvable name= edition= arch= [edition-old=]>.
_ELEMENTS = {
    "to-install": "Inst",
    "to-upgrade": "Upgr",
    "to-downgrade": "Upgr",
    "to-reinstall": "Upgr",
    "to-remove": "Remv",
}
_TIMEOUT_S = 300


def is_rpm_host(state: BootState) -> bool:
    """Whether this host's packages are rpm's."""
    return isinstance(state.os_release, OsRelease) and state.os_release.family in ("redhat", "suse")


def installed_versions(state: BootState, name: str) -> tuple[str, ...]:
    """Every installed version of a package; raises BootkeepError when that is not known."""
    if not isinstance(state.packages, tuple):
        raise BootkeepError(
            "the installed packages are not known",
            where="rpm's database",
            next_step="Repair it; nothing was installed.",
        )
    return tuple(each.version for each in state.packages if each.name == name)


def has_version(state: BootState, name: str, version: str) -> bool:
    """Whether a package is there, in this version when one is named (its epoch may be left out, as people do)."""
    there = installed_versions(state, name)
    return bool(there) if not version else any(version in (each, each.rpartition(":")[2]) for each in there)


def plan_by_rpm(state: BootState, name: str, version: str) -> tuple[Planned, ...]:
    """The front end's plan for installing ``name`` beside what is there. Raises BootkeepError when it has none."""
    suse = isinstance(state.os_release, OsRelease) and state.os_release.family == "suse"
    if suse:
        target = f"{name}={version}" if version else name
        argv = ["zypper", "--non-interactive", "--xmlout", "install", "--dry-run", "--no-recommends", target]
    else:
        target = f"{name}-{version}" if version else name
        # --assumeno ends with 1 after it has printed the plan.
        argv = ["dnf", "--assumeno", "--color=never", "install", target]
    done = run(argv, timeout_s=_TIMEOUT_S)
    planned = parse_zypper(done.stdout) if suse else parse_dnf(done.stdout)
    if done.missing or not planned:
        said = (done.stderr or done.stdout).strip()[-400:]
        if "Nothing to do" in done.stdout or "Nothing to do" in done.stderr:
            return ()
        raise BootkeepError(
            f"{argv[0]} cannot install {target}: {said}",
            where=" ".join(argv[:1] + argv[-2:]),
            next_step="Check the name, the version and the repositories; nothing was installed.",
        )
    packages = state.packages if isinstance(state.packages, tuple) else ()
    return tuple(_with_old(each, packages) for each in planned)


def parse_dnf(text: str) -> tuple[Planned, ...]:
    """The table that ``dnf --assumeno`` prints. A name too long for its column stands on a line of its own.

    >>> parse_dnf("Upgrading:\\n kernel-core x86_64 6.1-2.el9 updates 5 M\\n\\nTransaction Summary\\n")
    (Planned(verb='Upgr', name='kernel-core', old_version='', new_version='6.1-2.el9'),)
    """
    found: list[Planned] = []
    verb, pending = "", ""
    for line in text.splitlines():
        head = _HEAD.match(line)
        if head:
            verb, pending = _HEADS.get(head["head"], ""), ""
            continue
        if not line.startswith(" ") or not line.strip():
            if line.startswith("Transaction Summary"):
                break
            continue
        replaced = _REPLACING.match(line)
        if verb and replaced:  # an obsoleted package goes, whatever its name
            found.append(_planned("Remv", replaced["name"].rpartition(".")[0], replaced["version"]))
            continue
        fields = f"{pending} {line}".split()
        pending = ""
        if verb and len(fields) < 4:
            pending = " ".join(fields)
        elif verb:
            found.append(_planned(verb, fields[0], fields[2]))
    return tuple(found)


def parse_zypper(text: str) -> tuple[Planned, ...]:
    """The ``install-summary`` of ``zypper --xmlout``; nothing when there is none, or it was cut."""
    start, end = text.find("<install-summary"), text.find("</install-summary>")
    if start < 0 or end < 0:
        return ()
    try:
        # zypper's own words, cut out of them: no document type can stand before this element, so no entity bomb.
        summary = ElementTree.fromstring(text[start : end + len("</install-summary>")])  # noqa: S314
    except ElementTree.ParseError:
        return ()
    return tuple(
        _planned(verb, each.get("name", ""), each.get("edition", ""), each.get("edition-old", ""))
        for element, verb in _ELEMENTS.items()
        for each in summary.iterfind(f"{element}/solvable")
    )


def _planned(verb: str, name: str, version: str, old: str = "") -> Planned:
    if verb == "Remv":
        return Planned(verb, name, version, "")
    return Planned(verb, name, old, version)


def _with_old(planned: Planned, packages: Iterable[Package]) -> Planned:
    """An upgrade takes away what is there of that name; the table does not say which version that is."""
    if planned.verb != "Upgr" or planned.old_version:
        return planned
    there = [each.version for each in packages if each.name == planned.name]
    return Planned(planned.verb, planned.name, there[-1] if there else "", planned.new_version)
