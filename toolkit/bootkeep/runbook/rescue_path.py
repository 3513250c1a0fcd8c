"""The rescue path: medium, right machine, mount everything, chroot; and the way out again."""

from __future__ import annotations

from bootkeep.facts.remedy import Place, Step
from bootkeep.facts.runbook import CALL, RESTORE, Box, Item, Section, Text
from bootkeep.facts.typed import plain, shell_word, valid_release
from bootkeep.remedies.common import SAVED
from bootkeep.remedies.layout import Volume
from bootkeep.runbook.appendix import devices_table
from bootkeep.runbook.host import HostFacts, mount_words
from bootkeep.runbook.steps import CARDS, RESCUE, SEE, VERIFY, numbered, section, shell

#: Where the host's root is mounted in the rescue shell.
TARGET = "/mnt/target"

#: What ``uname -m`` prints, by dpkg's name of the architecture.
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64", "i386": "i686", "armhf": "armv7l", "ppc64el": "ppc64le"}

StepRow = tuple[Step, str, tuple[str, ...]]


def rescue_path(facts: HostFacts, saves: tuple[str, ...]) -> Section:
    """R: up to the prompt inside the host's own root. ``saves`` keep the originals of what the cards change."""
    steps = [*_medium(facts), *_identify(facts)]
    if not facts.covered:
        box = Box("NOT COVERED: call. These facts are known", facts.layout.not_covered)
        stop = Step(
            Place.RESCUE,
            "Here this paper ends for this host: its storage has to be assembled by somebody who knows it. "
            "Give them the facts below.",
            expect="somebody who knows it answers",
            on_fail=CALL,
        )
        numbers = numbered(RESCUE, [*steps, (stop, CALL, ())])
        return section(RESCUE, "Rescue medium", (box, *numbers, devices_table(facts)), (CALL,), minutes=45)
    steps += [*_mounts(facts), *_enter(facts), *_keep(saves)]
    choose = Step(
        Place.TARGET,
        "Now do ONE card: the one that stands in 'then' in section W for what you saw. Come back here.",
        expect="the last thing that the card says",
    )
    items: list[Item] = [
        Text(
            "Type in the rescue medium's root shell (sudo -i gets one on a live medium). Nothing before R5 writes to a disk."
        ),
        *numbered(RESCUE, [*steps, (choose, CALL, ())]),
    ]
    return section(RESCUE, "Rescue medium: get into this host's system", items, (VERIFY,), minutes=45)


def _medium(facts: HostFacts) -> list[StepRow]:
    mode = facts.firmware.upper()
    medium = (
        plain(facts.policy.site.rescue_medium) or "A Debian installer (Advanced options, Rescue mode) or live medium"
    )
    ours = plain(facts.state.identity.architecture)
    arch = _MACHINES.get(ours, ours)
    check = Step(
        Place.RESCUE,
        f"Did it start in {mode} mode, as this host does?" if mode else "Write down in which mode it started.",
        ("[ -d /sys/firmware/efi ] && echo UEFI || echo BIOS", "uname -m"),
        expect=f"{mode}, then {arch}" if mode else f"UEFI or BIOS, then {arch}",
        on_fail="Restart, and choose the medium's other entry in the firmware's boot menu",
    )
    start = Step(
        Place.FIRMWARE,
        f"{medium}, same architecture ({arch}). Start it in {mode or 'the mode of this host: NOT KNOWN, mostly UEFI'} mode.",
        expect="a root shell (Alt-F2 on an installer, then Enter)",
        minutes=10,
    )
    return [(start, CALL, ()), (check, CALL, () if mode else ("UEFI or BIOS",))]


