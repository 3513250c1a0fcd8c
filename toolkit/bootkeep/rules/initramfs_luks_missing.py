"""B23: the root file system is encrypted, and an initramfs cannot open it.

Three things have to be in the image: a program that opens LUKS, the mapper's module (looked at by B22), and a line that says which
volume to open. Default kernel: WILL_NOT_BOOT. Another: AT_RISK. A volume that crypttab names by anything but its UUID is
compared by what lsblk knows; where the image could not be looked into, the question stays UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.kernel import Initramfs, Kernel
from bootkeep.facts.policy import Policy
from bootkeep.facts.storage import BlockDevice
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.probes.storage.chains import initramfs_devices
from bootkeep.probes.storage.stacks import parse_crypttab
from bootkeep.rules.common import all_kernels, default_kernel, label
from bootkeep.rules.rule import Rule

RULE = Rule("initramfs-luks-missing", "B23")

_OPENERS = frozenset({"cryptsetup", "systemd-cryptsetup"})
_TABLES = ("cryptroot/crypttab", "etc/crypttab")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Look into every image for what opens the root's volumes."""
    volumes = [device for device in initramfs_devices(state) if device.file_system == "crypto_LUKS"]
    if not volumes:
        return
    default = default_kernel(state)
    for kernel in all_kernels(state):
        image = kernel.initramfs
        if not isinstance(image, Initramfs) or image.listing_error or image.has_init is not True:
            continue  # said by initramfs-damaged or default-entry-broken
        if isinstance(image.tools, (Absent, Unknown)) or isinstance(image.texts, (Absent, Unknown)):
            why = image.tools.why if isinstance(image.tools, Unknown) else "its contents were not listed"
            yield RULE.unknown(f"whether the initramfs of {label(kernel)} opens the encrypted root", why)
            continue
        yield from _judge_image(
            kernel, image, volumes, Severity.WILL_NOT_BOOT if kernel is default else Severity.AT_RISK
        )


def _judge_image(kernel: Kernel, image: Initramfs, volumes: list[BlockDevice], severity: Severity) -> Iterable[Finding]:
    tools = image.tools if isinstance(image.tools, frozenset) else frozenset[str]()
    texts = dict(image.texts) if isinstance(image.texts, tuple) else {}
    if not tools & _OPENERS:
        yield RULE.finding(
            severity,
            f"The initramfs of {label(kernel)} has no cryptsetup: it cannot open the encrypted root file system.",
            (image.file.path, f"programs inside: {', '.join(sorted(tools)) or 'none that is known'}"),
            ("lsblk", ", ".join(f"{each.path} {each.uuid}" for each in volumes)),
            subject=kernel.release,
        )
        return
    named = [line for path in _TABLES for line in parse_crypttab(texts.get(path, ""))]
    for volume in volumes:
        if not any(_names(line.spec, volume) for line in named):
            yield RULE.finding(
                severity,
                f"The initramfs of {label(kernel)} does not know the encrypted volume {volume.uuid}, which carries the root file "
                "system: nobody is asked for its passphrase.",
                (image.file.path, "\n".join(f"{line.name} {line.spec}" for line in named) or "no crypttab inside"),
                ("lsblk", f"{volume.path} {volume.uuid}"),
                subject=kernel.release,
            )


def _names(spec: str, volume: BlockDevice) -> bool:
    kind, mark, value = spec.partition("=")
    if mark:
        known = {"UUID": volume.uuid, "PARTUUID": volume.partition_uuid, "LABEL": volume.label}
        known["PARTLABEL"] = volume.partition_label
        return known.get(kind.upper(), "").lower() == value.strip('"').lower()
    if spec.startswith("/dev/disk/by-uuid/"):
        return spec.rpartition("/")[2].lower() == volume.uuid.lower()
    return spec == volume.path or spec in volume.persistent_links or spec.startswith("/dev/disk/by-")
