"""What somebody with only the paper stumbled over: each was once wrong, or left a doubt, on the paper of a recorded machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.runbook import Runbook, Table
from bootkeep.facts.typed import unwrap
from bootkeep.facts.unknown import Unknown
from bootkeep.remedies.toolset import tools_of
from bootkeep.runbook.compose import compose
from unit.rules.states import recorded
from unit.runbook.machines import AT, GO, POLICY


def paper(state: BootState) -> Runbook:
    return compose(state, GO, POLICY, generated_at=AT)


def rows(runbook: Runbook) -> dict[str, tuple[str, ...]]:
    """Section W: what is seen -> what it means, where to go, which card."""
    see = runbook.section("W")
    assert see is not None
    return {row[0]: row[1:] for item in see.items if isinstance(item, Table) for row in item.rows}


def step(runbook: Runbook, words: str) -> tuple[list[str], str, str]:
    """The one step that says these words: what is typed, what is seen, what if not."""
    found = [row for row in runbook.steps() if words in row.step.say]
    assert len(found) == 1, [row.id for row in found]
    return unwrap(found[0].step.command), found[0].step.expect, found[0].step.on_fail


@pytest.mark.parametrize(
    ("machine", "told"),
    [
        ("healthy-raid5", "2 of the 3 disk serials are enough"),
        ("healthy-raid6", "2 of the 4 disk serials are enough"),
        ("healthy-mirror-two-esps", "1 of the 2 disk serials is enough"),
        ("healthy-bios", "No disk serial at all"),
    ],
)
def test_a_dead_disk_is_told_from_another_machine(machine: str, told: str) -> None:
    """It spoke of a mirror, and of one disk of two, on every paper."""
    assert told in step(paper(recorded(machine)), "Is this the right machine?")[2]


def test_a_medium_is_told_of_the_lun_before_it_joins_its_paths() -> None:
    """multipath.conf(5): by default only maps of the wwids file are made, and a medium's is empty."""
    runbook = paper(recorded("healthy-multipath"))
    typed, seen, _ = step(runbook, "Two copies of one UUID")
    assert typed == [
        "mkdir -p /etc/multipath",
        "echo /35000c50015ea71ac/ >>/etc/multipath/wwids",
        "multipath -v2",
        "multipath -ll",
    ]
    assert "35000c50015ea71ac (on the host: mpatha)" in seen
    assert "disk serial mpath0, 2 times" in step(runbook, "Is this the right machine?")[1]
    names = [line for row in runbook.steps() for line in row.step.command if line.startswith("D=/dev/disk/by-id/")]
    assert names and set(names) == {"D=/dev/disk/by-id/dm-uuid-mpath-35000c50015ea71ac"}


def test_the_medium_s_kernel_must_run_the_levels_of_the_arrays() -> None:
    assert (
        "modprobe -a md_mod raid1 raid456" in step(paper(recorded("healthy-raid5")), "Has this medium what it takes")[0]
    )


def test_an_array_that_is_lost_is_no_matter_of_the_menu() -> None:
    """More disks gone than it can spare: other kernels and the shell of the initramfs only cost time."""
    five, mirror = (rows(paper(recorded(name))) for name in ("healthy-raid5", "healthy-mirror-two-esps"))
    lost = [row for row in five if "not enough operational devices" in row]
    assert five[lost[0]][1] == "R"
    assert list(five).index(lost[0]) > next(n for n, row in enumerate(five) if "ALERT!" in row)
    assert not any("not enough operational devices" in row for row in mirror)
    assert "[UUU]; [UU_] is degraded" in " ".join(row.step.expect for row in paper(recorded("healthy-raid5")).steps())


def test_a_kernel_that_secure_boot_refuses_is_told_from_a_loader() -> None:
    """'bad shim signature' comes from GRUB, which was let through: another kernel, and no work on the ESP."""
    secure, plain = rows(paper(recorded("healthy-secure-boot"))), rows(paper(recorded("healthy-bios")))
    kernel = next(row for row in secure if "bad shim signature" in row)
    assert secure[kernel][1:] == ("P", "F1")
    assert secure[next(row for row in secure if "SBAT" in row)][1:] == ("B", "L")
    # GRUB says 'you need to load the kernel first' below it, and the last row that fits is the one to take.
    assert list(secure).index(kernel) > next(n for n, row in enumerate(secure) if "load the kernel first" in row)
    assert not any("shim" in row for row in plain)


def test_the_firmware_s_ways_are_tried_one_after_another() -> None:
    """The first one's IF NOT sent to the rescue medium, past the cheaper ones."""
    state = recorded("healthy-uefi-signed")
    section = paper(state).section("B")
    assert section is not None
    first, second, third = section.steps
    assert first.step.on_fail.endswith("the next step") and second.step.on_fail.endswith("the next step")
    assert third.otherwise == "CALL"
    arm = replace(state, identity=replace(state.identity, architecture="arm64"))
    told = " ".join(row.step.say for row in paper(arm).steps() if row.id == "B2")
    assert "BOOTAA64.EFI" in told


def test_debian_with_dracut_has_none_of_initramfs_tools_commands() -> None:
    """Debian's dracut (059-4) conflicts with initramfs-tools: update-initramfs and lsinitramfs are 'command not found' there."""
    runbook = paper(recorded("healthy-dracut"))
    typed = "\n".join(line for row in runbook.steps() for line in unwrap(row.step.command))
    assert "dracut -f --no-hostonly --kver $K /boot/initrd.img-$K" in typed and "lsinitrd /boot/initrd.img-" in typed
    assert "/etc/dracut.conf.d/90-bootkeep.conf" in typed
    assert not any(word in typed for word in ("update-initramfs", "lsinitramfs", "/etc/initramfs-tools"))
    shell = runbook.section("D")
    assert shell is not None and "dracut:/#" in shell.title
    assert any("dracut-initqueue: timeout" in row for row in rows(runbook))
    # Where the packages could not be read, the image tells.
    blind = replace(recorded("healthy-dracut"), packages=Unknown("denied"))
    assert tools_of(blind).generator == "dracut" and tools_of(recorded("healthy-bios")).generator == "initramfs-tools"
