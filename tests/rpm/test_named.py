"""Kernels under other names, on Fedora too: told by their files and by what they provide, never by a pattern of names."""

from __future__ import annotations

import pytest

from bootkeep.facts.transaction import Action, Outcome
from bootkeep.lab.rpm.bootkeep_in import mark_good
from bootkeep.lab.rpm.flavours import FLAVOURS
from bootkeep.lab.rpm.packages import build, kernel

from .conftest import CACHE, RpmMachine

pytestmark = pytest.mark.lab
NAMED = "/srv/rpms/named"
#: Flavour -> the packages that hold its files: real-time, Oracle's, Amazon's (a single one), ELRepo's.
EL_KERNELS = {
    "kernel-rt": ("kernel-rt-core", "kernel-rt-modules"),
    "kernel-uek": ("kernel-uek-core", "kernel-uek-modules"),
    "kernel6.12": ("kernel6.12",),
    "kernel-ml": ("kernel-ml-core", "kernel-ml-modules"),
}


def _built(machine: RpmMachine, flavour: str) -> None:
    """ELRepo's is not in the root's folder: it is built like the others when it is asked for."""
    folder = machine.root / NAMED[1:]
    if not list(folder.glob(f"{flavour}-[0-9c]*.rpm")):
        (payload,) = (CACHE / "rpm").glob(f"base-*/kernels/{machine.built.other}")
        build(machine.root, kernel(payload, flavour=flavour, dist=FLAVOURS[machine.built.flavour].dist), folder)


def _install(machine: RpmMachine, flavour: str) -> dict[str, str]:
    """By raw rpm, beside what is there; then it has booted well."""
    _built(machine, flavour)
    done = machine(f"rpm -ivh {NAMED}/{flavour}-*.rpm")
    assert done.exit_code == 0, done.stderr
    item = machine.only()
    assert (item.caller.manager, item.outcome) == ("rpm", Outcome.DONE), (item.outcome_detail, machine.log())
    assert {change.action for change in item.changes} == {Action.INSTALL}
    assert {"pre", "post"} <= set(item.phases), "no trigger knows this package's name"
    mark_good(machine.root, machine.built.other)
    files = machine.kernel(machine.built.other)
    assert len(files) > 30
    return files


@pytest.mark.parametrize("flavour", EL_KERNELS)
def test_a_named_kernel_that_is_last_good_survives_its_removal(el9: RpmMachine, flavour: str) -> None:
    before = _install(el9, flavour)
    gone = [name for name in (flavour, *EL_KERNELS[flavour]) if el9.installed(name)]
    done = el9(f"rpm -e {' '.join(gone)}")
    assert done.exit_code == 0, done.stderr
    assert not any(el9.installed(name) for name in gone)
    assert el9.kernel(el9.built.other) == before
    assert "is put back" in el9.transactions()[-1].outcome_detail


@pytest.mark.parametrize("flavour", EL_KERNELS)
def test_dnf_refuses_to_remove_it(el9: RpmMachine, flavour: str) -> None:
    before = _install(el9, flavour)
    done = el9(f"dnf -y remove {EL_KERNELS[flavour][0]}")
    said = done.stdout + done.stderr
    assert done.exit_code == 1, said
    assert f"would take away the last-good kernel {el9.built.other}" in said
    assert el9.kernel(el9.built.other) == before
    assert el9.transactions()[-1].outcome is Outcome.REFUSED


def test_suses_real_time_kernel(suse15: RpmMachine) -> None:
    before = _install(suse15, "kernel-rt")
    done = suse15("zypper -n rm kernel-rt")
    assert done.exit_code == 0, done.stdout + done.stderr
    assert suse15.kernel(suse15.built.other) == before
    assert suse15.transactions()[-1].outcome is Outcome.DONE


def test_fedora_k_d_s_command(fedora: RpmMachine) -> None:
    """The database lies in /usr/lib/sysimage there, and everything else follows."""
    old, new = fedora.built.installed, fedora.built.update
    before = fedora.kernel(old)
    done = fedora("cd /srv/rpms/updates && rpm -Uvh *.rpm")
    assert done.exit_code == 0, done.stderr
    assert fedora.kernel(old) == before
    assert f"boot/vmlinuz-{new}" in fedora.kernel(new)
    item = fedora.only()
    assert (item.caller.manager, item.outcome) == ("rpm", Outcome.DONE), (item.outcome_detail, fedora.log())
    assert "was taken away by this transaction and is put back" in item.outcome_detail


def test_fedora_dnf_refuses_and_upgrades_beside(fedora: RpmMachine) -> None:
    old = fedora.built.installed
    before = fedora.kernel(old)
    version = fedora.installed("kernel-core")
    assert fedora("dnf -y upgrade").exit_code == 0
    assert fedora.kernel(old) == before and fedora.kernel(fedora.built.update)
    done = fedora(f"dnf -y remove kernel-core-{version}")
    assert done.exit_code == 1
    assert f"would take away the last-good kernel {old}" in done.stdout + done.stderr
    assert [item.outcome for item in fedora.transactions()] == [Outcome.DONE, Outcome.REFUSED]


def test_fedora_without_scripts_is_found_by_the_safety_net(fedora: RpmMachine) -> None:
    old = fedora.built.installed
    before = fedora.kernel(old)
    net = "touch -d '10 minutes ago' /usr/lib/sysimage/rpm/rpmdb.sqlite* && bootkeep catch-up --json"
    assert fedora(f"bootkeep preserve && {net}").exit_code == 0
    assert fedora("cd /srv/rpms/updates && rpm -Uvh --noscripts kernel*.rpm").exit_code == 0
    assert fedora.kernel(old) != before
    fedora(net)
    assert fedora.kernel(old) == before
    assert fedora.only().hook_missed


def test_dracut_itself_makes_the_initramfs(el9: RpmMachine) -> None:
    """The distributions' generator, which writes over an image in place: the kept copy must be no second name of it."""
    old, new = el9.built.installed, el9.built.update
    before = el9.kernel(old)
    (el9.root / "etc/lab").mkdir()
    (el9.root / "etc/lab/dracut").touch()
    done = el9("cd /srv/rpms/updates && rpm -Uvh kernel*.rpm", timeout_s=900)
    assert done.exit_code == 0, done.stderr
    assert el9.kernel(old) == before
    made = el9(f"lsinitrd /boot/initramfs-{new}.img", timeout_s=120)
    assert made.exit_code == 0 and "dracut modules:" in made.stdout, made.stdout[:500] + made.stderr
    (copy,) = (path for path in (el9.root / "boot/bootkeep").glob(f"{old}_*"))
    kept = (copy / "initrd.img").read_bytes()
    again = el9(
        f"depmod -a {old} && dracut --force --no-hostonly --kver {old} /boot/initramfs-{old}.img {old}", timeout_s=900
    )
    assert again.exit_code == 0, again.stderr
    assert (el9.root / f"boot/initramfs-{old}.img").read_bytes() != kept
    assert (copy / "initrd.img").read_bytes() == kept
