"""The rpm front ends keep kernels side by side: dnf.conf, yum.conf and zypp.conf, repaired in their own syntax.

dnf keeps ``installonly_limit`` of what provides ``installonlypkg(kernel)``, the running one always among them; which others is
a matter of age alone. So the limit reaches down to the last-good kernel: it is counted, not named. zypper's
``multiversion.kernels`` can name it, and does. A kernel whose package calls itself none is listed by its own name: both front
ends accept that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from bootkeep.edges.files import replace_file
from bootkeep.edges.run import run
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.converged import Converged, StateChange
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.kernel import LastGood, OwningPackage
from bootkeep.facts.machine import OsRelease
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.probes.packages.ini import read_ini, set_ini
from bootkeep.probes.packages.install_only import DNF, ZYPP, parse_dnf, parse_zypp
from bootkeep.rules.common import installed_kernels
from bootkeep.rules.install_only_weak import KERNEL_WORDS, MULTIVERSION, kernel_that_matters

#: Fewer than three leave no way back while a new one is tried.
LEAST = 3
_UNAME = re.compile(r"kernel(?:-[a-z0-9]+)*-uname-r")
_EDITION = re.compile(r"\d[\w.+~^]*-[\w.+~^]+")


def enforce_install_only(state: BootState, *, keep: int, dry_run: bool, root: Path = Path("/")) -> Converged:
    """Have this family's front end keep at least ``keep`` (never fewer than three) kernels, the last-good one among them.

    Raises BootkeepError when the configuration could not be read, or cannot be written.
    """
    family = state.os_release.family if isinstance(state.os_release, OsRelease) else ""
    policy = state.install_only.zypp if family == "suse" else state.install_only.dnf
    if family not in ("redhat", "suse"):
        return Converged(True, "This host's packages are not rpm's: nothing to do.")
    if isinstance(policy, Unknown):
        raise BootkeepError(
            policy.why, where="the front end's configuration", next_step="Make it readable, then run it again."
        )
    path = _path(root, policy.path if not isinstance(policy, Absent) else (ZYPP if family == "suse" else DNF).path)
    if not path.parent.is_dir():
        return Converged(False, f"There is no {path.parent}: this host has no front end that could keep kernels.")
    text = path.read_text("utf-8", "surrogateescape") if path.exists() else ""
    wanted = zypp_wanted(state, text, keep=keep) if family == "suse" else dnf_wanted(state, text, keep=keep)
    present = read_ini(text, "main")
    changes = tuple(
        StateChange(f"{path}: {key}", present.get(key, ""), value)
        for key, value in wanted.items()
        if present.get(key) != value
    )
    if changes and not dry_run:
        mode = path.stat().st_mode & 0o7777 if path.exists() else 0o644
        content = set_ini(text, "main", wanted)
        replace_file(path, content.encode("utf-8", "surrogateescape"), mode=mode)
    said = _in_words(family, wanted, present)
    if changes and dry_run:
        return Converged(True, f"{said} It would be set.", changes)
    if problem := _contradicted(family, root, present | wanted):
        return Converged(False, f"{said} {problem}", changes)
    return Converged(True, said, changes)


def dnf_wanted(state: BootState, text: str, *, keep: int) -> dict[str, str]:
    """Keys of dnf.conf's ``[main]`` that must have another value than dnf would take now."""
    policy = parse_dnf(text)
    wanted: dict[str, str] = {}
    limit = max(keep, LEAST, _rank_of_last_good(state) + 1)
    if not policy.unlimited and policy.limit < limit:
        wanted["installonly_limit"] = str(limit)
    listed = list(policy.listed or ())
    names = [name for name in _unmarked(state, "installonlypkg(") if name not in listed]
    if policy.listed is not None and not KERNEL_WORDS & set(listed):
        names.insert(0, "installonlypkg(kernel)")
    if names:
        # EL 7's yum takes the list instead of its own, dnf adds it to its own: with the kernel's word in it both are right.
        first = [] if "installonlypkg(kernel)" in (*listed, *names) else ["installonlypkg(kernel)"]
        wanted["installonlypkgs"] = ", ".join((*listed, *first, *names))
    if not policy.protects_running:
        wanted["protect_running_kernel"] = "True"
    return wanted


