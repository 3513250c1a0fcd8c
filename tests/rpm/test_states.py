"""The formula on rpm hosts, by real salt-call: hooks, kernels side by side, boot entries; refusals in plain words."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from .salt_host import APPLY, SaltHost, salt_host

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def el9(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SaltHost]:
    """EL 9."""
    yield from salt_host("el9", tmp_path_factory.mktemp("salt"))


@pytest.fixture(scope="module")
def suse15(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SaltHost]:
    """SLES 15."""
    yield from salt_host("suse15", tmp_path_factory.mktemp("salt"))


def _applied_twice(host: SaltHost, front_end: Path, wrong: tuple[str, str]) -> None:
    """Plan, work, nothing left to do; and what was set wrong is right."""
    text = front_end.read_text()
    assert wrong[0] in text
    front_end.write_text(text.replace(*wrong))
    kept = front_end.read_bytes()
    planned = host.rows(*APPLY, "test=True")
    assert {row["result"] for row in planned.values()} <= {None, True}, planned
    assert front_end.read_bytes() == kept
    first = host.rows(*APPLY)
    assert {key: row["comment"] for key, row in first.items() if row["result"] is not True} == {}
    assert first["bootkeep-hooks-in-force"]["changes"] and first["bootkeep-kernel-install-only"]["changes"]
    again = host.rows(*APPLY)
    assert {key: row["changes"] for key, row in again.items() if row["changes"]} == {}
    assert {row["result"] for row in again.values()} == {True}
    assert host.run("rpm -q bootkeep-hooks").startswith("bootkeep-hooks-")
    # What was not named stays as it was, comments and order included.
    without = [line for line in text.splitlines() if wrong[0].partition("=")[0].strip() not in line]
    assert [line for line in front_end.read_text().splitlines() if line in without] == without


def test_el_twice_and_the_second_time_nothing_is_left_to_do(el9: SaltHost) -> None:
    """Hooks, preserved kernel, dnf, boot entries."""
    _applied_twice(el9, el9.root / "etc/dnf/dnf.conf", ("installonly_limit=3", "installonly_limit=1"))
    assert "installonly_limit=3" in (el9.root / "etc/dnf/dnf.conf").read_text()


def test_suse_twice_and_the_second_time_nothing_is_left_to_do(suse15: SaltHost) -> None:
    """The same by zypper, with the last-good kernel by its edition."""
    wrong = ("multiversion = provides:multiversion(kernel)", "# multiversion =")
    _applied_twice(suse15, suse15.root / "etc/zypp/zypp.conf", wrong)
    text = (suse15.root / "etc/zypp/zypp.conf").read_text()
    assert "\nmultiversion = provides:multiversion(kernel)\n" in text
    number, build = suse15.built.installed.split("-")[:2]
    assert f",{number}-{build}\n" in text


def test_a_kernel_comes_beside_by_salts_own_pkg_module(el9: SaltHost) -> None:
    """Planned by dnf itself, installed by yumpkg, and then there is nothing to do."""
    number, build = el9.built.update.split("-")[:2]
    arguments = ("state.single", "bootkeep.kernel_installed", "name=kernel", f"version={number}-{build}.el9")
    (planned,) = el9.rows(*arguments, "test=True").values()
    assert planned["result"] is None and "kernel-core" in planned["changes"], planned
    (done,) = el9.rows(*arguments).values()
    assert done["result"] is True, done
    (again,) = el9.rows(*arguments).values()
    assert again["result"] is True and not again["changes"]
    for release in (el9.built.installed, el9.built.update):
        assert (el9.root / f"boot/vmlinuz-{release}").is_file()


def test_a_refused_removal_reaches_the_comment_in_plain_words(el9: SaltHost) -> None:
    """dnf asks the guard, and Salt passes its words on."""
    before = sorted(path.name for path in (el9.root / "boot").iterdir())
    (row,) = el9.rows("state.single", "pkg.removed", "name=kernel-core").values()
    assert row["result"] is False, row
    said = json.dumps(row)
    assert "refus" in said.lower() and el9.built.installed in said, said
    assert sorted(path.name for path in (el9.root / "boot").iterdir()) == before


def test_a_kernel_that_would_replace_the_last_good_one_is_refused(suse15: SaltHost) -> None:
    """Its package says nothing of multiversion, and zypper would upgrade in place; it cannot be stopped later."""
    suse15.run("createrepo_c -q /srv/rpms/careless; zypper -n addrepo -G /srv/rpms/careless careless")
    number, build = suse15.built.careless.split("-")[:2]
    shutil.rmtree(suse15.root / "boot/bootkeep", ignore_errors=True)
    arguments = ("state.single", "bootkeep.kernel_installed", "name=kernel-default", f"version={number}-{build}")
    (row,) = suse15.rows(*arguments).values()
    assert row["result"] is False, row
    # In place, or by a removal: which of the two depends on whether multiversion is set by then.
    assert "would be re" in row["comment"] and "is not preserved" in row["comment"], row
    assert suse15.built.installed in row["comment"]
    assert (suse15.root / f"boot/vmlinuz-{suse15.built.installed}").is_file()
