"""A /boot of its own that is full, the commonest trouble of all: what cannot be refused must not cost the last-good kernel."""

from __future__ import annotations

import pytest

from bootkeep.facts.transaction import Outcome

from .conftest import RpmMachine

pytestmark = pytest.mark.lab
#: /boot on a file system of its own with this much left, of which the script tells the sums afterwards.
_FULL = """
cp -a /boot /srv/boot && mount -t tmpfs -o size=64M tmpfs /boot && cp -a /srv/boot/. /boot && rm -rf /srv/boot
dd if=/dev/zero of=/boot/fill bs=4K 2>/dev/null
truncate -s -{left}K /boot/fill
find /boot /usr/lib/modules -path '*{release}*' -type f ! -name 'modules.*' ! -path '*/bootkeep/*' -exec sha256sum {{}} + >/srv/sums
"""


def _full(machine: RpmMachine, *, left: int = 512) -> str:
    return _FULL.format(release=machine.built.installed, left=left)


@pytest.mark.parametrize(
    "command", ["cd /srv/rpms/updates; rpm -Uvh kernel*.rpm", "rpm -e kernel kernel-core kernel-modules"]
)
def test_a_raw_rpm_leaves_the_last_good_kernel_bootable(el9: RpmMachine, command: str) -> None:
    done = el9(f"{_full(el9)} {command}; df /boot; sha256sum --quiet -c /srv/sums")
    said = done.stdout + done.stderr
    assert done.exit_code == 0, (said, el9.log())
    assert "rpm cannot be stopped by a hook; the kernel is preserved and will be put back" in said
    item = el9.only()
    assert item.outcome is Outcome.DONE and "is put back" in item.outcome_detail, (item, el9.log())


def test_not_a_single_block_is_left(el9: RpmMachine) -> None:
    done = el9(
        f"{_full(el9, left=0)} rpm -e --nodeps kernel-core; sha256sum --quiet -c /srv/sums && bootkeep preserve --list"
    )
    assert done.exit_code == 0, (done.stdout + done.stderr, el9.log())
    assert "is put back" in el9.only().outcome_detail
    assert el9.built.installed in done.stdout, done.stdout


def test_dnf_is_refused_where_it_would_be_written_over(el9: RpmMachine) -> None:
    """A second name of the same file is no copy: dnf can be stopped, so it is."""
    done = el9(f"{_full(el9)} dnf -y reinstall kernel-core; test $? = 1 && sha256sum --quiet -c /srv/sums")
    said = done.stdout + done.stderr
    assert done.exit_code == 0, (said, el9.log())
    assert "it cannot be preserved first" in said and "0 MiB are free" in said
    assert el9.only().outcome is Outcome.REFUSED
