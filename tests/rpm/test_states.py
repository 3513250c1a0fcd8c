"""The formula on rpm hosts, by real salt-call: hooks, kernels side by side, boot entries; refusals in plain words."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import bootkeep
from bootkeep.lab.chroot import in_chroot
from bootkeep.lab.rpm.bootkeep_in import CHECKOUT, install_bootkeep, mark_good
from bootkeep.lab.rpm.root import RpmRoot, rpm_root, unpacked
from bootkeep.lab.salt_python import staged

pytestmark = pytest.mark.lab
CACHE = Path(bootkeep.__file__).parents[2] / ".cache"
#: The parts without the toolkit's own installation, which the tests on Debian show, and without the verdict: the kernel that runs
#: here is the machine's around it.
PARTS = ("bootkeep.hooks", "bootkeep.preserved", "bootkeep.kernel", "bootkeep.bootloader")
_SALT_CALL = "#!/opt/salt/bin/python3\nimport sys\nfrom salt.scripts import salt_call\nsys.exit(salt_call())\n"


@dataclass
class SaltHost:
    """A root with Salt, masterless."""

    root: Path
    built: RpmRoot

    def run(self, script: str) -> str:
        """A shell script inside; what it printed."""
        done = in_chroot(self.root, ["/bin/sh", "-c", script], timeout_s=300)
        return done.stdout + done.stderr

    def call(self, *arguments: str) -> Any:
        """One ``salt-call --local``, its answer as data."""
        argv = ["/opt/salt/bin/salt-call", "--local", "--out=json", "--log-level=quiet", *arguments]
        done = in_chroot(self.root, argv, timeout_s=300)
        assert done.stdout.strip(), done.stderr[-2000:]
        return json.loads(done.stdout[done.stdout.index("{") :])["local"]

    def rows(self, *arguments: str) -> dict[str, dict[str, Any]]:
        """The states' answers by id."""
        answer = self.call(*arguments)
        assert isinstance(answer, dict), answer
        return {key.split("_|-")[1]: row for key, row in answer.items()}


def _host(flavour: str, folder: Path) -> Iterator[SaltHost]:
    built = rpm_root(CACHE, flavour, print)
    root = unpacked(built, folder / flavour)
    install_bootkeep(root, staged(CACHE), whole_salt=True, deadline_s=60)
    host = SaltHost(root, built)
    program = root / "opt/salt/bin/salt-call"
    program.write_text(_SALT_CALL, encoding="ascii")
    program.chmod(0o755)
    states = root / "srv/bootkeep"
    shutil.copytree(CHECKOUT / "salt", states / "salt", ignore=shutil.ignore_patterns("wheels", "__pycache__"))
    shutil.copytree(CHECKOUT / "pillar", states / "pillar")
    packages = states / "salt/bootkeep/files/rpms"
    packages.mkdir(parents=True, exist_ok=True)
    for package in (root / "srv/rpms/bootkeep").glob("*.rpm"):
        shutil.copy(package, packages)
    # The toolkit is in Salt's Python already: this part of the formula has nothing to do with rpm.
    install = states / "salt/bootkeep/install/init.sls"
    install.write_text(install.read_text().partition("bootkeep-install-toolkit:")[0] + _INSTALLED)
    (root / "etc/salt").mkdir(exist_ok=True)
    (root / "etc/salt/minion").write_text(
        "id: web01\nfile_client: local\nmaster_type: disable\n"
        "file_roots: {base: [/srv/bootkeep/salt]}\npillar_roots: {base: [/srv/bootkeep/pillar]}\n"
    )
    host.run("rpm -e bootkeep-hooks; rm /etc/bootkeep/hooks.conf")
    host.call("saltutil.sync_all")
    mark_good(root, built.installed)
    yield host
    shutil.rmtree(root, ignore_errors=True)


_INSTALLED = """bootkeep-install-configuration:
  bootkeep.configured:
    - name: /etc/bootkeep/config.json
    - policy: {{ bootkeep.policy | tojson }}
"""


@pytest.fixture(scope="module")
def el9(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SaltHost]:
    """EL 9."""
    yield from _host("el9", tmp_path_factory.mktemp("salt"))


@pytest.fixture(scope="module")
def suse15(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SaltHost]:
    """SLES 15."""
    yield from _host("suse15", tmp_path_factory.mktemp("salt"))


def _applied_twice(host: SaltHost, front_end: Path, wrong: tuple[str, str]) -> None:
    """Plan, work, nothing left to do; and what was set wrong is right."""
    text = front_end.read_text()
    assert wrong[0] in text
    front_end.write_text(text.replace(*wrong))
    kept = front_end.read_bytes()
    # A root is no disk: which one holds /boot cannot be said here. The disks of SUSE's file are tested with recorded machines.
    apply = (
        "state.apply",
        ",".join(PARTS),
        'pillar={"bootkeep": {"lookup": {"bootloader": {"install_devices": false}}}}',
    )
    planned = host.rows(*apply, "test=True")
    assert {row["result"] for row in planned.values()} <= {None, True}, planned
    assert front_end.read_bytes() == kept
    first = host.rows(*apply)
    assert {key: row["comment"] for key, row in first.items() if row["result"] is not True} == {}
    assert first["bootkeep-hooks-in-force"]["changes"] and first["bootkeep-kernel-install-only"]["changes"]
    again = host.rows(*apply)
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
