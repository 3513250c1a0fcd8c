"""What apt tells a Pre-Install-Pkgs hook: protocol version 3, and 2 where an option got lost.

Source: apt.conf(5) "DPkg::Pre-Install-Pkgs", apt-pkg/deb/dpkgpm.cc SendPkgsInfo. Pure: bytes in, facts out.

::

    VERSION 3
    APT%3a%3aArchitecture=amd64            the whole configuration, percent-encoded
    <empty line>
    NAME OLD OLDARCH OLDMULTIARCH < NEW NEWARCH NEWMULTIARCH /path.deb|**CONFIGURE**|**REMOVE**|**ERROR**
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.transaction import Action, PackageChange

_WHERE = "apt's information pipe"
_STATUS = "/var/lib/dpkg/status"
_TRUE = frozenset({"1", "true", "yes", "on", "with", "enable"})  # apt-pkg StringToBool
#: A release upgrade of a desktop is a few hundred kilobytes.
LIMIT_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class AptPlan:
    """What apt is about to do, and the configuration it does it with."""

    changes: tuple[PackageChange, ...]
    configuration: Mapping[str, str]  # the last value of each name; lists repeat theirs

    @property
    def command(self) -> str:
        """The command line, as apt itself joined it; empty for other front ends."""
        return self.configuration.get("CommandLine::AsString", "")

    @property
    def other_root(self) -> str:
        """The root directory that apt works on when it is not this machine's own; empty otherwise."""
        for name in ("RootDir", "Dir", "DPkg::Chroot-Directory"):
            folder = self.configuration.get(name, "")
            if folder.strip("/"):
                return folder
        # An image builder may move the database only, and tell dpkg itself where the files go (DPkg::Options --root=).
        status = self.configuration.get("Dir::State::status", "") or _STATUS
        return "" if "/" + status.strip("/") == _STATUS else status


def parse_apt_plan(stream: bytes) -> AptPlan:
    """The whole stream. Raises NotUnderstood for anything else, a stream that was cut off included."""
    if not stream.endswith(b"\n"):
        raise NotUnderstood("the stream is empty or ends in the middle of a line", where=_WHERE)
    text = stream.decode("utf-8", "surrogateescape")
    first, _, rest = text.partition("\n")
    if first not in {"VERSION 2", "VERSION 3"}:
        raise NotUnderstood(f"no protocol version 2 or 3 in the first line: {first[:60]!r}", where=_WHERE)
    # Only the first empty line separates; a configuration value cannot hold a line break, it is encoded.
    head, separator, tail = ("\n" + rest).partition("\n\n")
    if not separator:
        raise NotUnderstood("no empty line after the configuration", where=_WHERE)
    configuration: dict[str, str] = {}
    for line in head.split("\n"):
        name, equals, value = line.partition("=")
        if equals:
            configuration[_decoded(name)] = _decoded(value)
    purging = configuration.get("APT::Get::Purge", "").lower() in _TRUE
    merged: dict[tuple[str, str], PackageChange] = {}
    for line in tail.split("\n"):
        if line:
            change = _change(line, version_3=first == "VERSION 3", purging=purging)
            key = (change.name, change.architecture)
            # Each unpacked package comes again as **CONFIGURE**: the first line is the one that says what happens.
            if key not in merged or merged[key].action is Action.CONFIGURE:
                merged[key] = change
    return AptPlan(tuple(merged.values()), configuration)


def _decoded(text: str) -> str:
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def _change(line: str, *, version_3: bool, purging: bool) -> PackageChange:
    fields = line.split(" ", 8 if version_3 else 4)
    if len(fields) != (9 if version_3 else 5) or not all(fields):
        raise NotUnderstood(f"not a package line: {line[:120]!r}", where=_WHERE)
    if version_3:
        name, old, old_architecture, _, comparison, new, new_architecture, _, what = fields
    else:
        name, old, comparison, new, what = fields
        old_architecture = new_architecture = "-"
    if comparison not in {"<", "=", ">"}:
        raise NotUnderstood(f"unknown comparison {comparison[:20]!r} in {line[:120]!r}", where=_WHERE)
    return PackageChange(
        name=name,
        architecture=_value(new_architecture) or _value(old_architecture),
        old_version=_value(old),
        new_version=_value(new),
        action=_action(what, comparison, installed=old != "-", purging=purging),
        archive=what if what.startswith("/") else "",
    )


def _value(text: str) -> str:
    return "" if text == "-" else text


def _action(what: str, comparison: str, *, installed: bool, purging: bool) -> Action:
    if what == "**REMOVE**":
        return Action.PURGE if purging else Action.REMOVE
    if what == "**CONFIGURE**":
        return Action.CONFIGURE
    if not installed:
        return Action.INSTALL
    return {"<": Action.UPGRADE, "=": Action.REINSTALL, ">": Action.DOWNGRADE}[comparison]
