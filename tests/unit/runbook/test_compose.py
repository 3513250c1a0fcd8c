"""The composed runbook: static gates over every machine, and what each kind of machine must say."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from bootkeep.edges.run import run
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Judgement, Severity, Verdict
from bootkeep.facts.machine import OsRelease
from bootkeep.facts.remedy import Place, Step
from bootkeep.facts.runbook import Runbook, RunbookStep, Section, Table
from bootkeep.facts.typed import unwrap
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.remedies import ALL_REMEDIES
from bootkeep.reports.runbook_text import runbook_text
from bootkeep.runbook.compose import compose
from unit.runbook.gates import accepted_by, check_all, check_shells, check_words, typed
from unit.runbook.machines import AT, BOOT_UUID, ESP_UUID, GO, NEW, OLD, POLICY, ROOT_UUID, VAR_UUID
from unit.runbook.stacked_machines import ARRAY_UUID, LUKS_UUID, MACHINES

GOLDEN = Path(__file__).parent / "golden"


def made(state: BootState) -> Runbook:
    return compose(state, GO, POLICY, generated_at=AT)


def commands(runbook: Runbook, *sections: str) -> str:
    wanted = [s for s in runbook.sections if s.id in sections or not sections]
    return "\n".join(line for section in wanted for step in section.steps for line in unwrap(step.step.command))


def test_the_gates_hold(runbook: Runbook, machine_name: str) -> None:
    check_all(runbook, MACHINES[machine_name]())


def test_the_text_is_the_golden_one(runbook: Runbook, machine_name: str) -> None:
    """A changed page is looked at before it is printed: BOOTKEEP_GOLDEN=write renews the files."""
    path = GOLDEN / f"{machine_name}.txt"
    text = runbook_text(runbook)
    if os.environ.get("BOOTKEEP_GOLDEN") == "write":
        path.write_text(text, "ascii")
    assert text == path.read_text("ascii")


def test_the_text_is_ascii_and_72_wide(runbook: Runbook) -> None:
    text = runbook_text(runbook)
    assert text.isascii()
    assert max(len(line) for line in text.splitlines()) <= 72
    assert set(text) <= {chr(code) for code in range(0x20, 0x7F)} | {"\n"}


def test_every_section_of_the_design_is_there(runbook: Runbook) -> None:
    ids = [section.id for section in runbook.sections]
    assert ids[:10] == ["0", "S", "W", "P", "B", "G", "H", "D", "E", "R"]
    assert ids[-4:] == ["V", "A", "X", "N"]


def test_the_previous_kernel_is_chosen_by_its_title() -> None:
    text = runbook_text(made(MACHINES["bios-plain"]()))
    assert f"with Linux {OLD}" in re.sub(r"\s+", " ", text)


def test_the_preserved_kernel_comes_first_when_it_is_the_one_that_booted() -> None:
    section = made(MACHINES["bios-separate-boot"]()).section("P")
    assert section is not None
    table = section.items[0]
    assert isinstance(table, Table)
    assert "preserved" in table.rows[0][0]


def test_the_default_is_not_what_one_goes_back_to() -> None:
    """The entry that starts by itself is the one that failed: it comes last, even where it is the running kernel."""
    state = replace(MACHINES["bios-plain"](), running_release=NEW, last_good=Unknown("none yet"))
    section = made(state).section("P")
    assert section is not None
    table = section.items[0]
    assert isinstance(table, Table)
    assert [OLD in row[0] for row in table.rows] == [True, False]
    assert any(OLD in step.step.say for step in section.steps)


def test_the_fstab_line_is_found_by_its_words(tmp_path: Path) -> None:
    """The sed program on paper, run: it changes the line that it means and no other."""
    state = MACHINES["bios-separate-boot"]()
    steps = [
        s for s in ALL_REMEDIES["fstab-device-missing"](state, "").rescue if 'sed -i "$A$C" /etc/fstab' in s.command
    ]
    assert len(steps) == 1
    fstab = tmp_path / "fstab"
    dead = "UUID=dead0000-0000-4000-8000-000000000000"
    before = f"# {dead} /srv/data\n{dead}\t/srv/data ext4 defaults 0 2\nUUID=aa /srv/data2 ext4\n"
    fstab.write_text(before)
    program = "\n".join(steps[0].command).replace("/etc/fstab", str(fstab))
    assert run(["sh", "-ec", program], timeout_s=20).exit_code == 0
    assert fstab.read_text() == before.replace("\nUUID=dead", "\n#UUID=dead")


def test_hand_boot_goes_through_the_file_system_of_boot() -> None:
    hand = commands(made(MACHINES["bios-separate-boot"]()), "H")
    assert f"set b={BOOT_UUID}\nsearch --fs-uuid --set=root $b" in hand
    assert f"set u={ROOT_UUID}" in hand
    assert "root=UUID=$u ro" in hand
    assert "linux /bootkeep/" in hand  # separate /boot: no /boot in front
    plain = commands(made(MACHINES["bios-plain"]()), "H")
    assert "linux /boot/vmlinuz-$k root=UUID=$b ro" in plain  # one file system: its UUID is typed once


def test_btrfs_paths_and_arguments_name_the_subvolume() -> None:
    hand = commands(made(MACHINES["btrfs-subvolume"]()), "H")
    assert "/@rootfs/boot/vmlinuz-$k" in hand
    assert "rootflags=subvol=@rootfs" in hand
    assert f"mount -o subvol=/@rootfs UUID={ROOT_UUID} /mnt/target" in commands(
        made(MACHINES["btrfs-subvolume"]()), "R"
    )


def test_mounts_come_parents_first_and_go_in_reverse() -> None:
    runbook = made(MACHINES["bios-separate-boot"]())
    text = commands(runbook, "R")
    order = [text.index(f"mount UUID={uuid}") for uuid in (ROOT_UUID, BOOT_UUID, VAR_UUID)]
    assert order == sorted(order)
    out = commands(runbook, "V")
    assert (
        out.index("umount /mnt/target/var") < out.index("umount /mnt/target/boot") < out.index("umount /mnt/target\n")
    )


def test_uefi_has_its_esp_and_no_core_for_bios() -> None:
    runbook = made(MACHINES["uefi-esp"]())
    assert f"mount UUID={ESP_UUID} /mnt/target/boot/efi" in commands(runbook)
    assert "efivarfs" in commands(runbook, "R")
    assert "i386-pc" not in commands(runbook)
    bios = commands(made(MACHINES["bios-plain"]()))
    assert "efivarfs" not in bios
    assert "grub-install --target=i386-pc" in bios


def test_storage_that_is_not_covered_is_said_and_not_guessed() -> None:
    runbook = made(MACHINES["zfs-root"]())
    text = " ".join(runbook_text(runbook).replace("|", " ").split())
    assert "NOT COVERED" in text
    assert "/ is zfs: this version has no rescue steps for it" in text
    assert "chroot" not in commands(runbook, "R", "V")
    assert "/mnt/target" not in commands(runbook, "R", "V")


def test_layers_are_opened_from_the_disk_up_and_closed_in_reverse() -> None:
    runbook = made(MACHINES["everything-stacked"]())
    rescue, out = commands(runbook, "R"), commands(runbook, "V")
    order = [
        "mdadm --assemble --scan",
        f"cryptsetup open UUID={LUKS_UUID} md1_crypt",
        "vgchange -ay vg0",
        "mount -o ro /dev/vg0/root /mnt/target",
        "mount /dev/vg0/root /mnt/target",
        f"mount UUID={BOOT_UUID} /mnt/target/boot",
        "mount /dev/vg0/usr /mnt/target/usr",
        "chroot /mnt/target",
    ]
    places = [rescue.index(text) for text in order]
    assert places == sorted(places)
    back = [
        "umount /mnt/target/usr",
        "umount /mnt/target/boot",
        "umount /mnt/target\n",
        "vgchange -an vg0",
        "cryptsetup close md1_crypt",
        "mdadm --stop --scan",
        "reboot",
    ]
    places = [out.index(text) for text in back]
    assert places == sorted(places)
    shell = commands(runbook, "D")
    assert shell.index("mdadm --assemble") < shell.index("cryptsetup open") < shell.index("lvm vgchange -ay vg0")


def test_grub_reaches_boot_through_its_layers() -> None:
    mirror = commands(made(MACHINES["mirror-two-esps"]()), "G", "H")
    digits = ARRAY_UUID.replace("-", "")
    assert f"set prefix=(mduuid/{digits})/boot/grub" in mirror
    assert "insmod mdraid1x" in mirror
    volumes = commands(made(MACHINES["lvm-plain"]()), "G", "H")
    assert "set root=lvm/vg--sys-root--new" in volumes
    assert "root=/dev/mapper/vg--sys-root--new ro" in volumes
    assert "mount /dev/vg-sys/root-new /mnt/target" in commands(made(MACHINES["lvm-plain"]()), "R")
    locked = commands(made(MACHINES["luks-boot"]()), "G", "H")
    assert f"cryptomount -u {LUKS_UUID.replace('-', '')}" in locked
    assert "set prefix=(crypto0)/@/boot/grub" in locked
    assert "cryptomount" not in commands(made(MACHINES["lvm-on-luks"]()))  # its /boot is plain


def test_every_esp_gets_its_loader_and_its_entry() -> None:
    runbook = made(MACHINES["mirror-two-esps"]())
    text = commands(runbook, "L")
    for number, esp, place in ((1, ESP_UUID, "/boot/efi"), (2, "5E6F-7A8B", "/boot/efi2")):
        assert f"grub-install --target=x86_64-efi --efi-directory={place} --bootloader-id=debian" in text
        assert f"--efi-directory={place} --removable --no-nvram" in text
        assert f"E=$(readlink -f /dev/disk/by-uuid/{esp})" in text
        assert f"test -e /var/lib/bootkeep/rescue/EFI-{number} || cp -a {place}/EFI" in text
    assert text.count("efibootmgr -c") == 2
    assert "-L 'debian 2'" in text
    assert r"-l '\EFI\debian\shimx64.efi'" in text
    see = runbook.section("W")
    assert see is not None
    assert "L" in see.leads_to
    assert made(MACHINES["bios-plain"]()).section("L") is None


def test_an_esp_that_nothing_mounts_is_mounted_for_it() -> None:
    state = MACHINES["mirror-two-esps"]()
    assert isinstance(state.mounts, tuple)
    assert isinstance(state.fstab, tuple)
    state = replace(
        state,
        mounts=tuple(m for m in state.mounts if m.target != "/boot/efi2"),
        fstab=tuple(li for li in state.fstab if li.target != "/boot/efi2"),
    )
    text = commands(made(state), "L")
    assert "mount UUID=5E6F-7A8B /run/esp2" in text
    assert "--efi-directory=/run/esp2 --removable" in text


def test_no_passphrase_but_its_place() -> None:
    state = MACHINES["lvm-on-luks"]()
    policy = replace(POLICY, site=replace(POLICY.site, passphrase_place="safe in room 12, envelope 4"))
    text = " ".join(runbook_text(compose(state, GO, policy, generated_at=AT)).split())
    assert "The passphrase is kept here: safe in room 12, envelope 4." in text
    assert "passphrase is kept is NOT in the policy" in " ".join(runbook_text(made(state)).split())


def test_a_missing_fact_is_read_from_the_screen() -> None:
    runbook = made(MACHINES["unreadable"]())
    text = runbook_text(runbook)
    assert "READ THIS FROM THE SCREEN: UUID of the root file system" in " ".join(text.split())
    assert 'mount "UUID=$U" /mnt/target' in text
    for step in runbook.steps():
        for blank in step.blanks:
            assert blank
            assert step.step.command or step.step.say  # the command that reads it, or how to look


def test_emergency_mode_depends_on_the_root_account() -> None:
    locked = commands(made(MACHINES["bios-plain"]()), "E")
    usable = commands(made(MACHINES["bios-separate-boot"]()), "E")
    not_known = commands(made(replace(MACHINES["bios-plain"](), root_locked=Unknown("denied"))), "E")
    assert "SYSTEMD_SULOGIN_FORCE=1" in locked
    assert "SYSTEMD_SULOGIN_FORCE" not in usable
    assert "SYSTEMD_SULOGIN_FORCE" in not_known


def test_findings_stand_on_the_cover() -> None:
    finding = Finding(
        "initramfs-damaged", "B16", Severity.WILL_NOT_BOOT, "the initramfs is cut off", (), "initramfs-damaged", OLD
    )
    runbook = compose(MACHINES["bios-plain"](), Verdict(Judgement.NO_GO, (finding,)), POLICY, generated_at=AT)
    assert "NO-GO" in runbook_text(runbook)
    cards = [section for section in runbook.sections if section.title == "Build the initramfs again"]
    assert f"K={OLD}" in "\n".join(cards[0].steps[1].step.command)


def test_the_same_facts_make_the_same_paper() -> None:
    state = MACHINES["uefi-esp"]()
    assert made(state) == made(state)
    # The id is the facts': printed again tomorrow it is the same paper.
    assert made(state).document_id == compose(state, GO, POLICY, generated_at="2026-11-24T00:00:00Z").document_id
    assert made(state).document_id != made(replace(state, root_locked=False)).document_id


def test_remedies_hold_live_and_rescued(machine_name: str) -> None:
    """All remedies of one machine in one book: a shell for each of them would take minutes."""
    steps: list[RunbookStep] = []
    for remedy_id, make in sorted(ALL_REMEDIES.items()):
        remedy = make(MACHINES[machine_name](), "")
        assert remedy.id == remedy_id
        assert {step.place for step in remedy.live} == {Place.LIVE}, remedy_id
        assert {step.place for step in remedy.rescue} == {Place.TARGET}, remedy_id
        both = (*remedy.live, *remedy.rescue)
        steps += [RunbookStep(f"{remedy_id} {number}", step, "CALL") for number, step in enumerate(both)]
    book = _book(tuple(steps))
    check_words(book)
    check_shells(book)


def _book(steps: tuple[RunbookStep, ...]) -> Runbook:
    return replace(made(MACHINES["bios-plain"]()), sections=(Section("T", "t", steps, ("CALL",)),))


def test_other_families_are_told_plainly() -> None:
    state = replace(MACHINES["bios-plain"](), os_release=OsRelease("arch", (), "", "Arch Linux"))
    for make in ALL_REMEDIES.values():
        remedy = make(state, "")
        assert all(not step.command for step in (*remedy.live, *remedy.rescue))
        assert "NOT COVERED" in remedy.live[0].say
    assert "update-grub" not in commands(made(state))


#: Debian's own words, which mean nothing, or something else, on the rpm families.
_DEBIAN_WORDS = re.compile(
    r"\b(?:apt|apt-get|apt-cache|dpkg|debconf|update-grub|update-initramfs|lsinitramfs)\b|/boot/grub/|\bgrub-"
)


@pytest.mark.parametrize(
    "release",
    [OsRelease("rocky", ("rhel",), "9.4", "Rocky Linux 9"), OsRelease("sles", ("suse",), "15.5", "SLES 15 SP5")],
    ids=lambda release: release.id,
)
@pytest.mark.parametrize("remedy_id", ALL_REMEDIES)
def test_the_rpm_families_get_their_own_words_or_none(remedy_id: str, release: OsRelease) -> None:
    """A command of another family on paper is worse than none; and what is typed, bash must take."""
    state = replace(MACHINES["bios-plain"](), os_release=release, grub=Absent("grub.cfg"))
    remedy = ALL_REMEDIES[remedy_id](state, "")
    for step in (*remedy.live, *remedy.rescue):
        typed_words = "\n".join((*step.command, *step.undo))
        assert not _DEBIAN_WORDS.search(typed_words), (remedy_id, typed_words)
        assert not re.search(r"rpm -U\S* .*kernel", typed_words), (remedy_id, typed_words)
        assert not re.search(r"^\s*dracut\b(?!.*--kver)", typed_words, re.MULTILINE), (remedy_id, typed_words)
        if step.command:
            assert not accepted_by(["bash", "-n"], "\n".join(step.command))


def test_the_gates_can_fail() -> None:
    """A gate that takes everything guards nothing."""
    bad = (
        Step(Place.TARGET, "x", ("mkfs.ext4 /dev/vda1",), "y"),
        Step(Place.TARGET, "x", ("update-initramfs -u",), "y"),
        Step(Place.TARGET, "x", ("mount UUID=<uuid> /mnt",), "y"),
        Step(Place.TARGET, "x", ("true",), "y", writes=True),
        Step(Place.TARGET, "x", ("echo \u2013",), "y"),
        Step(Place.TARGET, "x", ("x" * 71,), "y"),
    )
    for step in bad:
        with pytest.raises(AssertionError):
            check_words(_book((RunbookStep("T1", step, "CALL"),)))
    with pytest.raises(AssertionError):
        check_shells(_book((RunbookStep("T1", Step(Place.TARGET, "x", ("if true",), "y"), "CALL"),)))
    with pytest.raises(AssertionError):
        check_shells(_book((RunbookStep("T1", Step(Place.GRUB, "x", ("if true",), "y"), "CALL"),)))
    assert typed((RunbookStep("T1", bad[0], "CALL"),), {Place.TARGET})