def _identify(facts: HostFacts) -> list[StepRow]:
    root = facts.layout.root
    disks = facts.layout.boot_disks
    ticks = []
    if facts.state.identity.serial:
        ticks.append(f"serial number {plain(facts.state.identity.serial)}")
    ticks += [f"disk serial {plain(disk.serial)}" for disk in disks if disk.serial]
    if root is not None and root.uuid:
        ticks.append(f"{root.file_system} UUID {root.uuid}")
    step = shell(
        Place.RESCUE,
        "Is this the right machine? Tick off each. One is missing: STOP, wrong host or old paper.",
        "cat /sys/class/dmi/id/product_serial",
        "lsblk -o NAME,SIZE,TYPE,FSTYPE,UUID,SERIAL",
        expect="; ".join(ticks) if ticks else "READ THIS FROM THE SCREEN, and compare with the machine's sticker",
    )
    return [(step, CALL, () if ticks else ("serial number", "UUID of the root file system"))]


def _mount_step(volume: Volume, facts: HostFacts) -> StepRow:
    place = TARGET if volume.target == "/" else TARGET + volume.target
    where = shell_word(place)
    if not volume.uuid:
        name = "the root file system" if volume.target == "/" else plain(volume.target)
        option = f"-o subvol=/{volume.subvolume} " if volume.subvolume else ""
        ask = "read -r -p 'UUID: ' U"
        step = shell(
            Place.RESCUE,
            f"Mount {name}. Its UUID was not known when this was written.",
            "lsblk -o NAME,SIZE,FSTYPE,LABEL,UUID",
            ask,
            f'mount {shell_word(option.strip()) + " " if " " in volume.subvolume else option}"UUID=$U" {where}',
            expect="nothing: it worked",
            undo=(f"umount {where}",),
            writes=True,
        )
        return (step, CALL, (f"UUID of {name}",))
    step = shell(
        Place.RESCUE,
        f"Mount {plain(volume.target)} ({volume.file_system or 'file system not known'}).",
        f"mount {mount_words(volume)} {where}",
        expect="nothing: it worked",
        on_fail=""
        if volume.target != "/"
        else "'can't find UUID': a disk is missing. Damaged: repair needs the approver",
        undo=(f"umount {where}",),
        writes=True,
    )
    return (step, CALL, ())


def _mounts(facts: HostFacts) -> list[StepRow]:
    volumes = facts.layout.volumes
    modules = sorted({v.file_system for v in volumes if v.file_system in {"xfs", "btrfs", "vfat"}})
    if facts.firmware == "uefi":
        modules.append("efivarfs")
    prepare = [f"modprobe -a {' '.join(modules)}"] if modules else []
    root, *others = volumes
    rows: list[StepRow] = []
    if root.uuid:
        look = shell(
            Place.RESCUE,
            "Look first, without writing: is it this host's root file system?",
            *prepare,
            f"mkdir -p {TARGET}",
            f"mount -o ro{f',subvol=/{root.subvolume}' if root.subvolume else ''} UUID={root.uuid} {TARGET}"
            if " " not in root.subvolume
            else f"mount -o ro,{shell_word('subvol=/' + root.subvolume)} UUID={root.uuid} {TARGET}",
            f"cat {TARGET}/etc/hostname",
            f"umount {TARGET}",
            expect=facts.hostname,
            on_fail="'can't find UUID': wrong host or a disk is missing. 'wrong fs type': file system damaged; think of restoring",
        )
        rows.append((look, RESTORE, ()))
    else:
        rows.append(
            (
                shell(Place.RESCUE, "Make the place to mount it.", *prepare, f"mkdir -p {TARGET}", expect="nothing"),
                CALL,
                (),
            )
        )
    rows += [_mount_step(volume, facts) for volume in (root, *others)]
    binds = shell(
        Place.RESCUE,
        "Lend it this machine's devices, and processes.",
        *(
            ["mountpoint -q /sys/firmware/efi/efivars || mount -t efivarfs efivarfs /sys/firmware/efi/efivars"]
            if facts.firmware == "uefi"
            else []
        ),
        "for d in dev proc sys run; do",
        f"    mount --rbind /$d {TARGET}/$d",
        f"    mount --make-rslave {TARGET}/$d",
        "done",
        expect="nothing: it worked",
        undo=(f"for d in run sys proc dev; do umount -R {TARGET}/$d; done",),
        writes=True,
    )
    table = Step(
        Place.RESCUE,
        "Compare: each of these, and nothing of them missing.",
        (f"findmnt --real -R {TARGET} -o TARGET,UUID",),
        expect="; ".join(f"{TARGET}{'' if v.target == '/' else plain(v.target)} {v.uuid}".strip() for v in volumes),
        on_fail="Mount what is missing: without it, files land in the hidden directory below",
    )
    return [*rows, (binds, CALL, ()), (table, CALL, ())]


