"""Before the restart, and after the boot."""

from __future__ import annotations

from bootkeep.facts.remedy import Place, Step
from bootkeep.facts.runbook import BOOTS, CALL, Box, Bullets, Item, Section
from bootkeep.facts.surroundings import Selinux
from bootkeep.facts.typed import plain, shell_word
from bootkeep.facts.unknown import Unknown
from bootkeep.remedies.assembly import ARRAY, GROUP, LUKS, MULTIPATH
from bootkeep.remedies.common import ENTRIES, SAVED, has_bls
from bootkeep.remedies.initramfs_driver_missing import modules_of_the_way, searched
from bootkeep.remedies.toolset import EVERY
from bootkeep.runbook.cards import Cards
from bootkeep.runbook.host import HostFacts, root_argument
from bootkeep.runbook.loader import has_loader_section
from bootkeep.runbook.opening import below
from bootkeep.runbook.rescue_path import way_out
from bootkeep.runbook.steps import AFTER, LOADER, VERIFY, numbered, section, shell


def verify(facts: HostFacts, cards: Cards) -> Section:
    """Inside the chroot: each check has its answer printed. Then the way out."""

    def card(remedy_id: str) -> str:
        return cards.numbers.get(remedy_id, CALL)

    choice = facts.good or next(iter(facts.choices), None)
    root = root_argument(facts, choice) if choice is not None else ""
    tools = facts.tools
    images = tools.initramfs("${k#/boot/vmlinuz-}")
    where = f"{ENTRIES}/*.conf" if has_bls(facts.state) else tools.menu
    count = "grep -l" if has_bls(facts.state) else "grep -c"
    seen = "the entries' files" if has_bls(facts.state) else "a number above 0"
    rows: list[tuple[Step, str]] = [
        (
            shell(
                Place.TARGET,
                "Every kernel has its initramfs, and neither is empty.",
                f"for k in /boot/vmlinuz-*; do ls -s $k {images}; done",
                expect="two lines for each kernel, no 'No such file', no line that begins with 0",
            ),
            card("initramfs-damaged"),
        ),
        (
            shell(
                Place.TARGET,
                "The menu can be read, and names this root file system.",
                f"{tools.grub}-script-check {tools.menu} && echo MENU IS GOOD",
                f"{count} root={shell_word(root)} {where}" if root else f"grep -m1 -o 'root=[^ ]*' {where}",
                expect=f"MENU IS GOOD, then {seen}" if root else "MENU IS GOOD, then root= with the UUID of /",
            ),
            card("grub-config-stale"),
        ),
        (
            shell(
                Place.TARGET,
                "fstab names only what is there, and packages are settled.",
                "findmnt --verify",
                tools.audit,
                expect=f"0 errors, and nothing from {tools.audit.split()[0]}",
            ),
            card("fstab-device-missing"),
        ),
        (shell(Place.TARGET, "There is room left.", "df -h / /boot", expect="no 100%"), card("boot-space-low")),
    ]
    rows += _opens_the_disks(facts, card("initramfs-damaged"))
    rows += _has_the_drivers(facts, card("initramfs-driver-missing"))
    if facts.firmware == "uefi":
        target = facts.layout.esp.target if facts.layout.esp is not None else "/boot/efi"
        loaders = "shim.efi" if facts.family == "suse" else "shimx64.efi or grubx64.efi"
        rows.append(
            (
                shell(
                    Place.TARGET,
                    "The loader is on the ESP, and the firmware has an entry for it.",
                    f"ls -l {target}/EFI/*/*{'' if facts.family == 'suse' else '64'}.efi",
                    "efibootmgr -v",
                    expect=f"{loaders}; a BootOrder that begins with this system's entry",
                ),
                LOADER if has_loader_section(facts) else card("boot-not-mounted"),
            )
        )
    notes: list[Item] = []
    if facts.family not in EVERY:
        rows = []
        told = "is NOT KNOWN" if facts.family == "unknown" else f"is {facts.family}"
        notes = [
            Box("NOT COVERED", (f"This version has checks for Debian, EL and SUSE; the family of this host {told}.",))
        ]
    if facts.family in EVERY:
        rows += relabel(facts)
    if facts.covered:
        rows += way_out(facts)
    items: list[Item] = [*notes, *numbered(VERIFY, rows)]
    return section(VERIFY, "Verify before the restart, then leave", items, (AFTER,), minutes=10, new_page=False)


