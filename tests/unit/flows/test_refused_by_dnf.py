"""What to type instead of a refused command of dnf: each case as dnf's own plan shows it."""

from __future__ import annotations

import pytest

from bootkeep.facts.transaction import Action, PackageChange
from bootkeep.flows.refused_by_dnf import Surroundings, instead_of_dnf

OLD, NEW = "6.1.0-55.el9", "6.1.0-56.el9"


def remove(name: str, version: str = OLD) -> PackageChange:
    return PackageChange(name, "x86_64", version, "", Action.REMOVE)


def install(name: str, version: str = NEW) -> PackageChange:
    return PackageChange(name, "x86_64", "", version, Action.INSTALL)


HIT = remove("kernel-core")
DRACUT = remove("dracut", "57-1")
UNLIMITED = "--setopt=installonly_limit=0"
KERNEL = [HIT, remove("kernel")]
SECOND = [remove("kernel-core", NEW), remove("kernel", NEW)]


@pytest.mark.parametrize(
    ("typed", "plan", "around", "wanted"),
    [
        ("remove kernel-core acmed", [*KERNEL, remove("acmed", "1-1")], {"others_stay": True}, "dnf remove acmed-1-1"),
        ("remove kernel-core-6.1.0-55.el9", KERNEL, {"others_stay": True}, "boot another kernel first; "),
        ("remove kernel-core", KERNEL, {}, "install another kernel first (dnf upgrade kernel-core) and boot it; "),
        # Never down to a single kernel.
        ("remove kernel*", [*KERNEL, *SECOND], {}, "boot another kernel first; "),
        ("remove kernel*", [*KERNEL, *SECOND], {"others_stay": True}, "dnf remove kernel-core-6.1.0-56.el9 kernel-6.1.0-56.el9"),
        # What hangs on it was not asked for, and what it needs would be refused again.
        ("remove dracut", [*KERNEL, DRACUT, remove("x", "1-1")], {"needed": {"dracut"}}, "leave out dracut: this kernel needs it"),
        ("remove kernel-core", [*KERNEL, DRACUT], {"needed": {"dracut"}}, "install another kernel first "),
        ("autoremove", KERNEL, {"others_stay": True}, "dnf mark install kernel-core-6.1.0-55.el9 && dnf -y autoremove"),
        # A kernel comes: the limit. Unless something else takes this one's place, or the limit was lifted already.
        ("install kernel", [HIT, install("kernel-core")], {}, "dnf --setopt=installonly_limit=0 -y install kernel"),
        ("upgrade", [HIT, install("taker")], {"takers": {"taker"}}, "dnf --exclude=taker -y upgrade"),
        ("install ./taker-1.rpm", [HIT, install("kernel-core"), install("taker")], {"takers": {"taker"}}, "do without taker, "),
        ("--allowerasing install foo", [HIT, install("foo")], {}, "dnf -y install foo"),
        (f"{UNLIMITED} --allowerasing install foo", [HIT, install("kernel-core")], {}, f"dnf -y {UNLIMITED} install foo"),
    ],
)  # fmt: skip
def test_it_says_what_works(typed: str, plan: list[PackageChange], around: dict[str, object], wanted: str) -> None:
    command = ("/usr/bin/python3", "/usr/bin/dnf", "-y", *typed.split())
    said = instead_of_dnf(plan, [HIT], "dnf", command, Surroundings(**around))  # type: ignore[arg-type]
    assert said == wanted or (wanted.endswith((" ", "; ")) and said.startswith(wanted)), said


def test_the_same_advice_is_never_given_twice() -> None:
    hit = PackageChange("kernel-core", "x86_64", OLD, NEW, Action.UPGRADE)
    first = instead_of_dnf([hit], [hit], "dnf", ("dnf", "upgrade"), Surroundings())
    assert first == "dnf --setopt=installonlypkgs=kernel-core upgrade"
    assert "--exclude=kernel-core" in instead_of_dnf([hit], [hit], "dnf", tuple(first.split()), Surroundings())


def test_a_program_of_its_own_has_no_command_line_to_repeat() -> None:
    said = instead_of_dnf(
        [HIT, install("kernel-core")], [HIT], "packagekitd", ("/usr/libexec/packagekitd",), Surroundings()
    )
    assert said == "repeat it by dnf with --setopt=installonly_limit=0"
    said = instead_of_dnf(
        [*KERNEL, remove("acmed", "1.0-1")], [HIT], "x", ("python3", "x.py"), Surroundings(others_stay=True)
    )
    assert said == "dnf remove acmed-1.0-1"
