"""Which kernels are kept, and how apt is told."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.kernel import Initramfs
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.flows.kernel_protection import anchored, configuration, may_boot, plan_protection
from unit.flows.salt_machine import NEW, OLD, boot_file, kernel, machine

MIDDLE = "6.1.0-52-cloud-amd64"
OLDEST = "5.10.0-9-amd64"


def test_the_four_ways_back_are_kept_and_the_rest_is_left_to_apt() -> None:
    """running, default, newest are one here; last-good is the other; what is none of them stays removable."""
    state = machine(kernels=tuple(kernel(each) for each in (NEW, MIDDLE, OLD, OLDEST)))
    kept = plan_protection(state, keep=1).reasons
    assert set(kept) == {NEW, OLD}
    assert kept[OLD] == ("last-good",)
    assert {"running", "default", "newest"} <= set(kept[NEW])


def test_as_many_as_wanted_are_kept_counted_among_those_that_can_boot() -> None:
    """A newest kernel without modules is kept for being the newest, and is none of the three."""
    broken = kernel(NEW, modules=Absent())
    state = machine(kernels=(broken, *(kernel(each) for each in (MIDDLE, OLD, OLDEST))), last_good=Absent())
    kept = plan_protection(state, keep=3).reasons
    assert set(kept) == {NEW, MIDDLE, OLD, OLDEST}


@pytest.mark.parametrize("field", ["running_release", "last_good", "default_entry"])
def test_what_cannot_be_looked_at_keeps_every_kernel(field: str) -> None:
    """Ignorance never removes a way back."""
    state = machine(kernels=tuple(kernel(each) for each in (NEW, MIDDLE, OLD, OLDEST)), **{field: Unknown("no answer")})
    protection = plan_protection(state, keep=1)
    assert set(protection.reasons) == {NEW, MIDDLE, OLD, OLDEST}
    assert "no answer" in protection.unsure[0]


def test_unknown_kernels_are_an_error() -> None:
    """There is nothing to write a protection from."""
    with pytest.raises(BootkeepError, match="cannot list"):
        plan_protection(machine(kernels=Unknown("cannot list /boot")), keep=3)


def test_a_preserved_link_of_an_installed_kernel_is_no_second_kernel() -> None:
    """The same image under two names boots, or fails, once."""
    original = kernel(NEW)
    twin = replace(kernel(NEW, preserved=True), image=boot_file("/boot/bootkeep/x/vmlinuz", sha256=original.image.path))
    other = kernel(OLD, preserved=True)
    assert len(plan_protection(machine(kernels=(original, twin)), keep=3).bootable) == 1
    assert len(plan_protection(machine(kernels=(original, other)), keep=3).bootable) == 2


def test_a_kernel_that_is_damaged_or_half_unpacked_cannot_boot() -> None:
    """Each of its files counts."""
    whole = kernel(NEW)
    image = whole.initramfs
    assert isinstance(image, Initramfs)
    assert may_boot(whole)
    assert not may_boot(replace(whole, modules=Unknown("unreadable")))
    assert not may_boot(replace(whole, initramfs=Absent()))
    assert not may_boot(replace(whole, initramfs=replace(image, listing_error="unexpected end")))
    assert not may_boot(replace(whole, initramfs=replace(image, has_init=False)))
    assert not may_boot(replace(whole, image_error="cut short"))


@given(st.from_regex(r"[a-z0-9][a-z0-9+.-]+", fullmatch=True), st.from_regex(r"[a-z0-9][a-z0-9+.-]+", fullmatch=True))
def test_an_anchored_name_matches_itself_and_no_other(name: str, other: str) -> None:
    """``+deb12`` and dots are text, not expressions."""
    assert re.search(anchored(name), name)
    assert (re.search(anchored(name), other) is not None) == (name == other)


def test_the_configuration_is_stable_and_says_why() -> None:
    """The same set gives the same bytes, whatever the order it came in: no highstate without need changes it."""
    packages = {"linux-image-6.12.117+deb12-cloud-amd64": ("running",), "linux-image-6.1.0-50-rt-amd64": ("last-good",)}
    text = configuration(packages, unattended_removal=False)
    assert text == configuration(dict(reversed(packages.items())), unattended_removal=False)
    assert r'"^linux-image-6\.12\.117\+deb12-cloud-amd64$";  // running' in text
    assert 'Unattended-Upgrade::Remove-Unused-Kernel-Packages "false";' in text
    assert "Unattended" not in configuration(packages, unattended_removal=True)
