"""B13: the default entry tells the initramfs to wait for a volume that is not there.

Arguments of dracut and of cryptsetup-initramfs: rd.luks.uuid=, rd.lvm.lv=, rd.md.uuid=, cryptdevice=, and root= where it names a
mapper or array device. Each is resolved by lsblk. dracut waits for every one of them and then stops in its emergency shell:
WILL_NOT_BOOT with a dracut image, AT_RISK else. root=UUID= is judged with the default entry (B08).

What was added for one repair and stayed is judged here too: ``single``, ``emergency``, ``init=/bin/sh``, ``rd.break``, ``break=``.
The machine then stops in a shell on its console, and nobody reaches it: AT_RISK. An image of initramfs-tools that is given no
root= at all stops there as well ("No root device specified"): WILL_NOT_BOOT.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bootkeep.facts.boot_entry import BootEntry
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.kernel import Initramfs
from bootkeep.facts.policy import Policy
from bootkeep.facts.storage import BlockDevice
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.probes.storage.stacks import plain_uuid
from bootkeep.rules.common import default_boot_entry, default_kernel, initramfs_of
from bootkeep.rules.fstab_device_missing import resolves
from bootkeep.rules.rule import Rule

RULE = Rule("kernel-argument-unresolved", "B13")

_WANTED = re.compile(r"(?:^|\s)(rd\.luks\.uuid|rd\.luks\.name|rd\.lvm\.lv|rd\.md\.uuid|cryptdevice|root)=(\S+)")

#: systemd(1) and kernel-command-line(7); initramfs-tools(7) for ``break``; dracut.cmdline(7) for ``rd.break``.
_STOPS = re.compile(
    r"(?:^|\s)(single|s|S|1|emergency|rescue|-b|-s|rd\.emergency|rd\.rescue|systemd\.unit=(?:rescue|emergency)\.target"
    r"|(?:rd)?init=(?:/usr)?/bin/(?:ba|da|z)?sh|(?:rd\.)?break(?:=\S*)?)(?=\s|$)"
)
#: Words with which initramfs-tools needs no root=: another boot script (live, nfs) finds it.
_OTHER_BOOT = re.compile(r"(?:^|\s)(?:root=|boot=|nfsroot=)")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Resolve each argument that names a volume."""
    entry = default_boot_entry(state)
    if entry is None or isinstance(state.container, str):
        return
    kernel = default_kernel(state)
    image = initramfs_of(kernel) if kernel else None
    yield from _stops(entry, image)
    if not isinstance(state.block_devices, tuple):
        return
    dracut = image is not None and image.generator == "dracut"
    for name, value in _WANTED.findall(entry.arguments):
        if _is_there(name, value.strip('"'), state.block_devices) is False:
            yield RULE.finding(
                Severity.WILL_NOT_BOOT if dracut or name == "root" else Severity.AT_RISK,
                f"The default boot entry asks for {name}={value}, and this machine has no such volume.",
                (entry.source, entry.arguments),
                subject=f"{name}={value}",
            )


def _stops(entry: BootEntry, image: Initramfs | None) -> Iterable[Finding]:
    before_init, _, _ = f"{entry.arguments} ".partition(" -- ")  # what follows is for the first program alone
    for word in dict.fromkeys(_STOPS.findall(before_init)):
        yield RULE.finding(
            Severity.AT_RISK,
            f"The default boot entry has '{word}' among its arguments: the machine stops in a shell on its console.",
            (entry.source, entry.arguments),
            subject=word,
        )
    tools = image is not None and image.generator == "initramfs-tools"
    if (
        tools
        and entry.initramfs_paths
        and not entry.doubt
        and not _OTHER_BOOT.search(entry.arguments)
        and not _sets_root(image)
    ):
        yield RULE.finding(
            Severity.WILL_NOT_BOOT,
            "The default boot entry names no root file system (root=): the initramfs stops in its shell.",
            (entry.source, entry.arguments or "no arguments"),
            subject="root",
        )


def _sets_root(image: Initramfs | None) -> bool:
    """Whether the image brings a root of its own (conf/conf.d); one that was not looked into may."""
    return image is None or isinstance(image.texts, (Absent, Unknown))


def _is_there(name: str, value: str, devices: tuple[BlockDevice, ...]) -> bool | None:
    """Whether the volume exists; None where lsblk does not know such names."""
    if name == "root":
        return resolves(value, devices) if value.startswith("/dev/") else None
    if name in ("rd.luks.uuid", "rd.luks.name"):
        wanted = plain_uuid(value.partition("=")[0].removeprefix("luks-"))
        known = [plain_uuid(each.uuid) for each in devices if each.file_system == "crypto_LUKS"]
        return any(uuid.startswith(wanted) for uuid in known) if wanted else None
    if name == "rd.md.uuid":
        known = [plain_uuid(each.uuid) for each in devices if each.file_system == "linux_raid_member"]
        return plain_uuid(value) in known
    if name == "rd.lvm.lv":
        group, _, volume = value.partition("/")
        mapped = f"{group.replace('-', '--')}-{volume.replace('-', '--')}"
        return any(each.kind == "lvm" and each.name == mapped for each in devices) if volume else None
    return resolves(value.partition(":")[0], devices)
