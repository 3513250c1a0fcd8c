"""Runbooks of the rpm families: their golden pages, and the gates over every stack with their words."""

from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path

import pypdf
import pytest

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.machine import OsRelease
from bootkeep.facts.runbook import Runbook
from bootkeep.flows.runbook import render_runbook
from bootkeep.remedies.layout import layout_of
from bootkeep.reports.runbook_text import runbook_text
from bootkeep.rules.judge import judge
from bootkeep.runbook.compose import compose
from unit.rules.states import recorded
from unit.runbook.gates import check_all, check_shells, check_words
from unit.runbook.machines import AT, POLICY
from unit.runbook.stacked_machines import MACHINES

GOLDEN = Path(__file__).parent / "golden"
HEALTHY = ("healthy-el8-uefi", "healthy-el9-bios", "healthy-el9-uefi", "healthy-suse15-btrfs")
RELEASES = (
    OsRelease("rhel", ("fedora",), "8.10", "Red Hat Enterprise Linux 8.10"),
    OsRelease("rocky", ("rhel", "fedora"), "10.0", "Rocky Linux 10.0"),
    OsRelease("opensuse-leap", ("suse", "opensuse"), "15.6", "openSUSE Leap 15.6"),
)


def made(state: BootState) -> Runbook:
    return compose(state, judge(state, POLICY), POLICY, generated_at=AT)


@pytest.mark.parametrize("name", HEALTHY)
def test_the_text_is_the_golden_one(name: str) -> None:
    """A changed page is looked at before it is printed: BOOTKEEP_GOLDEN=write renews the files."""
    state = recorded(name)
    runbook = made(state)
    check_all(runbook, state)
    text = runbook_text(runbook)
    path = GOLDEN / f"{name.removeprefix('healthy-')}.txt"
    if os.environ.get("BOOTKEEP_GOLDEN") == "write":
        path.write_text(text, "ascii")
    assert text == path.read_text("ascii")


@pytest.mark.parametrize("name", HEALTHY)
def test_it_is_twelve_pages_at_most_and_says_that_nobody_drilled_it(name: str) -> None:
    """Honest on paper."""
    runbook = made(recorded(name))
    assert len(pypdf.PdfReader(io.BytesIO(render_runbook(runbook, "pdf", paper="a4"))).pages) <= 12
    assert "NOT DRILLED" in runbook_text(runbook)


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: f"{release.id}-{release.version_id}")
@pytest.mark.parametrize("name", MACHINES)
def test_the_gates_hold_for_every_stack(name: str, release: OsRelease) -> None:
    """LVM with its devices file, LUKS, md, multipath, separate /boot, BIOS and UEFI."""
    state = replace(MACHINES[name](), os_release=release)
    runbook = made(state)
    check_words(runbook)
    check_shells(runbook)
    typed = "\n".join(line for step in runbook.steps() for line in step.step.command)
    assert "apt-get" not in typed.replace("apt-get update; apt-get install", "")
    assert "update-grub" not in typed and "dpkg" not in typed


def test_el_writes_its_arguments_before_anything_that_makes_an_entry() -> None:
    """Else the rescue medium's own end up in it; and the labels come last."""
    text = runbook_text(made(recorded("healthy-el9-bios")))
    rescue, _, rest = text.partition("\nF1  ")
    assert rescue.count("F=/etc/kernel/cmdline") == 1
    assert rest.index("touch /.autorelabel") > rest.index("kernel-install add $K")
    assert rest.rindex("touch /.autorelabel") < rest.index("ALL UNMOUNTED")


def test_el8_finds_its_menu_on_the_esp() -> None:
    """grub2.spec: EFI/<vendor>/grub.cfg is the menu itself, and GRUB's prefix; there is none below /boot/grub2."""
    state = recorded("healthy-el8-uefi")
    esp = layout_of(state).esp
    assert esp is not None and esp.uuid
    text = runbook_text(made(state))
    assert f"  search --fs-uuid --set=e {esp.uuid}\n  configfile ($e)/EFI/rocky/grub.cfg\n" in text
    assert "without a space, /EFI/rocky" in " ".join(text.split())
    assert "configfile /boot/grub2" not in text
    assert "configfile /boot/grub2/grub.cfg" in runbook_text(made(recorded("healthy-el9-uefi")))


def test_suse_offers_its_snapshots() -> None:
    """Read-only first, then made the default."""
    text = runbook_text(made(recorded("healthy-suse15-btrfs")))
    assert "snapper rollback" in text and "subvol=/@/.snapshots/1/snapshot" in text
    assert "grub2-install --target=i386-pc" in text and "grub_installdevice" in text
