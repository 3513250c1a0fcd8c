"""The rpm front ends keep kernels side by side: what is set, in their own syntax, and only that."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.install_only import InstallOnly
from bootkeep.facts.kernel import LastGood
from bootkeep.facts.unknown import Unknown
from bootkeep.flows.install_only import dnf_wanted, enforce_install_only, zypp_wanted
from bootkeep.probes.packages.install_only import parse_dnf, parse_zypp
from unit.rules.states import kernels, recorded

EL, SUSE = "healthy-el9-bios", "healthy-suse15-btrfs"
DNF = "[main]\n# how many\ninstallonly_limit=1\nbest=True\n"
ZYPP = "[main]\n## Several versions\n# multiversion = provides:multiversion(kernel)\n\ndownload.use_deltarpm = false\n"


def host(tmp_path: Path, name: str, text: str) -> tuple[BootState, Path]:
    """A root with one configuration file, and the state that has read it."""
    suse = name == SUSE
    path = tmp_path / ("etc/zypp/zypp.conf" if suse else "etc/dnf/dnf.conf")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    state = recorded(name)
    policy = InstallOnly(zypp=parse_zypp(text)) if suse else InstallOnly(dnf=parse_dnf(text))
    return replace(state, install_only=policy), path


def test_a_limit_of_one_becomes_three_and_nothing_else_changes(tmp_path: Path) -> None:
    """Planned, done, and done is done."""
    state, path = host(tmp_path, EL, DNF)
    planned = enforce_install_only(state, keep=2, dry_run=True, root=tmp_path)
    assert planned.ok and [(each.old, each.new) for each in planned.changes] == [("1", "3")]
    assert path.read_text() == DNF
    assert enforce_install_only(state, keep=2, dry_run=False, root=tmp_path).changes == planned.changes
    assert path.read_text() == DNF.replace("limit=1", "limit=3")
    assert enforce_install_only(state, keep=2, dry_run=False, root=tmp_path).changes == ()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", {}),
        ("[main]\ninstallonly_limit=0\n", {}),  # all of them
        ("[main]\ninstallonly_limit=5\n", {}),
        ("[main]\ninstallonly_limit=2\n", {"installonly_limit": "3"}),
        ("[main]\nprotect_running_kernel=no\n", {"protect_running_kernel": "True"}),
        ("[main]\ninstallonlypkgs=foo\n", {"installonlypkgs": "foo, installonlypkg(kernel)"}),
        ("[main]\ninstallonlypkgs=kernel, foo\n", {}),
    ],
)
def test_what_dnf_is_told(text: str, wanted: dict[str, str]) -> None:
    """Only what would be wrong."""
    assert dnf_wanted(recorded(EL), text, keep=3) == wanted


def test_the_limit_reaches_down_to_the_last_good_kernel() -> None:
    """dnf takes the oldest away, whatever it is."""
    state = recorded(EL)
    newest, oldest = kernels(state)[:2]
    many = tuple(replace(newest, release=f"{newest.release}{number}") for number in range(4))
    good = LastGood(oldest.release, "", "", "", "")
    crowded = replace(state, kernels=(*many, oldest), last_good=good)
    assert dnf_wanted(crowded, "", keep=3) == {"installonly_limit": "6"}


def test_a_kernel_that_calls_itself_none_is_listed_by_its_name() -> None:
    """Both front ends accept names; a list of its own must not lose the kernel's word."""
    state = recorded("el9-kernel-replaceable")
    wanted = dnf_wanted(state, "", keep=3)
    assert wanted == {"installonlypkgs": "installonlypkg(kernel), kernel-core"}
    assert dnf_wanted(state, f"[main]\ninstallonlypkgs={wanted['installonlypkgs']}\n", keep=3) == {}


def test_zypper_is_told_what_to_keep_and_the_last_good_one_by_its_edition(tmp_path: Path) -> None:
    """Behind the comment that shows the setting; an edition that is gone goes from the list."""
    state, path = host(tmp_path, SUSE, ZYPP)
    old = kernels(state)[1]
    state = replace(state, last_good=LastGood(old.release, "", "", "", ""))
    done = enforce_install_only(state, keep=3, dry_run=False, root=tmp_path)
    assert done.ok and len(done.changes) == 2
    policy = parse_zypp(path.read_text())
    assert policy.multiversion == "provides:multiversion(kernel)"
    assert policy.kernels == ("latest", "latest-1", "latest-2", "running", "5.14.21-150500.53.2")
    assert path.read_text().startswith(ZYPP.partition("\n\n")[0]) and "use_deltarpm = false" in path.read_text()
    again = zypp_wanted(state, path.read_text().replace("latest,", "latest,1.2.3-4,"), keep=3)
    assert "1.2.3-4" not in again["multiversion.kernels"]


def test_what_could_not_be_read_is_not_written(tmp_path: Path) -> None:
    """And a host without the front end is told so."""
    state = recorded(EL)
    with pytest.raises(BootkeepError):
        enforce_install_only(
            replace(state, install_only=InstallOnly(dnf=Unknown("denied"))), keep=3, dry_run=False, root=tmp_path
        )
    assert not enforce_install_only(state, keep=3, dry_run=False, root=tmp_path).ok
    assert enforce_install_only(recorded("healthy-bios"), keep=3, dry_run=False, root=tmp_path).changes == ()
