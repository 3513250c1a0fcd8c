"""B03: the kernel that runs was replaced under its own name.

Debian keeps the ABI name over several package versions: the new image, modules and initramfs then overwrite the proven
ones. AT_RISK when nothing proven is left to start (no preserved copy with a menu entry, no other whole kernel): the next
boot is into files that never ran here. ADVICE when a way back exists.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.kernel import Kernel, OwningPackage
from bootkeep.facts.machine import OsRelease
from bootkeep.facts.policy import Policy
from bootkeep.probes.kernels.running import build_of, debian_version_of
from bootkeep.rules.common import all_kernels, entries_of, has_modules, installed_kernels, state_path
from bootkeep.rules.rule import Rule

RULE = Rule("kernel-replaced-in-place", "B03")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Compare what runs with what lies in /boot under the same release."""
    release, running = state.running_release, state.running_version
    if not isinstance(release, str) or not isinstance(running, str):
        return  # nothing of this root runs (rescue shell): the question does not arise
    kernel = next((each for each in installed_kernels(state) if each.release == release), None)
    if kernel is None:
        return
    if _is_rpm(state):  # rpm's versions are in no kernel's text; the texts themselves can be compared
        now, before = build_of(kernel.version_text), build_of(running)
    else:
        now, before = _installed_build(kernel), _running_build(running, kernel)
    if not now or not before or now == before:
        return
    others = [each for each in all_kernels(state) if each is not kernel and _is_way_back(state, each)]
    others.sort(key=lambda each: not each.preserved)  # the build that has booted comes before ones that may never have
    evidence = (("/proc/version", running), (kernel.image.path, kernel.version_text or now))
    if others:
        yield RULE.finding(
            Severity.ADVICE,
            f"Kernel {release} was replaced in place: {before} runs, {now} is installed. A way back exists: "
            f"{_name(others[0])}.",
            *evidence,
            subject=release,
        )
        return
    yield RULE.finding(
        Severity.AT_RISK,
        f"Kernel {release} was replaced in place: {before} runs, {now} is installed, and no other kernel is left. "
        "The next boot is into a build that never ran here.",
        *evidence,
        subject=release,
    )


def _is_rpm(state: BootState) -> bool:
    return isinstance(state.os_release, OsRelease) and state.os_release.family in ("redhat", "suse")


def _running_build(running: str, kernel: Kernel) -> str:
    """The running build in the words that the installed one can be compared in."""
    version = debian_version_of(running)
    return version if version and isinstance(kernel.package, OwningPackage) else build_of(running)


def _installed_build(kernel: Kernel) -> str:
    if isinstance(kernel.package, OwningPackage) and debian_version_of(kernel.version_text):
        return kernel.package.version
    return build_of(kernel.version_text)


def _is_way_back(state: BootState, kernel: Kernel) -> bool:
    if kernel.image_error or not has_modules(kernel):
        return False
    if not kernel.preserved:
        return True
    return any(state_path(state, entry.kernel_path) == kernel.image.path for entry in entries_of(state))


def _name(kernel: Kernel) -> str:
    return f"the preserved {kernel.key}" if kernel.preserved else kernel.release
