"""What do you see? The console's own words, and the section that they lead to."""

from __future__ import annotations

from bootkeep.facts.runbook import CALL, Section, Table, Text
from bootkeep.remedies.assembly import ARRAY, LUKS
from bootkeep.runbook.host import HostFacts
from bootkeep.runbook.opening import unlock_in_grub
from bootkeep.runbook.steps import (
    EMERGENCY,
    FIRMWARE,
    GRUB_RESCUE,
    HAND,
    INITRAMFS,
    PREVIOUS,
    RESCUE,
    SEE,
    says,
    section,
)

#: What stands on the screen, what it means, where to go first and where to then.
#: Texts as Debian 12's GRUB 2.06 and Linux 6.1 print them.
_POWER: tuple[tuple[str, str, str, str], ...] = (
    ("nothing at all, no firmware logo", "no power, or broken hardware", CALL, ""),
)

_GRUB: tuple[tuple[str, str, str, str], ...] = (
    ("grub rescue>", "GRUB does not find its own files", GRUB_RESCUE, "grub-install-device-wrong"),
    ("grub>  (Minimal BASH-like line editing)", "the menu file is gone or unread", HAND, "grub-config-stale"),
    (
        "error: file `/vmlinuz-...' not found. / error: you need to load the kernel first.",
        "the kernel of this entry is gone",
        PREVIOUS,
        "default-entry-broken",
    ),
    ("error: file `/initrd.img-...' not found.", "the initramfs of this entry is gone", PREVIOUS, "initramfs-damaged"),
)

_KERNEL: tuple[tuple[str, str, str, str], ...] = (
    (
        "blank, or stops after Loading initial ramdisk ...",
        "wait 3 minutes; kernel died or console is elsewhere",
        PREVIOUS,
        "kernel-replaced-in-place",
    ),
    ("Initramfs unpacking failed / No working init found", "the initramfs is cut off", PREVIOUS, "initramfs-damaged"),
    (
        "VFS: Unable to mount root fs on unknown-block(0,0)",
        "the initramfs is empty or not loaded",
        PREVIOUS,
        "initramfs-damaged",
    ),
    (
        "VFS: Unable to mount root fs on unknown-block, other numbers",
        "the disk is there: root= or its driver is wrong",
        PREVIOUS,
        "initramfs-driver-missing",
    ),
    ("Attempted to kill init!", "systemd or libc is damaged", RESCUE, "init-program-broken"),
    ("Kernel panic, any other", "kernel or a module of it", PREVIOUS, "kernel-replaced-in-place"),
)

_INITRAMFS: tuple[tuple[str, str, str, str], ...] = (
    (
        "Gave up waiting for root file system device / ALERT! ... does not exist / (initramfs)",
        "root not found: wrong root=, or no driver",
        INITRAMFS,
        "initramfs-driver-missing",
    ),
    (
        "run-init: can't execute '/sbin/init', then #",
        "/sbin/init is missing; # is a root shell",
        RESCUE,
        "init-program-broken",
    ),
)

_SYSTEM: tuple[tuple[str, str, str, str], ...] = (
    (
        "[DEPEND] Dependency failed for ... / A start job is running for /dev/disk/...",
        "a disk of fstab is missing: 90 s, then emergency mode",
        EMERGENCY,
        "fstab-device-missing",
    ),
    (
        "You are in emergency mode / Give root password / root account is locked",
        "mostly a line of fstab",
        EMERGENCY,
        "fstab-device-missing",
    ),
    ("boots again and again", "panic, or a watchdog", PREVIOUS, "initramfs-damaged"),
    ("it boots, but the wrong kernel (uname -r)", "the default entry", "CARD", "default-entry-broken"),
)

_BIOS: tuple[tuple[str, str, str, str], ...] = (
    (
        "Booting from Hard Disk... and silence / GRUB GRUB GRUB ... / No bootable device",
        "GRUB's boot code is gone, or wrong disk",
        FIRMWARE,
        "grub-install-device-wrong",
    ),
    (
        "symbol `grub_...' not found, then grub rescue>",
        "GRUB's core is older than its modules",
        RESCUE,
        "grub-install-device-wrong",
    ),
)

_UEFI: tuple[tuple[str, str, str, str], ...] = (
    (
        "BdsDxe: failed to load Boot.... / UEFI Interactive Shell / firmware set-up opens by itself",
        "the ESP, or the firmware's entry, is lost",
        FIRMWARE,
        "efi-loader",
    ),
    (
        "Security Violation / Security Policy Violation / SBAT self-check failed",
        "Secure Boot refused the loader",
        FIRMWARE,
        "efi-loader",
    ),
)

#: GRUB asks shim about each kernel: the loader itself was let through (shim_lock in GRUB 2.06).
_SECURE_BOOT: tuple[tuple[str, str, str, str], ...] = (
    (
        "error: bad shim signature. / prohibited by secure boot policy",
        "Secure Boot refused this kernel: it is not signed",
        PREVIOUS,
        "secure-boot-kernel-unsigned",
    ),
)


