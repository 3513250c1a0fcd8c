"""B07: the package manager was stopped half-way.

WILL_NOT_BOOT would be a guess: a half-configured mail server boots. AT_RISK when a package that takes part in booting is
unfinished (it owns a kernel, or is the boot loader, the initramfs generator, udev, systemd, kmod or libc), or dpkg asks for a
reinstallation; ADVICE for any other. Pending triggers are finished by the next run and change no file that boots, except
initramfs-tools' own, which writes the image.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.kernel import OwningPackage
from bootkeep.facts.package import Package
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Unknown
from bootkeep.rules.common import installed_kernels
from bootkeep.rules.rule import Rule

RULE = Rule("package-transaction-unfinished", "B07")

#: Source names and prefixes of what a Debian system needs before it can start a service. Not kernels: those are known by
#: ownership of an image.
_BOOT_PACKAGES = frozenset(
    {
        *("initramfs-tools", "initramfs-tools-core", "initramfs-tools-bin", "dracut", "dracut-core", "klibc-utils"),
        *("busybox", "busybox-initramfs", "udev", "systemd", "systemd-sysv", "kmod", "libc6", "init", "dash", "bash"),
        *(
            "cryptsetup-initramfs",
            "lvm2",
            "mdadm",
            "zfs-initramfs",
            "shim-signed",
            "mount",
            "util-linux",
            "libpam-runtime",
        ),
    }
)
_BOOT_PREFIXES = ("grub-", "linux-modules-", "linux-image-")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Look for packages that are neither installed nor gone."""
    if isinstance(state.packages, Unknown):
        yield RULE.unknown("whether the package manager finished its work", state.packages.why)
        return
    if not isinstance(state.packages, tuple):
        return
    owners = {kernel.package.name for kernel in installed_kernels(state) if isinstance(kernel.package, OwningPackage)}
    for package in state.packages:
        if package.settled:
            continue
        yield _finding(package, package.name in owners or takes_part(package))
    if isinstance(state.unmerged_updates, int) and state.unmerged_updates:
        yield RULE.finding(
            Severity.AT_RISK,
            "dpkg was stopped before it wrote its database, or is running now: wait for it, or finish its work first.",
            ("/var/lib/dpkg/updates", f"{state.unmerged_updates} changes that are not merged"),
            subject="dpkg",
        )


def takes_part(package: Package) -> bool:
    """Whether a machine needs the package before it can start a service."""
    return package.name in _BOOT_PACKAGES or package.name.startswith(_BOOT_PREFIXES)


def _finding(package: Package, boots: bool) -> Finding:
    triggers_only = package.state in ("triggers-pending", "triggers-awaited") and package.error_flag == "ok"
    at_risk = package.error_flag != "ok" or (
        boots and (not triggers_only or package.name.startswith("initramfs-tools"))
    )
    reason = "it takes part in booting" if boots else "it takes no part in booting"
    return RULE.finding(
        Severity.AT_RISK if at_risk else Severity.ADVICE,
        f"Package {package.name} {package.version} is {package.state}: its installation did not finish, and {reason}.",
        (
            "/var/lib/dpkg/status",
            f"Package: {package.name}\nStatus: {package.wanted} {package.error_flag} {package.state}",
        ),
        subject=package.name,
    )
