"""Other ways to the same loss: patterns and manifests that rpm expands, names with blanks, archives that obsolete the kernel."""

from __future__ import annotations

import hashlib
import re

import pytest

from bootkeep.facts.transaction import Action, Outcome

from .conftest import RpmMachine

pytestmark = pytest.mark.lab
_WARNED = "rpm cannot be stopped by a hook; the kernel is preserved and will be put back"
#: A package that takes the kernel's place by name; $kind is Obsoletes or Conflicts.
_TAKER = """
mkdir -p /srv/taker && cd /srv/taker && cat >taker.spec <<END
Name: taker
Version: 1
Release: 1
Summary: Takes the place of the kernel
License: Apache-2.0
BuildArch: noarch
AutoReqProv: no
{kind}: kernel-core < 99, kernel-modules < 99, kernel < 99, kernel-default < 99
%description
Another kernel, by its word.
%install
mkdir -p %{{buildroot}}/etc/taker
echo 1 >%{{buildroot}}/etc/taker/file
%files
/etc/taker/file
END
rpmbuild -bb --quiet --define '_topdir /srv/taker' taker.spec 2>/dev/null && mv RPMS/noarch/taker-1-1.noarch.rpm /srv/taker/ && cd /
"""


@pytest.mark.parametrize(
    "command",
    [
        "cd /srv/rpms && rpm -Uvh 'updates/kernel*.rpm'",
        "cd /srv/rpms && ls updates/kernel*.rpm >/tmp/list && rpm -Uvh /tmp/list",
        "mkdir -p '/tmp/a b [1]/u*' && cd '/tmp/a b [1]/u*' && cp /srv/rpms/updates/kernel*.rpm . && rpm -Fvh *.rpm",
    ],
    ids=["pattern", "manifest", "blanks"],
)
def test_the_person_is_warned_before_whatever_the_files_are_called(el9: RpmMachine, command: str) -> None:
    before = el9.kernel(el9.built.installed)
    done = el9(command)
    assert done.exit_code == 0, done.stderr
    assert f"would take away the last-good kernel {el9.built.installed}" in done.stderr and _WARNED in done.stderr
    assert el9.kernel(el9.built.installed) == before
    assert {change.name for change in el9.only().changes} == {"kernel", "kernel-core", "kernel-modules"}


def test_what_an_archive_obsoletes_is_warned_of_and_on_record(el9: RpmMachine) -> None:
    """No command line names it: the files tell before, the database afterwards."""
    before = el9.kernel(el9.built.installed)
    done = el9(_TAKER.format(kind="Obsoletes") + "rpm -U --nodeps /srv/taker/taker-1-1.noarch.rpm")
    assert done.exit_code == 0, done.stderr
    assert _WARNED in done.stderr
    assert el9.kernel(el9.built.installed) == before
    item = el9.only()
    assert item.outcome is Outcome.DONE, item.outcome_detail
    found = {change.name: change.action for change in item.changes}
    gone = dict.fromkeys(("kernel", "kernel-core", "kernel-modules"), Action.REMOVE)
    assert found == {"taker": Action.INSTALL, **gone}


def test_the_hooks_themselves_come_again_without_an_alarm(el9: RpmMachine) -> None:
    """Their triggers are shown every file that matches, though none of them is touched."""
    done = el9("rpm -U --replacepkgs /srv/rpms/bootkeep/*.rpm")
    assert done.exit_code == 0, done.stderr
    assert "last-good" not in done.stderr


def _refused(machine: RpmMachine, command: str) -> str:
    done = machine(command)
    said = done.stdout + done.stderr
    assert done.exit_code == 1 and "REFUSED, nothing was changed" in said, said
    found = re.search("do this instead: +(.*)", said)
    assert found
    return found[1]


def test_dnf_says_what_works_when_it_is_typed(el9: RpmMachine) -> None:
    """Each answer is typed where it is a command; none leads back to the same refusal, or to a host with a single kernel."""
    old, new = el9.built.installed, el9.built.update
    before = el9.kernel(old)
    assert _refused(el9, "dnf -y remove basesystem") == "leave out basesystem: this kernel needs it"
    assert el9(_TAKER.format(kind="Obsoletes") + "createrepo_c --quiet /srv/taker").exit_code == 0
    assert _refused(el9, "dnf -y install /srv/taker/taker-1-1.noarch.rpm").startswith("do without taker, ")
    instead = _refused(el9, "dnf -y --nogpgcheck --repofrompath=taker,file:///srv/taker upgrade")
    assert instead.startswith("dnf --exclude=taker -y ")
    done = el9(instead)
    assert done.exit_code == 0, done.stdout + done.stderr
    assert el9.kernel(new)
    assert _refused(el9, "dnf -y remove 'kernel*'").startswith("boot another kernel first")
    version = el9.installed("kernel-core").split()[0]
    unneeded = f"dnf mark remove kernel-{version} kernel-core-{version} kernel-modules-{version} kernel"
    instead = _refused(el9, f"{unneeded} >/dev/null && dnf -y autoremove")
    done = el9(instead)
    assert done.exit_code == 0, done.stdout + done.stderr
    assert el9.kernel(old) == before and el9.kernel(new)


def test_zypper_installs_the_last_good_kernel_again(suse15: RpmMachine) -> None:
    """Its %posttrans makes the initramfs anew, in place: the one that is known to boot is kept before."""
    old = suse15.built.installed
    before = suse15.kernel(old)
    version = suse15.installed("kernel-default")
    done = suse15(f"zypper -n in -f kernel-default={version}")
    assert done.exit_code in {0, 102}, done.stdout + done.stderr
    item = suse15.only()
    assert [(change.name, change.action) for change in item.changes] == [("kernel-default", Action.REINSTALL)]
    (kept,) = (suse15.root / "boot/bootkeep").glob(f"{old}_*")
    assert item.preserved == (kept.name,)
    assert hashlib.sha256((kept / "initrd.img").read_bytes()).hexdigest() == before[f"boot/initrd-{old}"]
    assert (suse15.root / f"boot/vmlinuz-{old}").read_bytes() == (kept / "vmlinuz").read_bytes()
    after = suse15.kernel(old)
    assert {path for path in before if before[path] != after.get(path)} <= {f"boot/initrd-{old}"}
