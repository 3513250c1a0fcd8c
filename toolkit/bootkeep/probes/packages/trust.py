"""What a package manager believes: the repositories of dnf, yum and zypper, and the settings by which signatures are checked.

Sources: dnf.conf(5) and yum.conf(5), "Repo Options"; zypper(8) and libzypp's RepoInfo.cc; apt.conf(5) with apt-secure(8).
Passwords are masked on the host; of a repository's options only those that say where it is and what is checked are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootkeep.probes.lines import Keyed, Texts, name_of, texts_probe
from bootkeep.probes.packages.ini import read_ini, sections_of

#: Where the three keep one file for several repositories: dnf and yum, zypper.
_REPOSITORIES = ("/etc/yum.repos.d/*.repo", "/etc/zypp/repos.d/*.repo")
_PLACE = ("baseurl", "metalink", "mirrorlist")
#: Options that say what of a repository is checked. Others (cost, priority of its own, excludes) are in the file's own change.
_CHECKS = ("gpgcheck", "repo_gpgcheck", "pkg_gpgcheck", "localpkg_gpgcheck", "sslverify", "gpgkey")
_OFF = frozenset({"0", "no", "false", "off"})
#: apt's settings that decide what it believes unchecked (apt.conf(5), apt-secure(8), apt-transport-https(1)).
_APT = re.compile(
    r"(?i)acquire::(allow\S+|check-valid-until|check-date|https::(\S+::)?verify-(peer|host))"
    r"|apt::(get::allowunauthenticated|authentication::trustcdrom)"
)
_APT_LAST = "/etc/apt/apt.conf"
_APT_READS = re.compile(r"[\w.-]*\.conf|[\w-]+")
#: A token of apt's configuration language: a comment, a quoted text, a sign of its own, or a word.
_TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:[^"\\]|\\.)*"|[{};]|#[^\n]*|[^\s{};"]+', re.DOTALL)


def parse_repositories(files: Texts) -> Keyed:
    """``file: [id]`` -> where it is and what is checked, of every repository that is switched on."""
    found: Keyed = {}
    for path, text in sorted(files.items()):
        for section in sections_of(text):
            options = read_ini(text, section)
            if section != "main" and options.get("enabled", "1").lower() not in _OFF:
                place = next((options[name] for name in _PLACE if options.get(name)), "(no address)")
                checks = [f"[{name}={' '.join(options[name].split())}]" for name in _CHECKS if options.get(name)]
                found[f"{path}: [{section}]"] = " ".join([" ".join(place.split()), *checks])
    return found


def parse_trust(files: Texts) -> Keyed:
    """``apt: acquire::allowinsecurerepositories`` or ``/etc/dnf/dnf.conf: gpgcheck`` -> its value; the last of several counts.

    apt reads its folder first and ``apt.conf`` after it, takes names in any case, and no file with another ending (apt.conf(5)).
    """
    found: Keyed = {}
    for path, text in sorted(files.items(), key=lambda item: (item[0] == _APT_LAST, item[0])):
        if path.startswith("/etc/apt/"):
            if _APT_READS.fullmatch(name_of(path)):
                found |= {f"apt: {name.lower()}": value for name, value in apt_settings(text) if _APT.fullmatch(name)}
        else:
            options = read_ini(text, "main")
            found |= {f"{path}: {name}": options[name] for name in _CHECKS[:-1] if options.get(name)}
    return found


def apt_settings(text: str) -> Iterator[tuple[str, str]]:
    """``(Acquire::Check-Valid-Until, false)`` of a file of apt's, in its order; what is not closed at its end is left out."""
    scopes: list[list[str]] = []
    words: list[str] = []
    for sign in _tokens(text):
        if sign == "{":
            scopes.append(words)
            words = []
        elif sign in {"}", ";"}:
            if words and not words[0].startswith("#"):
                # A text alone in a scope is one more value of the scope's own list.
                named = words if len(words) > 1 or not words[0].startswith('"') else ["::", *words]
                name = "::".join(part for part in (*(scope[0] for scope in scopes if scope), named[0]) if part)
                value = " ".join(_plain(word) for word in named[1:])
                yield re.sub(r":{3,}", "::", name), value
            words = []
            if sign == "}" and scopes:
                scopes.pop()
        else:
            words.append(sign)


def _tokens(text: str) -> Iterator[str]:
    for token in _TOKEN.findall(text):
        if not token.startswith(("//", "/*")) and (not token.startswith("#") or token in {"#clear", "#include"}):
            yield token


def _plain(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word.startswith('"') and word.endswith('"') else word


RPM_REPOSITORIES = texts_probe("rpm repository", parse_repositories, *_REPOSITORIES)
TRUST = texts_probe(
    "package trust",
    parse_trust,
    *(_APT_LAST, "/etc/apt/apt.conf.d/*", "/etc/dnf/dnf.conf", "/etc/yum.conf", "/etc/zypp/zypp.conf"),
)