#: As GRUB 2.06's cryptodisk, cryptsetup-initramfs 2.6 and mdadm 4.2 of Debian 12 print them.
_ENCRYPTED_BOOT: tuple[tuple[str, str, str, str], ...] = (
    (
        "error: access denied. / error: Invalid passphrase. / no such cryptodisk found, then grub rescue>",
        "GRUB could not unlock /boot: mistyped, or another keyboard",
        GRUB_RESCUE,
        "",
    ),
)
_ENCRYPTED: tuple[tuple[str, str, str, str], ...] = (
    (
        "cryptsetup: ERROR: ...: cryptsetup failed, bad password or options? / maximum number of tries exceeded",
        "mistyped, another keyboard, or the disk is not there",
        INITRAMFS,
        "initramfs-damaged",
    ),
    (
        "no 'Please unlock disk ...' where there used to be one",
        "the initramfs does not know the disk",
        INITRAMFS,
        "initramfs-damaged",
    ),
)
_ARRAYS: tuple[tuple[str, str, str, str], ...] = (
    (
        "mdadm: ... has been started with ... drive... (out of ...)",
        "a disk of the array is missing",
        INITRAMFS,
        "",
    ),
)
#: As Linux 6.1's raid5.c and raid10.c print them: no array is there, and no kernel of the menu changes that.
_ARRAYS_DEAD: tuple[tuple[str, str, str, str], ...] = (
    (
        "not enough operational devices / cannot start dirty degraded array",
        "more disks are missing than the array can spare",
        RESCUE,
        "",
    ),
)


_SELINUX: tuple[tuple[str, str, str, str], ...] = (
    (
        "Failed to load SELinux policy, freezing. / Access denied at every login",
        "no policy, or no labels: in the menu e, add enforcing=0",
        PREVIOUS,
        "selinux-policy-broken",
    ),
)


#: The card that comes nearest where a paper has not the one that is meant.
_INSTEAD = {
    "efi-loader": "boot-not-mounted",
    "init-program-broken": "package-transaction-unfinished",
    "secure-boot-kernel-unsigned": "default-entry-broken",
}


def _in_dracuts_words(seen: str, facts: HostFacts) -> str:
    """The same rows with what dracut and the family's file names put on the screen."""
    image = facts.tools.initramfs("...").removeprefix("/boot")
    seen = seen.replace("/initrd.img-...", image)
    if "(initramfs)" in seen:
        return "dracut-initqueue: timeout / Warning: /dev/... does not exist / dracut:/#"
    return seen


def symptom_finder(facts: HostFacts, cards: dict[str, str]) -> Section:
    """One page; rows of the other firmware are left out."""
    rows = [*_POWER]
    if facts.firmware != "uefi":
        rows += _BIOS
    if facts.firmware != "bios":
        rows += _UEFI
    if unlock_in_grub(facts.layout.boot, facts):
        rows += _ENCRYPTED_BOOT
    rows += _GRUB
    if facts.firmware != "bios" and facts.secure_boot != "off":
        rows += _SECURE_BOOT
    rows += _KERNEL
    if facts.layout.assembly.of_kind(LUKS):
        rows += _ENCRYPTED
    arrays = facts.layout.assembly.of_kind(ARRAY)
    if arrays:
        rows += _ARRAYS
    rows += _INITRAMFS
    if any(layer.level in {"raid4", "raid5", "raid6", "raid10"} for layer in arrays):
        rows += _ARRAYS_DEAD  # last of the initramfs: its shell opens after it, and section D cannot help
    rows += _SYSTEM
    if facts.tools.generator == "dracut":
        rows = [(_in_dracuts_words(seen, facts), means, first, remedy) for seen, means, first, remedy in rows]
    if facts.family == "redhat":
        rows += _SELINUX
    cells: list[tuple[str, ...]] = []
    targets: list[str] = []
    for seen, means, first, remedy in rows:
        card = cards.get(remedy, "") or cards.get(_INSTEAD.get(remedy, ""), "")
        target = card if first == "CARD" else first
        targets += [target, *([card] if card else [])]
        cells.append(
            (
                seen,
                means,
                says(target).removeprefix("section ").removesuffix(" (page 1)"),
                card if card != target else "",
            )
        )
    table = Table(("You see", "It means", "Go to", "then"), tuple(cells), (11, 8, 0, 0), tuple(targets))
    lead = Text(
        "Rows stand in the order of a boot: firmware, GRUB, kernel, initramfs, system. Take the LAST one of which your screen "
        "shows words, and go to the section in 'Go to'. Then mend the cause with the card in 'then'. Sections P, G, H, D and E "
        "need no rescue medium. Nothing fits: go to P."
    )
    return section(SEE, "What do you see?", (lead, table), (PREVIOUS,))
