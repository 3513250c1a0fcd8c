"""The rescue path: medium, right machine, mount everything, chroot; and the way out again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from bootkeep.facts.remedy import Place, Step
from bootkeep.facts.runbook import CALL, RESTORE, Box, Item, Section, Text
from bootkeep.facts.typed import plain, shell_word, valid_release
from bootkeep.remedies.common import SAVED, has_bls, in_place
from bootkeep.remedies.layout import Volume
from bootkeep.remedies.next_command_line_wrong import right_arguments
from bootkeep.remedies.toolset import EVERY, RPM
from bootkeep.runbook.appendix import devices_list
from bootkeep.runbook.host import HostFacts, mount_option, mount_words
from bootkeep.runbook.medium import identify_step, medium_steps
from bootkeep.runbook.opening import StepRow, closing, opening
from bootkeep.runbook.steps import CARDS, RESCUE, SEE, VERIFY, numbered, section, shell

#: Where the host's root is mounted in the rescue shell.
TARGET = "/mnt/target"


def rescue_path(facts: HostFacts, saves: tuple[str, ...]) -> Section:
    """R: up to the prompt inside the host's own root. ``saves`` keep the originals of what the cards change."""
    steps = [*medium_steps(facts), identify_step(facts)]
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
        return section(
            RESCUE, "Rescue medium", (box, *numbers, devices_list(facts)), (CALL,), minutes=45, new_page=False
        )
    steps += [*opening(facts), *_mounts(facts), *_enter(facts), *_keep(saves)]
    choose = Step(
        Place.TARGET,
        "Now do ONE card: the one that stands in 'then' in section W for what you saw. Come back here.",
        expect="the last thing that the card says",
    )
    listed = numbered(RESCUE, [*steps, (choose, CALL, ())])
    first = next((row.id for row in listed if row.step.writes), listed[-1].id)
    items: list[Item] = [
        Text(f"Type in the rescue medium's root shell. Nothing before {first} writes to a file system."),
        *listed,
    ]
    return section(RESCUE, "Rescue medium: get into this host's system", items, (VERIFY,), minutes=45, new_page=False)


def _mount_step(volume: Volume) -> StepRow:
    place = TARGET if volume.target == "/" else TARGET + volume.target
    where = shell_word(place)
    if not volume.source:
        name = "the root file system" if volume.target == "/" else plain(volume.target)
        option = f"-o {mount_option(volume)} " if volume.subvolume else ""
        ask = "read -r -p 'UUID: ' U"
        step = shell(
            Place.RESCUE,
            f"Mount {name}. Its UUID was not known when this was written.",
            "lsblk -o NAME,SIZE,FSTYPE,LABEL,UUID",
            ask,
            f'mount {option}"UUID=$U" {where}',
            *_private(volume),
            expect="nothing: it worked",
            undo=(f"umount {where}",),
            writes=True,
        )
        return (step, CALL, (f"UUID of {name}",))
    step = shell(
        Place.RESCUE,
        f"Mount {plain(volume.target)} ({volume.file_system or 'file system not known'}).",
        f"mount {mount_words(volume)} {where}",
        *_private(volume),
        expect="nothing: it worked",
        on_fail="'can't find UUID': a disk is missing. Damaged: repair needs the approver",
        undo=(f"umount {where}",),
        writes=True,
    )
    return (step, CALL, ())


def _private(volume: Volume) -> tuple[str, ...]:
    """For the root: what is mounted below it later stays out of the medium's services.

    systemd's have mount namespaces of their own. A copy of /mnt/target/dev in one of them outlives our umount, and with it the
    root file system is "in use" when its volume group or container is to be closed: seen in the drill.
    """
    return (f"mount --make-private {TARGET}",) if volume.target == "/" else ()


def _mount_others(volumes: Sequence[Volume]) -> list[StepRow]:
    """What lies below the root, parents first, in one step."""
    if not volumes:
        return []
    where = {volume.target: shell_word(TARGET + volume.target) for volume in volumes}
    mirrored = sum(volume.file_system == "vfat" for volume in volumes) > 1
    named = ", ".join(f"{plain(volume.target)} ({volume.file_system or 'not known'})" for volume in volumes)
    step = shell(
        Place.RESCUE,
        f"Mount what lies below it, in this order: {named}.",
        *(f"mount {mount_words(volume)} {where[volume.target]}" for volume in volumes),
        expect="nothing: it worked",
        on_fail="'can't find UUID': a disk is missing" + (". One ESP of two is enough to go on" if mirrored else ""),
        undo=tuple(f"umount {where[volume.target]}" for volume in reversed(volumes)),
        writes=True,
    )
    return [(step, CALL, ())]


def _mounts(facts: HostFacts) -> list[StepRow]:
    volumes = facts.layout.volumes
    modules = sorted({v.file_system for v in volumes if v.file_system in {"xfs", "btrfs", "vfat"}})
    if facts.firmware == "uefi":
        modules.append("efivarfs")
    prepare = [f"modprobe -a {' '.join(modules)}"] if modules else []
    root, *others = volumes
    rows: list[StepRow] = []
    if root.source:
        option = ",".join(("ro", *([mount_option(root)] if mount_option(root) else [])))
        look = shell(
            Place.RESCUE,
            "Look first, without writing: is it this host's root file system?",
            *prepare,
            f"mkdir -p {TARGET}",
            f"mount -o {option} {root.source} {TARGET}",
            f"cat {TARGET}/etc/hostname",
            f"umount {TARGET}",
            expect=facts.hostname,
            on_fail="'can't find UUID', 'does not exist': a step before has failed, or a disk is missing. 'wrong fs type': "
            "file system damaged; think of restoring",
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
    rows.append(_mount_step(root))
    for known, run in groupby(others, key=lambda volume: bool(volume.source)):
        some = list(run)
        rows += _mount_others(some) if known else [_mount_step(volume) for volume in some]
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
        (f"findmnt --real -R {TARGET} -o TARGET,SOURCE,UUID",),
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
            facts.tools.audit if facts.family in EVERY else "true",
            expect=f"files that are not of size 0; room left; {_audit_word(facts)} prints nothing",
        )
    else:
        look = shell(
            Place.TARGET,
            "See which kernels there are, whole.",
            f"ls -l /boot/vmlinuz-* {facts.tools.initramfs('*')}",
            "ls /lib/modules",
            "df -h / /boot",
            expect="one release that all three have",
        )
    rows.append((look, CARDS + "1", () if good else ("a release that is whole",)))
    return [*rows, *_arguments_first(facts)]


def _audit_word(facts: HostFacts) -> str:
    return "dpkg --audit" if facts.family not in RPM else "rpm -Va"


def _arguments_first(facts: HostFacts) -> list[StepRow]:
    """kernel-install takes the rescue medium's own arguments for a new entry where this file is missing (systemd#40103)."""
    if facts.family != "redhat" or not has_bls(facts.state):
        return []
    return [(step, CALL, ()) for step in in_place(Place.TARGET, right_arguments(facts.state))]


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
    lines = closing(facts)
    close = shell(
        Place.RESCUE,
        "Close what was opened, the last first.",
        *lines,
        expect="no error",
        on_fail="'in use' or 'busy': dmsetup ls --tree shows by what. Nothing is mounted any more: restarting is safe",
    )
    restart = Step(Place.RESCUE, "Take the medium out, and restart.", ("reboot",), expect="the host boots", minutes=5)
    return (leave, CALL), (unmount, CALL), *(((close, CALL),) if lines else ()), (restart, SEE)
