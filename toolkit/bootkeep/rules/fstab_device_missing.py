"""B41: fstab waits for a device that is not there.

systemd waits 90 s for it and then drops into emergency mode (observed: ``Dependency failed for ...``, ``Give root password for
maintenance``). WILL_NOT_BOOT for a file system that has to be mounted; AT_RISK where the boot waits and then goes on without it:
swap, ``_netdev`` (remote-fs.target), ``x-systemd.wanted-by=`` and ``x-systemd.required-by=``; nothing for ``nofail``, ``noauto``
and automounts, which nobody waits for. A folder that is mounted elsewhere (bind) and the file of a loop device have to be there
too, on the running machine. Only names that must resolve on this machine are judged: UUID=, LABEL=, PARTUUID=, PARTLABEL=, paths;
not network or virtual file systems. Source: systemd-fstab-generator (252), asked with lines of each kind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.facts.storage import BlockDevice, FstabLine
from bootkeep.facts.unknown import Unknown
from bootkeep.rules.rule import Rule

RULE = Rule("fstab-device-missing", "B41")

_TAGS = {"UUID": "uuid", "LABEL": "label", "PARTUUID": "partition_uuid", "PARTLABEL": "partition_label"}

#: Documentation/admin-guide/devices.txt, and the mapper's two forms: /dev/mapper/vg-lv, /dev/vg/lv.
_KERNEL_NAME = re.compile(
    r"/dev/(?:(?:sd|vd|xvd|hd)[a-z]+\d*|(?:nvme\d+n|mmcblk|nbd|loop|pmem|zram|rbd)\d+(?:p\d+)?|md\d+(?:p\d+)?|dm-\d+|sr\d+|mapper/.+)$"
)
_FOREIGN = re.compile(r"/dev/(?:disk|md|zvol|drbd|block|shm|rbd|by-\w+)/")

_FOLDERS = {"by-uuid": "UUID", "by-label": "LABEL", "by-partuuid": "PARTUUID", "by-partlabel": "PARTLABEL"}


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Resolve each line."""
    if isinstance(state.fstab, Unknown):
        yield RULE.unknown("the devices that fstab names", state.fstab.why)
        return
    if not isinstance(state.fstab, tuple):
        return
    for text in state.fstab_not_understood:
        yield RULE.finding(
            Severity.ADVICE,
            f"A line of fstab is no mount, to systemd neither: {text}",
            ("/etc/fstab", text),
            subject=text,
        )
    if isinstance(state.running_release, str) and not isinstance(state.container, str):
        for line in state.fstab:
            if line.spec in state.fstab_sources_absent and not waits_for_nobody(line):
                yield _missing(line)
    lines = [line for line in state.fstab if _must_be_there(line)]
    if not lines or isinstance(state.container, str):
        return  # a container's devices are the host's: systemd does not mount fstab's disks there
    if not isinstance(state.block_devices, tuple):
        why = state.block_devices.why if isinstance(state.block_devices, Unknown) else "lsblk is not there"
        yield RULE.unknown("the devices that fstab names", why)
        return
    for line in lines:
        answer = resolves(line.spec, state.block_devices)
        if answer is False:
            yield _missing(line)
        elif answer is None:
            yield RULE.unknown("the devices that fstab names", f"lsblk does not know what {line.spec} leads to")


def waits_for_nobody(line: FstabLine) -> bool:
    """Whether a failing mount does not hold up the boot: ``nofail``, ``noauto``, and automounts, which mount at the first use."""
    return bool({"nofail", "noauto", "x-systemd.automount", "comment=systemd.automount"} & set(line.options))


def goes_on_without(line: FstabLine) -> bool:
    """Whether the boot waits for it and then goes on: it belongs to no target that local file systems stop at."""
    return line.file_system == "swap" or any(
        option == "_netdev" or option.startswith(("x-systemd.wanted-by=", "x-systemd.required-by="))
        for option in line.options
    )


def _must_be_there(line: FstabLine) -> bool:
    if waits_for_nobody(line) or line.file_system in (
        "none",
        "nfs",
        "nfs4",
        "cifs",
        "9p",
        "virtiofs",
    ):
        return False
    tag, mark, _ = line.spec.partition("=")
    return (bool(mark) and tag in _TAGS) or line.spec.startswith("/dev/")


def resolves(spec: str, devices: tuple[BlockDevice, ...]) -> bool | None:
    """Whether a name of fstab leads to a device that lsblk knows; None for links that lsblk does not tell of."""
    tag, mark, value = spec.partition("=")
    folder, slash, name = spec.removeprefix("/dev/disk/").partition("/")
    if slash and folder in _FOLDERS:
        tag, mark, value = _FOLDERS[folder], "=", name
    if mark and tag in _TAGS:
        value = value.strip('"')
        found = (str(getattr(device, _TAGS[tag])) for device in devices)
        return any(value == each or (tag != "LABEL" and value.lower() == each.lower()) for each in found)
    if any(spec == device.path or spec in device.persistent_links or _mapped(spec, device) for device in devices):
        return True
    if spec.startswith("/dev/disk/by-id/"):
        return False if any(device.persistent_links for device in devices) else None
    # A name that the kernel or the mapper gives is not there when lsblk does not list it. Any other is somebody's link (udev's
    # by-path, /dev/md/name, /dev/cdrom, /dev/zvol/..., /dev/drbd/by-res/...), and lsblk tells nothing about those.
    return False if _KERNEL_NAME.match(spec) or (len(spec.split("/")) == 4 and not _FOREIGN.match(spec)) else None


def _mapped(spec: str, device: BlockDevice) -> bool:
    """/dev/vg/lv is /dev/mapper/vg-lv, where dashes inside a name are doubled; lsblk prints the second."""
    parts = spec.removeprefix("/dev/").split("/")
    if len(parts) != 2 or parts[0] in ("mapper", "disk"):
        return False
    return device.path == "/dev/mapper/" + "-".join(part.replace("-", "--") for part in parts)


def _missing(line: FstabLine) -> Finding:
    what = "swap" if line.file_system == "swap" else line.target
    named = line.spec.startswith("/") and not line.spec.startswith("/dev/")
    lasts = "" if named else " 90 seconds"
    return RULE.finding(
        Severity.AT_RISK if goes_on_without(line) else Severity.WILL_NOT_BOOT,
        f"fstab line {line.number} mounts {line.spec} on {what}, and there is no such {'path' if named else 'device'}: "
        + (
            f"the boot waits{lasts} for it and goes on."
            if goes_on_without(line)
            else "the boot ends in emergency mode."
        ),
        ("/etc/fstab", f"{line.spec} {line.target} {line.file_system} {','.join(line.options)} 0 {line.passno}"),
        subject=line.spec,
    )
