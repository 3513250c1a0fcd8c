"""B04: on an rpm host the next update will not keep the kernel that is known to boot.

dnf installs beside each other what provides ``installonlypkg(kernel)``, and takes the oldest away above ``installonly_limit``;
zypper does so only where ``multiversion`` says it; a kernel whose package provides neither is simply replaced. ADVICE: it
concerns the next transaction and not this boot. ``bootkeep.install_only_enforced`` (Salt) puts it right.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.install_only import DnfPolicy, ZyppPolicy
from bootkeep.facts.kernel import Kernel, LastGood, OwningPackage
from bootkeep.facts.machine import OsRelease
from bootkeep.facts.policy import Policy
from bootkeep.rules.common import installed_kernels
from bootkeep.rules.rule import Rule

RULE = Rule("install-only-weak", "B04")

#: Any of these in dnf's list keeps kernels side by side.
KERNEL_WORDS = frozenset({"installonlypkg(kernel)", "kernel", "kernel-core", "kernel-uname-r", "multiversion(kernel)"})
MULTIVERSION = "provides:multiversion(kernel)"
#: Fewer than two is no way back.
_LEAST = 2


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Look at the front end of this family and at the kernel that matters."""
    family = state.os_release.family if isinstance(state.os_release, OsRelease) else ""
    if family == "redhat":
        yield from _dnf(state)
    elif family == "suse":
        yield from _zypp(state)


def kernel_that_matters(state: BootState) -> Kernel | None:
    """The last-good kernel, else the running one, else the newest."""
    good = state.last_good.release if isinstance(state.last_good, LastGood) else ""
    for release in (good, state.running_release, state.newest_release):
        for kernel in installed_kernels(state):
            if kernel.release == release:
                return kernel
    return None


def _dnf(state: BootState) -> Iterable[Finding]:
    dnf = state.install_only.dnf
    if not isinstance(dnf, DnfPolicy):
        return  # no dnf here, or older than this question: nothing that says it will not keep
    if dnf.listed is not None and not KERNEL_WORDS & set(dnf.listed):
        yield _finding(
            "dnf is told to upgrade kernels in place: installonlypkgs names no kernel.",
            dnf.path,
            f"installonlypkgs={' '.join(dnf.listed)}",
        )
    if not dnf.unlimited and dnf.limit < _LEAST:
        yield _finding(
            f"dnf keeps {dnf.limit} kernel only: the next one takes its predecessor away.",
            dnf.path,
            f"installonly_limit={dnf.limit}",
        )
    if not dnf.protects_running:
        yield _finding(
            "dnf may remove the kernel that runs: protect_running_kernel is switched off.",
            dnf.path,
            "protect_running_kernel=False",
        )
    yield from _replaced(state, "installonlypkg(", "dnf", frozenset(dnf.listed or ()))


def _zypp(state: BootState) -> Iterable[Finding]:
    zypp = state.install_only.zypp
    if isinstance(zypp, ZyppPolicy) and MULTIVERSION not in zypp.multiversion.replace(" ", "").split(","):
        yield _finding(
            "zypper upgrades kernels in place: multiversion is not set, so the next update takes the present kernel away.",
            zypp.path,
            f"multiversion = {zypp.multiversion}",
        )
        return
    named = zypp.multiversion.replace(" ", "").split(",") if isinstance(zypp, ZyppPolicy) else ()
    yield from _replaced(state, "multiversion(", "zypper", frozenset(named))


def _replaced(state: BootState, word: str, tool: str, listed: frozenset[str]) -> Iterable[Finding]:
    kernel = kernel_that_matters(state)
    if kernel is None or not isinstance(kernel.package, OwningPackage):
        return
    if kernel.package.name in listed:
        return  # its own name is in the front end's list: as good as its own word
    if not any(provided.startswith(word) for provided in kernel.package.provides):
        yield _finding(
            f"The package {kernel.package.name} of the kernel {kernel.release} does not provide {word}kernel): {tool} upgrades it "
            "in place, and the old kernel is gone.",
            f"rpm -q --provides {kernel.package.name}",
            "\n".join(kernel.package.provides) or "nothing of the kind",
            subject=kernel.release,
        )


def _finding(summary: str, source: str, text: str, subject: str = "") -> Finding:
    return RULE.finding(Severity.ADVICE, summary, (source, text), subject=subject or source)
