"""The fingerprint: stable against what means nothing, moved by what makes a command on paper wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.codec import from_json, to_json
from bootkeep.facts.policy import Policy
from bootkeep.facts.runbook import Fingerprint, Freshness
from bootkeep.facts.storage import BlockDevice
from bootkeep.facts.unknown import Unknown
from bootkeep.runbook.fingerprint import compare_fingerprints, facts_in_words, fingerprint_of, moved_in_words
from unit.runbook.machines import (
    AT,
    BOOT_UUID,
    MACHINES,
    NEW,
    POLICY,
    bios_plain,
    bios_separate_boot,
    disk,
    kernel,
    line,
    part,
)


def devices(state: BootState) -> tuple[BlockDevice, ...]:
    assert isinstance(state.block_devices, tuple)
    return state.block_devices


def renamed(state: BootState, old: str, new: str) -> BootState:
    """The same machine after its disks were found in another order: only names differ."""

    def name(text: str) -> str:
        return text.replace(old, new)

    moved = tuple(
        replace(d, name=name(d.name), path=name(d.path), parents=tuple(map(name, d.parents))) for d in devices(state)
    )
    assert isinstance(state.mounts, tuple)
    return replace(
        state,
        block_devices=tuple(reversed(moved)),
        mounts=tuple(replace(m, source=name(m.source)) for m in reversed(state.mounts)),
    )


def compared(before: BootState, after: BootState, policy: Policy = POLICY) -> tuple[Freshness, tuple[str, ...]]:
    return compare_fingerprints(fingerprint_of(before, POLICY), fingerprint_of(after, policy))


def test_other_device_names_and_orders_are_the_same_machine() -> None:
    assert compared(bios_separate_boot(), renamed(bios_separate_boot(), "sda", "sdb")) == (Freshness.FRESH, ())


def test_a_usb_stick_and_loop_devices_mean_nothing() -> None:
    state = bios_plain()
    stick = replace(disk("sdz", serial="STICK", link=""), removable=True)
    inside = replace(part(1, "vfat", "AAAA-BBBB", "", parent="sdz"), removable=False)
    loop = replace(disk("loop0", serial="", link=""), kind="loop", uuid="x")
    after = replace(state, block_devices=(*devices(state), stick, inside, loop))
    assert compared(state, after) == (Freshness.FRESH, ())


def image_with_volumes() -> tuple[BlockDevice, ...]:
    """A disk image that somebody looks into: its partition, and the LVM on it, as lsblk shows them."""
    loop = replace(disk("loop7", serial="", link=""), kind="loop")
    inside = part(1, "LVM2_member", "pv-of-an-image", "", parent="loop7")
    volume = replace(inside, name="dm-9", path="/dev/mapper/vg-lv", kind="lvm", uuid="lv", parents=(inside.name,))
    return loop, inside, volume


def test_an_image_behind_a_loop_device_means_nothing_until_it_is_mounted() -> None:
    state = bios_plain()
    *below, volume = image_with_volumes()
    after = replace(state, block_devices=(*devices(state), *below, volume))
    assert compared(state, after) == (Freshness.FRESH, ())
    in_use = replace(volume, mountpoints=("/srv",))
    after = replace(state, block_devices=(*devices(state), *below, in_use))
    assert compared(state, after) == (Freshness.INVALID, ("disks",))


def test_the_kernel_that_runs_and_the_time_mean_nothing() -> None:
    state = bios_plain()
    after = replace(
        state, taken_at="2027-01-01T00:00:00Z", running_arguments=str(state.running_arguments).replace("-55-", "-56-")
    )
    assert compared(state, after)[0] is Freshness.FRESH


@pytest.mark.parametrize(
    ("change", "expected", "section"),
    [
        ({"fstab": (line(1, f"UUID={BOOT_UUID}", "/", "ext4"),)}, Freshness.INVALID, "mounts"),
        ({"kernels": (kernel(NEW),)}, Freshness.STALE, "kernels"),
        ({"root_locked": False}, Freshness.STALE, "root-lock"),
        ({"running_arguments": "root=/dev/vda1 ro"}, Freshness.STALE, "arguments"),
        ({"packages": ()}, Freshness.STALE_MINOR, "packages"),
        ({"block_devices": (disk(serial="OTHER"),)}, Freshness.INVALID, "disks"),
    ],
)
def test_what_matters_moves_it(change: dict[str, object], expected: Freshness, section: str) -> None:
    freshness, moved = compared(bios_plain(), replace(bios_plain(), **change))  # type: ignore[arg-type]
    assert freshness is expected
    assert section in moved


def test_people_are_minor() -> None:
    assert compared(bios_plain(), bios_plain(), Policy()) == (Freshness.STALE_MINOR, ("people",))


def test_no_baseline_is_unknown_and_never_fresh() -> None:
    assert compare_fingerprints(None, fingerprint_of(bios_plain(), POLICY)) == (Freshness.UNKNOWN, ())


def test_what_cannot_be_read_is_unknown_and_never_fresh() -> None:
    blind = replace(bios_plain(), kernels=Unknown("denied"))
    assert compared(bios_plain(), blind)[0] is Freshness.UNKNOWN
    assert compared(blind, blind)[0] is Freshness.UNKNOWN
    # ... but what certainly moved outweighs it.
    assert compared(bios_plain(), replace(blind, root_locked=False))[0] is Freshness.STALE


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_it_survives_its_record(name: str) -> None:
    made = fingerprint_of(MACHINES[name](), POLICY)
    assert from_json(Fingerprint, to_json(made), where="test") == made
    assert len(made.overall) == 64
    assert AT not in to_json(made)


def test_a_person_is_told_which_facts_moved() -> None:
    """In words, and never whom to call: that belongs on the paper only."""
    before = bios_plain()
    added = line(9, "tmpfs", "/srv", "tmpfs")
    assert isinstance(before.fstab, tuple)
    after = replace(before, kernels=(kernel(NEW),), fstab=(*before.fstab, added), root_locked=False)
    printed, now = (facts_in_words(state, POLICY) for state in (before, after))
    moved = compared(before, after)[1]
    told = moved_in_words(printed, now, moved)
    assert "mounts + tmpfs /srv tmpfs defaults" in told
    assert "root-lock - yes" in told and "root-lock + no" in told
    assert [row for row in told if row.startswith("kernels - 6.1.")] and not [r for r in told if r.startswith("disks")]
    assert moved_in_words(printed, now, ()) == () and moved_in_words((), now, moved) == ()
    everything = "".join(row for facts in printed for row in facts.lines)
    assert not any(person.phone in everything or person.name in everything for person in POLICY.people)


@pytest.mark.parametrize("name", sorted(MACHINES))
def test_what_moves_a_digest_can_be_told(name: str) -> None:
    """The words are of the same facts as the digests: two machines with other digests have other words, but for the people."""
    one, other = MACHINES[name](), bios_plain()
    freshness, moved = compared(one, other)
    told = moved_in_words(facts_in_words(one, POLICY), facts_in_words(other, POLICY), moved)
    assert {row.partition(" ")[0] for row in told} == set(moved) - {"people"}, freshness