def _enter(facts: HostFacts) -> list[StepRow]:
    name = getattr(facts.state.os_release, "pretty_name", "")
    enter = Step(
        Place.RESCUE,
        "Go in. From here on you are in this host's system: IN TARGET.",
        (f"chroot {TARGET} /bin/bash -l", "export PS1='(IN TARGET) # '", ". /etc/os-release; echo $PRETTY_NAME"),
        expect=f"(IN TARGET) #, and {plain(name)}" if name else "(IN TARGET) #, and the name of the system",
        on_fail="'Exec format error': medium of another architecture. '/bin/bash: No such file': /usr is not mounted, or damaged",
    )
    good = facts.good
    rows: list[StepRow] = [(enter, RESTORE, ())]
    if good is not None and valid_release(good.release):
        look = shell(
            Place.TARGET,
            "The kernel to get up with is here, whole. Its release is named in every command: uname -r tells the medium's.",
            f"ls -l {good.kernel_path} {good.initramfs_path}".strip(),
            f"ls -l /lib/modules/{good.release}/modules.dep"
            if not good.preserved
            else "ls /usr/lib/bootkeep/preserved",
            "df -h / /boot",
            "dpkg --audit" if facts.family == "debian" else "true",
            expect="files that are not of size 0; room left; dpkg --audit prints nothing",
        )
    else:
        look = shell(
            Place.TARGET,
            "See which kernels there are, whole.",
            "ls -l /boot/vmlinuz-* /boot/initrd.img-*",
            "ls /lib/modules",
            "df -h / /boot",
            expect="one release that all three have",
        )
    rows.append((look, CARDS + "1", () if good else ("a release that is whole",)))
    return rows


def _keep(saves: tuple[str, ...]) -> list[StepRow]:
    """Copies of everything that a card may change, once, before the first of them."""
    if not saves:
        return []
    step = shell(
        Place.TARGET,
        "Keep copies of what the cards change. A copy that is there already stays: it is the original.",
        f"install -d -m 0700 {SAVED}",
        *(f"cd {SAVED}", *(line.replace(f"{SAVED}/", "") for line in saves), "ls"),
        expect="the names of the copies. 'No such file' for one that this host does not have is all right",
        on_fail="No room: go on, and write down every file before you change it",
        undo=(f"rm -r {SAVED}",),
        writes=True,
    )
    return [(step, CALL, ())]


def way_out(facts: HostFacts) -> tuple[tuple[Step, str], ...]:
    """The last steps of section V: leave the chroot and unmount in the reverse order, then restart."""
    targets = [volume.target for volume in facts.layout.volumes]
    below = [f"umount {shell_word(TARGET + target)}" for target in reversed(targets) if target != "/"]
    leave = Step(Place.TARGET, "Leave the host's system.", ("exit",), expect="the rescue medium's prompt again")
    unmount = shell(
        Place.RESCUE,
        "Write everything out and unmount, the last first. Do not cut the power before this: FAT has no journal.",
        "sync",
        f"for d in run sys proc dev; do umount -R {TARGET}/$d; done",
        *below,
        f"umount {TARGET}",
        f"findmnt -R {TARGET} || echo ALL UNMOUNTED",
        expect="ALL UNMOUNTED",
        on_fail="'target is busy': fuser -vm /mnt/target names the process; leave it, then again",
    )
    restart = Step(Place.RESCUE, "Take the medium out, and restart.", ("reboot",), expect="the host boots", minutes=5)
    return (leave, CALL), (unmount, CALL), (restart, SEE)
