"""Install a kernel beside the others; never upgrade the last way back in place (B03)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bootkeep.edges.run import run
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.errors import BootkeepError, Refused
from bootkeep.facts.kernel import BootFile, Kernel, OwningPackage
from bootkeep.facts.package import Package
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.flows.kernel_install_rpm import has_version, is_rpm_host, plan_by_rpm
from bootkeep.flows.kernel_protection import may_boot, plan_protection
from bootkeep.flows.planned import Planned

PACKAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._-]+")
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+~^_:-]*")
#: One line of `apt-get -s install`: Inst NAME [OLD] (NEW Archive [arch]), Remv NAME [OLD].
PLANNED = re.compile(
    r"^(?P<verb>Inst|Remv|Purg) (?P<name>\S+)(?: \[(?P<old>[^]]*)\])?(?: \((?P<new>\S+))?", re.MULTILINE
)


def parse_simulation(text: str) -> tuple[Planned, ...]:
    """The plan in the output of ``apt-get -s install``.

    >>> parse_simulation("Inst linux-image-a [1] (2 Debian:12 [amd64])\\nConf linux-image-a (2 Debian:12 [amd64])\\n")
    (Planned(verb='Inst', name='linux-image-a', old_version='1', new_version='2'),)
    """
    return tuple(
        Planned(found["verb"], found["name"].split(":")[0], found["old"] or "", found["new"] or "")
        for found in PLANNED.finditer(text)
    )


def installed_version(state: BootState, name: str) -> str:
    """The version of an installed package, empty when it is not installed; raises BootkeepError when that is not known."""
    if isinstance(state.packages, Unknown):
        raise BootkeepError(
            f"the installed packages are not known: {state.packages.why}",
            where="/var/lib/dpkg/status",
            next_step="Repair dpkg's database; nothing was installed.",
        )
    packages: tuple[Package, ...] = () if isinstance(state.packages, Absent) else state.packages
    return next((each.version for each in packages if each.name == name and each.state == "installed"), "")


def plan_kernel_install(state: BootState, name: str, version: str) -> tuple[Planned, ...]:
    """What installing ``name`` (and ``version``, empty for apt's candidate) would do; nothing when it is there.

    Raises Refused when it would replace or remove a kernel that the machine may need to come back, and BootkeepError when
    apt cannot plan it.
    """
    if not PACKAGE_NAME.fullmatch(name) or (version and not VERSION.fullmatch(version)):
        raise BootkeepError(
            f"{name!r} {version!r} is no package name and version",
            where="bootkeep.kernel_installed",
            next_step="Name a package as apt does, e.g. linux-image-6.1.0-50-amd64.",
        )
    if is_rpm_host(state):
        if has_version(state, name, version):
            return ()
        return _safe(state, plan_by_rpm(state, name, version), f"installing {name} {version}".rstrip())
    there = installed_version(state, name)
    if there and version in {"", there}:
        return ()
    target = f"{name}={version}" if version else name
    done = run(["apt-get", "-s", "-o", "Debug::NoLocking=1", "install", target], timeout_s=120)
    if done.exit_code != 0:
        raise BootkeepError(
            f"apt cannot install {target}: {(done.stderr or done.stdout).strip()[-400:]}",
            where="apt-get -s install",
            next_step="Check the name, the version and apt's sources; nothing was installed.",
        )
    return _safe(state, parse_simulation(done.stdout), f"apt-get install {target}")


def _safe(state: BootState, planned: tuple[Planned, ...], what: str) -> tuple[Planned, ...]:
    """The plan itself; raises Refused when it would take a way back."""
    if problems := dangers(state, planned):
        raise Refused(
            " ".join(problems),
            where=what,
            next_step="Preserve that kernel first with `bootkeep preserve`, or install a kernel of another release.",
        )
    return planned


def dangers(state: BootState, planned: Iterable[Planned]) -> tuple[str, ...]:
    """What in a plan would take a way back: one sentence each."""
    needed = plan_protection(state, keep=0).reasons
    kernels = () if isinstance(state.kernels, (Absent, Unknown)) else state.kernels
    able = [kernel for kernel in kernels if may_boot(kernel) and not kernel.preserved]
    problems: list[str] = []
    for each in planned:
        if each.verb == "Inst" and each.old_version in {"", each.new_version}:
            continue  # it comes beside what is there
        for kernel in kernels:
            if kernel.preserved or not isinstance(kernel.package, OwningPackage) or kernel.package.name != each.name:
                continue
            # rpm keeps several versions of one name: only this one goes.
            if each.old_version and kernel.package.version.rpartition(":")[2] != each.old_version.rpartition(":")[2]:
                continue
            why = needed.get(kernel.release, ())
            if able == [kernel]:
                why = ("the only kernel that can boot", *why)
            # "newest" alone is no way back yet: a newer build of it may replace it.
            if set(why) - {"newest"} and not _is_preserved(kernel, kernels):
                how = "removed" if each.verb in {"Remv", "Purg"} else "replaced in place"
                problems.append(f"The kernel {kernel.release} ({', '.join(why)}) would be {how} and is not preserved.")
    return tuple(problems)


def _is_preserved(kernel: Kernel, kernels: Iterable[Kernel]) -> bool:
    return any(other.preserved and _same(other.image, kernel.image) for other in kernels)


def _same(one: BootFile, other: BootFile) -> bool:
    if isinstance(one.sha256, str) and isinstance(other.sha256, str):
        return one.sha256 == other.sha256
    return one.inode == other.inode
