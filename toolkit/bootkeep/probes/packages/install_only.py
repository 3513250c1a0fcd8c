"""Which packages the rpm front ends install side by side, and how many of them: dnf.conf(5), zypp.conf."""

from __future__ import annotations

import re

from bootkeep.facts.install_only import DnfPolicy, InstallOnly, ZyppPolicy
from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.answers import text_of
from bootkeep.probes.packages.ini import read_ini
from bootkeep.probes.read import File, Probe

#: dnf reads the first; EL 7's yum the second, which on EL 8 and newer is a link to the first.
DNF = File("/etc/dnf/dnf.conf")
YUM = File("/etc/yum.conf")
ZYPP = File("/etc/zypp/zypp.conf")

#: What holds where dnf.conf says nothing (dnf: const.py.in, conf_ref.rst; libdnf5: config_main.cpp).
DNF_LIMIT = 3
_TRUE = frozenset({"1", "yes", "true", "on"})


def words_of(value: str) -> tuple[str, ...]:
    """A list as dnf and zypp write it: by commas or blanks."""
    return tuple(word for word in re.split(r"[,\s]+", value) if word)


def parse_dnf(text: str, path: str = DNF.path) -> DnfPolicy:
    """dnf.conf or yum.conf. Numbers and switches that are none are dnf's own values: it says so and goes on."""
    values = read_ini(text, "main")
    limit = values.get("installonly_limit", str(DNF_LIMIT)).strip()
    number = int(limit) if re.fullmatch(r"\d{1,6}", limit) else DNF_LIMIT
    listed = values.get("installonlypkgs")
    return DnfPolicy(
        path=path,
        listed=None if listed is None else words_of(listed),
        limit=number,
        unlimited=number == 0,
        protects_running=values.get("protect_running_kernel", "1").strip().lower() in _TRUE,
    )


def parse_zypp(text: str) -> ZyppPolicy:
    """zypp.conf."""
    values = read_ini(text, "main")
    return ZyppPolicy(ZYPP.path, values.get("multiversion", ""), words_of(values.get("multiversion.kernels", "")))


def install_only(readings: Readings) -> InstallOnly:
    """Both, as far as their files are here."""
    return InstallOnly(_dnf(readings), _zypp(readings))


def _dnf(readings: Readings) -> Maybe[DnfPolicy]:
    problem: Unknown | None = None
    for read in (DNF, YUM):
        text = text_of(readings, read, read.path)
        if isinstance(text, str):
            return parse_dnf(text, read.path)
        if isinstance(text, Unknown):
            problem = problem or text
    return problem or Absent(DNF.path)


def _zypp(readings: Readings) -> Maybe[ZyppPolicy]:
    text = text_of(readings, ZYPP, ZYPP.path)
    return parse_zypp(text) if isinstance(text, str) else text


INSTALL_ONLY = Probe(name="install-only packages", reads=(DNF, YUM, ZYPP), understand=install_only)
