"""The guard's judgement and its words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bootkeep.edges.store import Store
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.finding import Severity
from bootkeep.facts.transaction import Action, Override, PackageChange
from bootkeep.flows import guard
from bootkeep.flows.refusal import refusal_text

NOW = "2026-11-23T17:20:00Z"
PROTECTED = guard.ProtectedKernel(
    "6.1.0-18-cloud-amd64",
    "the last-good kernel",
    "/boot/vmlinuz-6.1.0-18-cloud-amd64",
    {"odd-name": "/boot/vmlinuz-6.1.0-18-cloud-amd64", "mods": "/lib/modules/6.1.0-18-cloud-amd64/kernel/x.ko"},
    {"odd-name": "", "mods": "amd64"},
)


def change(name: str, action: Action, architecture: str = "amd64") -> PackageChange:
    return PackageChange(name, architecture, "1", "", action)


@pytest.mark.parametrize("name", ["odd-name", "mods"])
@pytest.mark.parametrize("action", [Action.REMOVE, Action.PURGE])
def test_owners_of_image_and_modules_may_not_go(name: str, action: Action) -> None:
    finding = guard.judge_plan(PROTECTED, [change("bash", Action.UPGRADE), change(name, action)])
    assert finding is not None
    assert finding.severity is Severity.WILL_NOT_BOOT
    assert finding.subject == PROTECTED.release
    assert finding.evidence[0].text == PROTECTED.owners[name]


@pytest.mark.parametrize(
    "plan",
    [
        [],
        [change("linux-image-6.1.0-18-cloud-amd64", Action.PURGE)],  # the name looks right, but it owns nothing of it
        [change("mods", Action.PURGE, "i386")],
        [change("odd-name", Action.CONFIGURE)],
        [change("odd-name", Action.UPGRADE)],
    ],
)
def test_everything_else_passes(plan: list[PackageChange]) -> None:
    assert guard.judge_plan(PROTECTED, plan) is None
    assert guard.judge_plan(None, plan) is None


@pytest.mark.parametrize("action", [Action.INSTALL, Action.UPGRADE, Action.DOWNGRADE, Action.REINSTALL])
def test_what_unpacks_over_it_must_be_preserved_first(action: Action) -> None:
    assert guard.replaced_in_place(PROTECTED, [change("odd-name", action)])
    assert not guard.replaced_in_place(PROTECTED, [change("bash", action)])
    assert not guard.replaced_in_place(None, [change("odd-name", action)])


@pytest.mark.parametrize(
    ("given_at", "expired"),
    [
        ("2026-11-23T17:20:00Z", False),
        ("2026-11-23T17:05:00Z", False),
        ("2026-11-23T17:04:59Z", True),
        ("2026-11-23T17:20:01Z", True),
        ("yesterday", True),
    ],
)
def test_an_override_lives_a_quarter_of_an_hour(tmp_path: Path, given_at: str, expired: bool) -> None:
    store = Store(tmp_path)
    store.save_override(Override("why", "ada", given_at))
    assert (guard.override_for(store, {}, "bob", NOW) is None) is expired
    assert store.take_override() is None  # used up in any case


def test_an_override_in_the_environment_comes_first(tmp_path: Path) -> None:
    found = guard.override_for(Store(tmp_path), {"BOOTKEEP_OVERRIDE": " moving on "}, "ada", NOW)
    assert found == Override("moving on", "ada", NOW)
    assert guard.override_for(Store(tmp_path), {"BOOTKEEP_OVERRIDE": "  "}, "ada", NOW) is None


@pytest.mark.parametrize("reason", ["", "  ", "x"])
def test_an_override_needs_a_reason(tmp_path: Path, reason: str) -> None:
    with pytest.raises(BootkeepError, match="needs a reason"):
        guard.give_override(reason, Store(tmp_path))


def test_the_refusal_says_what_instead() -> None:
    plan = [change("odd-name", Action.PURGE), change("junk", Action.PURGE), change("new", Action.INSTALL)]
    finding = guard.judge_plan(PROTECTED, plan)
    assert finding is not None
    text = refusal_text(finding, plan, "apt-get", PROTECTED)
    # What an upgrade removes makes place for something else: never a command that removes it alone.
    assert "apt-mark hold odd-name, and repeat the command\n" in text
    assert "junk" not in text
    assert "BOOTKEEP_OVERRIDE=" in text
    assert "bootkeep preserve --override" in text


@pytest.mark.parametrize(
    ("action", "manager", "command"),
    [
        (Action.PURGE, "apt-get", "apt-get purge junk"),
        (Action.REMOVE, "apt-get", "apt-get remove junk"),
        (Action.REMOVE, "dpkg", "dpkg --remove junk"),
        (Action.PURGE, "dpkg", "dpkg --purge junk"),
    ],
)
def test_the_other_removals_are_offered_as_they_were_asked_for(action: Action, manager: str, command: str) -> None:
    plan = [change("odd-name", action), change("junk", action)]
    finding = guard.judge_plan(PROTECTED, plan)
    assert finding is not None
    assert f"apt-mark hold odd-name && {command}\n" in refusal_text(finding, plan, manager, PROTECTED)


@pytest.mark.parametrize(
    ("name", "brings_it"),
    [
        ("linux-image-unsigned-6.1.0-18-cloud-amd64", True),
        ("linux-modules-extra-6.1.0-18-cloud-amd64", True),
        ("linux-image-6.1.0-18-cloud-amd64_6.1.76-1_amd64.deb", True),  # an archive that there was no time to open
        ("linux-headers-6.1.0-18-cloud-amd64", False),
        ("linux-image-6.1.0-18-cloud-amd64x", False),
        ("linux-image-6.1.0-180-cloud-amd64", False),
        ("linux-image-16.1.0-18-cloud-amd64", False),
        ("linux-image-cloud-amd64", False),
    ],
)
def test_a_package_of_another_name_may_bring_the_same_files(name: str, brings_it: bool) -> None:
    """A signed image replaced by an unsigned one, or a kernel built by hand by its package: preserved first all the same."""
    unowned = replace(PROTECTED, owners={}, architectures={})
    assert guard.replaced_in_place(unowned, [change(name, Action.INSTALL)]) is brings_it
    assert not guard.replaced_in_place(unowned, [change(name, Action.PURGE)])


def test_a_release_that_no_package_name_can_hold() -> None:
    unowned = replace(PROTECTED, release="6.6.9_Mine", owners={}, architectures={})
    assert guard.replaced_in_place(unowned, [change("linux-image-6.6.9-mine", Action.INSTALL)])


ONE, TWO, LAST = "6.1.0-9-amd64", "6.1.0-18-amd64", "6.12.1-rt-amd64"
CFG = """
if [ "${{next_entry}}" ] ; then
   set default="${{next_entry}}"