def _opens_the_disks(facts: HostFacts, card: str) -> list[tuple[Step, str]]:
    """What the initramfs must hold where the root does not lie on a plain partition."""
    kinds = list(dict.fromkeys(layer.kind for layer in below(facts.layout.root, facts).layers))
    good = facts.good
    if not kinds or good is None or not good.initramfs_path:
        return []
    names = [{LUKS: "cryptsetup", GROUP: "lvm", ARRAY: "mdadm", MULTIPATH: "multipath"}[kind] for kind in kinds]
    wanted = [*(f"bin/{name}" for name in names), *([_crypttab(facts)] if LUKS in kinds else [])]
    step = shell(
        Place.TARGET,
        "The initramfs can open this host's disks.",
        f"{facts.tools.list_image} {good.initramfs_path} | grep -oE '{'|'.join(f'{name}$' for name in wanted)}'",
        expect=f"{', '.join(wanted)}: each at least once",
        on_fail="crypttab must name the disk as section R has opened it: cat /etc/crypttab" if LUKS in kinds else "",
    )
    return [(step, card)]


def _crypttab(facts: HostFacts) -> str:
    """Where the image has the table of encrypted disks: initramfs-tools' own place, or dracut's."""
    return "cryptroot/crypttab" if facts.tools.generator != "dracut" else "etc/crypttab"


def relabel(facts: HostFacts) -> list[tuple[Step, str]]:
    """What a rescue shell writes has no SELinux label: an enforced policy refuses it at the next boot."""
    selinux = facts.state.around.selinux
    needed = isinstance(selinux, Selinux) and selinux.mode != "disabled"
    if not needed and not (facts.family == "redhat" and isinstance(selinux, Unknown)):
        return []
    step = shell(
        Place.TARGET,
        "Last in here: have the next boot label every file anew. It takes minutes and restarts once by itself.",
        "touch /.autorelabel",
        "ls -l /.autorelabel",
        expect="one line",
        undo=("rm /.autorelabel",),
        writes=True,
    )
    return [(step, CALL)]


def _has_the_drivers(facts: HostFacts, card: str) -> list[tuple[Step, str]]:
    """The drivers of the way to the root, where they are modules."""
    good = facts.good
    drivers = modules_of_the_way(facts.state, good.release) if good is not None else ()
    if good is None or not drivers or not good.initramfs_path:
        return []
    pattern = "|".join(driver.replace("_", "[_-]") for driver in drivers)
    step = shell(
        Place.TARGET,
        "The initramfs has the drivers of this host's disks.",
        *searched(f"{facts.tools.list_image} {good.initramfs_path}", f"/({pattern})[.]ko", "grep -oE"),
        expect=f"a line for each of: {', '.join(drivers)}",
    )
    return [(step, card)]


def after_boot(facts: HostFacts) -> Section:
    """Up again: what is left to do."""
    good = facts.good
    steps: list[tuple[Step, str]] = [
        (
            shell(
                Place.LIVE,
                "Which kernel runs, and is the system whole?",
                "uname -r",
                "systemctl is-system-running",
                "systemctl --failed --no-pager",
                expect=(f"{good.release} or the one you chose; " if good else "") + "running, 0 units",
            ),
            CALL,
        ),
        (
            shell(
                Place.LIVE,
                "What would happen at the next restart? Up by section P, H, D or E, the cause is still there: mend it now, while "
                "it runs.",
                "bootkeep check",
                expect="GO",
                on_fail="NO-GO: for each finding type bootkeep fix and its name; what that refuses, do as bootkeep check "
                "prints it. Then again",
            ),
            CALL,
        ),
        (
            shell(
                Place.LIVE,
                "This paper is used up. Print a new one.",
                "bootkeep runbook --write",
                "bootkeep runbook --check",
                expect="FRESH",
            ),
            CALL,
        ),
    ]
    if facts.covered:
        aside = shell(
            Place.LIVE,
            "GO? Then put the copies of this rescue aside: the next one must not take them for its originals.",
            f"test ! -d {SAVED} || mv {SAVED} {SAVED}.$(date +%F-%H%M)",
            f"ls -d {SAVED}*",
            expect="names that end in a date, or 'No such file'",
            undo=(f"# mv the one with this date back to {SAVED}",),
            writes=True,
        )
        steps.append((aside, CALL))
    place = plain(facts.policy.site.runbook_place)
    degraded = (
        (
            "An array ran without a disk? Replace it now: cut the new one like the other (section X), add it with "
            "mdadm /dev/md... --add, and put the boot loader on it too.",
        )
        if facts.layout.assembly.of_kind(ARRAY)
        else ()
    )
    last = Bullets(
        (
            "Do not restart again before 'bootkeep check' says GO: the default entry may still be the broken one.",
            *degraded,
            "Fill in the log sheet: what the screen showed, which card got it up, how long it took.",
            f"File the new paper here: {place}." if place else "File the new paper where the old one was.",
        )
    )
    return section(AFTER, "After it boots", (*numbered(AFTER, steps), last), (BOOTS,), new_page=False)
