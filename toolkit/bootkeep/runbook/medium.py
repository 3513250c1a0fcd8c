"""The rescue medium: what it must be able to do for this host, computed from the facts; and whether this is the right machine."""

from __future__ import annotations

import re

from bootkeep.facts.remedy import Place, Step
from bootkeep.facts.runbook import CALL
from bootkeep.facts.typed import plain
from bootkeep.remedies.assembly import ARRAY, GROUP, LUKS, MULTIPATH
from bootkeep.runbook.host import HostFacts
from bootkeep.runbook.opening import StepRow, disks_enough, luks_version
from bootkeep.runbook.steps import shell

#: What ``uname -m`` prints, by dpkg's name of the architecture.
MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "i386": "i686", "armhf": "armv7l", "ppc64el": "ppc64le"}

#: What opens a layer, with the oldest version that knows all forms of it.
_TOOLS = {
    MULTIPATH: "multipath-tools",
    ARRAY: "mdadm",
    LUKS: "cryptsetup 2.1 or newer (LUKS2)",  # Argon2 and tokens in the form that they have since
    GROUP: "lvm2",
}


def architecture(facts: HostFacts) -> str:
    """As ``uname -m`` prints it."""
    ours = plain(facts.state.identity.architecture)
    return MACHINES.get(ours, ours)


def least_kernel(facts: HostFacts) -> str:
    """``6.1``: the newest kernel of this host. An older one may not know a feature that its file systems have by now."""
    kernels = facts.state.kernels if isinstance(facts.state.kernels, tuple) else ()
    found = [match for kernel in kernels if (match := re.match(r"(\d+)\.(\d+)", kernel.release))]
    return "{}.{}".format(*max((int(match[1]), int(match[2])) for match in found)) if found else ""


def medium_needs(facts: HostFacts) -> tuple[str, ...]:
    """What a medium must have to rescue this host."""
    needs = [architecture(facts) or "the architecture of this host"]
    if least_kernel(facts):
        needs.append(f"Linux {least_kernel(facts)} or newer")
    needs.append(f"starts in {facts.firmware.upper()} mode" if facts.firmware else "starts in UEFI and in BIOS mode")
    if facts.firmware != "bios" and facts.secure_boot != "off":
        needs.append("signed for Secure Boot, made in 2023 or later (older loaders are revoked)")
    kinds = dict.fromkeys(layer.kind for layer in facts.layout.assembly.layers)
    first = all(luks_version(layer, facts) == 1 for layer in facts.layout.assembly.of_kind(LUKS))
    needs += ["cryptsetup" if kind == LUKS and first else _TOOLS[kind] for kind in kinds]
    if any(volume.members > 1 for volume in facts.layout.volumes):
        needs.append("btrfs-progs")
    return tuple(needs)


def medium_line(facts: HostFacts) -> str:
    """The medium of the policy, or which kind to take: an installer's rescue shell lacks lsblk and findmnt."""
    named = plain(facts.policy.site.rescue_medium)
    return named or "not in the policy: a live system (Debian live, Grml, SystemRescue), not an installer"


def medium_steps(facts: HostFacts) -> list[StepRow]:
    """R1 and R2: start it, and see whether it is able."""
    mode = facts.firmware.upper()
    arch = architecture(facts)
    least = least_kernel(facts)
    medium = plain(facts.policy.site.rescue_medium) or "A live system (Debian live, Grml, SystemRescue; no installer)"
    start = Step(
        Place.FIRMWARE,
        f"{medium}. Start it in {mode or 'the mode of this host: NOT KNOWN, mostly UEFI'} mode. It needs: "
        f"{'; '.join(medium_needs(facts))}.",
        expect="a root shell (sudo -i on a live system)",
        minutes=10,
    )
    seen = [mode or "UEFI or BIOS", f"{least or '...'} or higher", arch]
    check = Step(
        Place.RESCUE,
        f"Did it start in {mode} mode, as this host does? Is its kernel new enough?"
        if mode
        else "Write down in which mode it started.",
        ("[ -d /sys/firmware/efi ] && echo UEFI || echo BIOS", "uname -mr"),
        expect=f"{seen[0]}, then {seen[1]}, {seen[2]}",
        on_fail="Wrong mode: restart, choose the medium's other entry in the firmware's boot menu. Too old: another medium",
    )
    return [(start, CALL, ()), (check, CALL, () if mode else ("UEFI or BIOS",))]


def _which_is_missing(facts: HostFacts) -> str:
    """A dead disk is no other machine, where the host can do without one."""
    enough, disks = disks_enough(facts), len(facts.layout.boot_disks)
    if enough and disks > enough:
        return f"A disk may be dead: {enough} of the {disks} disk serials {'is' if enough == 1 else 'are'} enough, write down which"
    return "No disk serial at all: look at the cable, the controller, the set-up of the firmware"


def identify_step(facts: HostFacts) -> StepRow:
    """R3: is it the right machine? By its serial number and by what its disks carry before anything is opened."""
    root = facts.layout.root
    ticks = []
    if facts.state.identity.serial:
        ticks.append(f"serial number {plain(facts.state.identity.serial)}")
    serials = [plain(disk.serial) for disk in facts.layout.boot_disks if disk.serial]
    for serial in dict.fromkeys(serials):  # a disk with two paths is seen twice
        times = serials.count(serial)
        ticks.append(f"disk serial {serial}" + (f", {times} times" if times > 1 else ""))
    ticks += [f"crypto_LUKS {layer.uuid}" for layer in facts.layout.assembly.layers if layer.kind == LUKS]
    if root is not None and root.uuid and not root.stack:
        ticks.append(f"{root.file_system} {root.uuid}")
    boot = facts.layout.at("/boot")
    if boot is not None and boot.uuid and not boot.stack:
        ticks.append(f"{boot.file_system} {boot.uuid}")
    step = shell(
        Place.RESCUE,
        "Is this the right machine? Tick off each. One is missing: STOP, wrong host or old paper.",
        "cat /sys/class/dmi/id/product_serial",
        "lsblk -o NAME,SIZE,TYPE,FSTYPE,UUID,SERIAL",
        expect="; ".join(ticks) if ticks else "READ THIS FROM THE SCREEN, and compare with the machine's sticker",
        on_fail=_which_is_missing(facts),
    )
    return step, CALL, () if ticks else ("serial number", "UUID of the root file system")
