"""B46: ``reboot`` does not go through the boot loader: kexec-tools starts a kernel of its own choice.

LOAD_KEXEC=true in /etc/default/kexec makes every reboot a kexec into KERNEL_IMAGE: GRUB's default, grub-reboot and
the preserved kernel's entry count for nothing. AT_RISK when that image does not exist or is another than the default entry's;
else ADVICE. USE_GRUB_CONFIG=true takes GRUB's default: in order.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Unknown
from bootkeep.rules.common import default_boot_entry, state_path
from bootkeep.rules.rule import Rule

RULE = Rule("kexec-bypasses-loader", "B46")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Read kexec-tools' settings against the default entry. Only where the package is installed."""
    installed = isinstance(state.packages, tuple) and any(
        package.name == "kexec-tools" and package.state == "installed" for package in state.packages
    )
    if not installed:
        return
    settings = state.around.kexec
    if isinstance(settings, Unknown):
        yield RULE.unknown("whether reboot goes through the boot loader", settings.why)
    if not isinstance(settings, tuple):
        return
    values = dict(settings)
    if values.get("LOAD_KEXEC", "false") != "true" or values.get("USE_GRUB_CONFIG", "false") == "true":
        return
    image = values.get("KERNEL_IMAGE", "/vmlinuz")
    entry = default_boot_entry(state)
    path = state_path(state, image)
    there = not isinstance(state.boot_files, tuple) or path in state.boot_files or image in state.boot_files
    other = entry is not None and state_path(state, entry.kernel_path) != path
    yield RULE.finding(
        Severity.AT_RISK if not there or other else Severity.ADVICE,
        f"reboot does not go through GRUB: kexec-tools starts {image}"
        + ("" if there else ", which does not exist")
        + (", another kernel than the default boot entry's." if there and other else "."),
        ("/etc/default/kexec", f"LOAD_KEXEC=true KERNEL_IMAGE={image}"),
        subject=image,
    )
