"""What dnf and zypper say they would do, and what of it would take a way back."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from bootkeep.facts.kernel import LastGood
from bootkeep.flows.kernel_install import dangers
from bootkeep.flows.kernel_install_rpm import has_version, installed_versions, parse_dnf, parse_zypper
from bootkeep.flows.planned import Planned
from unit.rules.states import kernels, recorded

#: As dnf 4.14 prints it (``--assumeno``), with a name that is too long for its column.
DNF = """Last metadata expiration check: 0:00:01 ago on Wed Nov 25 20:00:00 2026.
Dependencies resolved.
================================================================================
 Package              Arch         Version                Repository       Size
================================================================================
Installing:
 kernel               x86_64       6.1.0-55.el9           updates         6.0 k
Installing dependencies:
 kernel-modules-extra-matched
                      x86_64       6.1.0-55.el9           updates          20 M
Upgrading:
 acmed                noarch       2.0-1.el9              updates         7.2 k
     replacing  acme.noarch 0.9-1
Removing:
 kernel-core          x86_64       6.1.0-53.el9           @System          30 M

Transaction Summary
================================================================================
Install  2 Packages
 not a package line at all here
"""
ZYPPER = """<?xml version='1.0'?>
<stream>
<message type="info">Resolving package dependencies...</message>
<install-summary download-size="1" space-usage-diff="2" packages-to-change="2">
<to-install><solvable type="package" name="kernel-default" edition="6.1.0-55" arch="x86_64"/></to-install>
<to-upgrade><solvable type="package" name="acmed" edition="2.0-1" edition-old="1.0-1" arch="noarch"/></to-upgrade>
</install-summary>
<prompt id="0">
"""


def test_dnfs_table() -> None:
    """Each head has its meaning, each name its version."""
    assert parse_dnf(DNF) == (
        Planned("Inst", "kernel", "", "6.1.0-55.el9"),
        Planned("Inst", "kernel-modules-extra-matched", "", "6.1.0-55.el9"),
        Planned("Upgr", "acmed", "", "2.0-1.el9"),
        Planned("Remv", "acme", "0.9-1", ""),
        Planned("Remv", "kernel-core", "6.1.0-53.el9", ""),
    )


def test_zyppers_summary() -> None:
    """Even when the rest is cut off."""
    assert parse_zypper(ZYPPER) == (
        Planned("Inst", "kernel-default", "", "6.1.0-55"),
        Planned("Upgr", "acmed", "1.0-1", "2.0-1"),
    )
    assert parse_zypper(ZYPPER[:300]) == () == parse_zypper("")


def test_only_the_version_that_goes_is_a_danger() -> None:
    """rpm keeps several kernels of one name."""
    state = recorded("healthy-el9-bios")
    old = kernels(state)[1]
    state = replace(state, last_good=LastGood(old.release, "", "", "", ""))
    old_version, new_version = sorted(installed_versions(state, "kernel-core"))
    assert dangers(state, [Planned("Inst", "kernel-core", "", "9-9.el9")]) == ()
    (said,) = dangers(state, [Planned("Remv", "kernel-core", old_version, "")])
    assert old.release in said and "last-good" in said and "removed" in said
    (said,) = dangers(state, [Planned("Upgr", "kernel-core", old_version, "9-9.el9")])
    assert "replaced in place" in said
    assert has_version(state, "kernel-core", new_version) and not has_version(state, "kernel-core", "9-9.el9")


@given(st.text(max_size=300))
def test_any_output_is_read(text: str) -> None:
    """A front end that fails prints anything."""
    parse_dnf(text)
    parse_zypper(text)
    parse_dnf(f"Installing:\n{text}")