else
   set default="{default}"
fi
menuentry 'Debian' --class os $menuentry_id_option 'gnulinux-simple-1' {{
	linux	/vmlinuz-{last} root=UUID=1 ro
}}
submenu 'Advanced options' $menuentry_id_option 'gnulinux-advanced-1' {{
	menuentry 'Debian, {last}' $menuentry_id_option 'gnulinux-{last}-advanced-1' {{
		linux	/vmlinuz-{last} root=UUID=1 ro
	}}
	menuentry 'Debian, {two}' $menuentry_id_option 'gnulinux-{two}-advanced-1' {{
		linux	/vmlinuz-{two} root=UUID=1 ro
	}}
}}
menuentry 'By the link' {{
	linux	/boot/vmlinuz root=UUID=1 ro
}}
"""


@pytest.mark.parametrize(
    ("default", "saved", "wanted"),
    [
        ("0", "", LAST),
        ("1>1", "", TWO),
        ("gnulinux-advanced-1>gnulinux-6.1.0-18-amd64-advanced-1", "", TWO),
        ("Advanced options>Debian, 6.1.0-18-amd64", "", TWO),
        ("${saved_entry}", "gnulinux-advanced-1>gnulinux-6.1.0-18-amd64-advanced-1", TWO),
        ("${saved_entry}", "", LAST),
        ("${saved_entry}", "gone", LAST),  # as GRUB does
        ("By the link", "", ONE),
    ],
)
def test_the_default_kernel_is_the_one_that_grub_starts(tmp_path: Path, default: str, saved: str, wanted: str) -> None:
    """Not the first of the menu: a host with a pinned kernel would have the wrong one protected."""
    grub = tmp_path / "boot/grub"
    grub.mkdir(parents=True)
    (grub / "grub.cfg").write_text(CFG.format(default=default, last=LAST, two=TWO))
    block = "# GRUB Environment Block\n" + (f"saved_entry={saved}\n" if saved else "")
    (grub / "grubenv").write_text(block + "#" * (1024 - len(block)))
    (tmp_path / "boot/vmlinuz").symlink_to(f"vmlinuz-{ONE}")
    for release in (ONE, TWO, LAST):
        (tmp_path / f"boot/vmlinuz-{release}").write_text("x")
    (tmp_path / "var/lib/dpkg/info").mkdir(parents=True)
    found = guard.protected_kernel(tmp_path, Store(tmp_path / "store"))
    assert found is not None
    assert (found.release, found.why) == (wanted, "the default kernel")