def zypp_wanted(state: BootState, text: str, *, keep: int) -> dict[str, str]:
    """Keys of zypp.conf's ``[main]``: what may be there several times, and what purge-kernels keeps."""
    policy = parse_zypp(text)
    several = [word.strip() for word in policy.multiversion.split(",") if word.strip()]
    more = [word for word in (MULTIVERSION, *_unmarked(state, "multiversion(")) if word not in several]
    wanted = {"multiversion": ", ".join((*several, *more))} if more else {}
    count = max(keep, LEAST)
    latest = ["latest", *(f"latest-{number}" for number in range(1, count))]
    good = _edition(state)
    installed = {
        kernel.package.version.rpartition(":")[2]
        for kernel in installed_kernels(state)
        if isinstance(kernel.package, OwningPackage)
    }
    # An edition that is named and not here any more was the last-good kernel of another day.
    kept = [word for word in policy.kernels if not _EDITION.fullmatch(word) or word in installed or word == good]
    kernels = [*kept, *(word for word in (*latest, "running", *([good] if good else [])) if word not in kept)]
    if tuple(kernels) != policy.kernels:
        wanted["multiversion.kernels"] = ",".join(kernels)
    return wanted


def _rank_of_last_good(state: BootState) -> int:
    """1 for the newest kernel; 0 when none is on record, or it is not installed."""
    good = state.last_good.release if isinstance(state.last_good, LastGood) else ""
    releases = [kernel.release for kernel in installed_kernels(state)]
    return releases.index(good) + 1 if good in releases else 0


def _edition(state: BootState) -> str:
    """``version-release`` of the last-good kernel's package, as multiversion.kernels names it; empty when not known."""
    good = state.last_good.release if isinstance(state.last_good, LastGood) else ""
    for kernel in installed_kernels(state):
        if kernel.release == good and isinstance(kernel.package, OwningPackage):
            return kernel.package.version.rpartition(":")[2]
    return ""


def _unmarked(state: BootState, word: str) -> tuple[str, ...]:
    """Packages of the kernel that matters which do not say that they may be there several times, sorted."""
    kernel = kernel_that_matters(state)
    if kernel is None or not isinstance(kernel.package, OwningPackage):
        return ()
    owner = kernel.package
    packages = state.packages if isinstance(state.packages, tuple) else ()
    parts = {
        each.name
        for each in packages
        if each.version == owner.version and any(_UNAME.fullmatch(said) for said in each.provides)
    }
    marked = {each.name for each in packages if any(said.startswith(word) for said in each.provides)}
    return tuple(sorted({owner.name, *parts} - marked))


def _path(root: Path, path: str) -> Path:
    """The file itself: yum.conf is a link on EL 8 and newer, and a link that is replaced is a link no more."""
    return (root / path.lstrip("/")).resolve()


def _in_words(family: str, wanted: Mapping[str, str], present: Mapping[str, str]) -> str:
    values = {**present, **wanted}
    if family == "suse":
        return f"zypper keeps {values.get('multiversion', '')} side by side: {values.get('multiversion.kernels', '')}."
    limit = values.get("installonly_limit", str(LEAST))
    return f"dnf keeps {'all' if limit == '0' else limit} kernels side by side, the running one in any case."


def _contradicted(family: str, root: Path, values: Mapping[str, str]) -> str:
    """What the front end itself says against the file; empty when it agrees, or has no way to be asked."""
    if family != "redhat" or root != Path("/"):
        return ""
    for argv in (["dnf", "config-manager", "--dump"], ["dnf5", "--dump-main-config"]):
        done = run(argv, timeout_s=60)
        if done.missing or done.exit_code != 0:
            continue
        asked = read_ini(done.stdout, "main")
        for key in ("installonly_limit", "protect_running_kernel"):
            said, meant = asked.get(key, ""), values.get(key, "")
            if (
                said
                and meant
                and said.lower() not in (meant.lower(), {"true": "1", "1": "true"}.get(meant.lower(), ""))
            ):
                return f"But {argv[0]} itself says {key}={said}: another file overrides it. Look into /etc/dnf and its drop-ins."
        return ""
    return ""
