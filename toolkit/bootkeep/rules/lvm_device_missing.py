"""B25: the volume group of a file system that the boot needs lacks a physical volume, or LVM is told not to look at one.

``pvs`` names a missing volume ``[unknown]``; LVM then refuses to activate what lies on it, and with it often the whole group.
A devices file (/etc/lvm/devices/system.devices) hides every volume that it does not list, where LVM is told to use one: EL 9
does by itself, Debian 12 does not. WILL_NOT_BOOT when the volume is one that the root stands on, AT_RISK when it is another of
the same group.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.facts.unknown import Unknown
from bootkeep.probes.storage.chains import below
from bootkeep.probes.storage.stacks import plain_uuid
from bootkeep.rules.rule import Rule

RULE = Rule("lvm-device-missing", "B25")


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Compare the groups below the root with what LVM sees."""
    chain = below(state, "/", "/usr", "/boot", "/var")
    if not any(each.kind == "lvm" for each in chain):
        return
    volumes = state.stacks.physical_volumes
    if not isinstance(volumes, tuple):
        why = volumes.why if isinstance(volumes, Unknown) else "pvs is not installed"
        yield RULE.unknown("whether LVM sees all its volumes", why)
        return
    own = {plain_uuid(each.uuid): each.path for each in chain if each.file_system == "LVM2_member"}
    groups = {volume.group for volume in volumes if plain_uuid(volume.uuid) in own}
    for volume in volumes:
        if volume.missing and volume.group in groups:
            yield RULE.finding(
                Severity.AT_RISK,
                f"The volume group {volume.group}, which the system starts from, lacks the physical volume {volume.uuid}: LVM may "
                "refuse to activate the group.",
                ("pvs --readonly", f"{volume.path} {volume.uuid} {volume.group} missing"),
                subject=volume.group,
            )
    yield from _hidden_by_the_devices_file(state, own)


def _hidden_by_the_devices_file(state: BootState, own: dict[str, str]) -> Iterable[Finding]:
    """``own``: UUIDs of the volumes below the system, and their paths."""
    listed, used = state.stacks.lvm_devices, state.stacks.lvm_devices_used
    if used is False:
        return
    if isinstance(listed, Unknown) and listed.why:
        yield RULE.unknown("whether LVM's devices file lists the root's volumes", listed.why)
    if isinstance(listed, tuple) and listed:
        known = {plain_uuid(each) for each in listed}
        for uuid, path in own.items():
            if uuid in known:
                continue
            if used is not True:
                why = used.why if isinstance(used, Unknown) else "lvmconfig is not installed"
                yield RULE.unknown(f"whether LVM obeys its devices file, which does not list {path}", why)
            else:
                yield RULE.finding(
                    Severity.WILL_NOT_BOOT,
                    f"LVM's devices file does not list {path}, which the system starts from: LVM will not look at it.",
                    ("/etc/lvm/devices/system.devices", "\n".join(listed)),
                    ("lsblk", f"{path} {uuid}"),
                    subject=path,
                )
