"""The safety net on a real rpm database: what rpm and dnf do with no hook on their way is found and recorded, once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bootkeep
from bootkeep.edges.run import Completed
from bootkeep.edges.store import Store
from bootkeep.facts.transaction import Action, Outcome, Transaction
from bootkeep.flows.report import build_report
from bootkeep.lab.chroot import in_chroot
from bootkeep.lab.rpm.root import RpmRoot, rpm_root, unpacked

pytestmark = pytest.mark.lab
CACHE = Path(bootkeep.__file__).parents[2] / ".cache"
MARK = "@@net@@"
LOOK = "python3 -I /opt/net.py"
#: The command line needs packages that this root does not have: the flow behind it.
NET = """
import json
from bootkeep.edges.store import Store
from bootkeep.facts.policy import Policy
from bootkeep.flows.catch_up import catch_up
done = catch_up(Store(), Policy(), quiet_s=0, always=True)
print(json.dumps({
    "missed": [item.id for item in done.missed], "interrupted": [item.id for item in done.closed],
    "put_back": done.put_back, "complaints": done.complaints, "put_off": done.put_off,
}))
"""
IDLE = {"missed": [], "interrupted": [], "put_back": [], "complaints": [], "put_off": ""}


class Host:
    """A root with rpm, and bootkeep without any hook."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __call__(self, script: str) -> Completed:
        return in_chroot(self.root, ["/bin/sh", "-c", script], timeout_s=300)

    def look(self, before: str = "") -> dict[str, Any]:
        """Run a script, then the net; what the net says."""
        done = self(f"{before}\necho {MARK}\n{LOOK}")
        text = done.stdout.partition(MARK)[2]
        assert text.strip(), done.stdout + done.stderr
        found = json.loads(text)
        assert isinstance(found, dict)
        return found

    def newest(self) -> Transaction:
        """The newest record."""
        return Store(self.root / "var/lib/bootkeep").newest(1)[0]


@pytest.fixture(scope="module")
def built() -> RpmRoot:
    """The recipe's result for EL 9."""
    return rpm_root(CACHE, "el9", print)


@pytest.fixture(scope="module")
def host(built: RpmRoot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """One root for the module, with its first look taken."""
    root = unpacked(built, tmp_path_factory.mktemp("net") / "root")
    shutil.copytree(Path(bootkeep.__file__).parent, root / "usr/lib/python3/dist-packages/bootkeep")
    (root / "opt/net.py").write_text(NET)
    made = Host(root)
    assert made.look() == IDLE
    yield made
    shutil.rmtree(root, ignore_errors=True)


def test_past_every_hook(host: Host) -> None:
    """K.D.'s command, without scripts and without triggers; then back, the same once more, dnf without plugins, rpm -e."""
    commands = [
        ("rpm -Uvh --noscripts --notriggers /srv/rpms/updates/acmed-*.rpm", "acmed", Action.UPGRADE, "unknown"),
        ("sleep 1; rpm -U --force --noscripts /srv/rpms/updates/acmed-*.rpm", "acmed", Action.REINSTALL, "unknown"),
        ("rpm -U --oldpackage --noscripts /srv/rpms/base/acmed-*.rpm", "acmed", Action.DOWNGRADE, "unknown"),
        ("dnf -y --noplugins upgrade acmed", "acmed", Action.UPGRADE, "dnf"),
        ("rpm -e --noscripts acmed", "acmed", Action.REMOVE, "unknown"),
    ]
    for command, name, action, manager in commands:
        found = host.look(command)
        assert len(found["missed"]) == 1, (command, found)
        item = host.newest()
        assert [(one.name, one.action) for one in item.changes] == [(name, action)], command
        assert (item.outcome, item.phases, item.caller.manager) == (Outcome.DONE, ("pre", "settled"), manager)
        assert host.look() == IDLE, command
    report = build_report(Store(host.root / "var/lib/bootkeep"), host.newest().id)
    assert report.headline.startswith("HOOK MISSED"), report.headline


def test_a_kernel_installed_beside_another_is_no_upgrade(host: Host) -> None:
    found = host.look("rpm -i --noscripts --notriggers /srv/rpms/updates/kernel-*.rpm")
    assert len(found["missed"]) == 1, found
    assert {(one.name, one.action) for one in host.newest().changes} == {
        (name, Action.INSTALL) for name in ("kernel", "kernel-core", "kernel-modules")
    }


KEEP = """
import sys
from pathlib import Path
from bootkeep.edges.clock import now_utc
from bootkeep.edges.store import Store
from bootkeep.facts.kernel import LastGood
from bootkeep.flows.preserve import preserve_kernel
kept = preserve_kernel(Path("/"), sys.argv[1])
Store().save_last_good(LastGood(kept.release, kept.package_version, kept.image_sha256, "boot", now_utc()))
"""


def test_the_last_good_kernel_comes_back_when_nobody_was_asked(host: Host, built: RpmRoot) -> None:
    """K.D.'s command past every hook: the record says so, and the kernel is there again at its own paths."""
    release = built.installed
    (host.root / "opt/keep.py").write_text(KEEP)
    done = host(f"python3 -I /opt/keep.py {release}")
    assert done.exit_code == 0, done.stderr
    places = [host.root / f"boot/vmlinuz-{release}", host.root / f"boot/initramfs-{release}.img"]
    places += sorted((host.root / "usr/lib/modules" / release / "kernel").rglob("*.ko"))
    before = {path: path.read_bytes() for path in places}
    assert len(before) > 20
    script = "rpm -e --nodeps --notriggers $(rpm -qa 'kernel*' | grep -e -54) && ls /boot"
    found = host.look(script.replace("-54", f"-{release.split('-')[1]}"))
    assert len(found["missed"]) == 1, found
    assert {path: path.read_bytes() for path in before if path.exists()} == before
    assert any(f"/boot/vmlinuz-{release}" in line for line in found["put_back"]), found
    assert f"/boot/vmlinuz-{release} had vanished and was put back" in host.newest().outcome_detail
    assert host.look() == IDLE


def test_it_waits_while_rpm_is_at_work(host: Host) -> None:
    spec = "\\n".join(
        (
            "Name: slow",
            "Version: 1",
            "Release: 1",
            "Summary: s",
            "License: x",
            "BuildArch: noarch",
            "%description",
            "s",
            "%post",
            "touch /run/slow; while ! [ -e /run/go ]; do sleep 0.1; done",
            "%files",
        )
    )
    build = f"printf '{spec}\\n' | sed 's/%/%/g' >/root/slow.spec; rpmbuild -bb --quiet --define '_topdir /root/b' /root/slow.spec"
    done = host(build.replace("printf '", "printf '%b' '"))
    assert done.exit_code == 0, done.stderr
    script = (
        "rm -f /run/slow /run/go; rpm -i /root/b/RPMS/noarch/slow-*.rpm & while ! [ -e /run/slow ]; do sleep 0.1; done"
    )
    found = host.look(f"{script}\n{LOOK} >/run/during; touch /run/go; wait")
    during = json.loads((host.root / "run/during").read_text())
    assert during["missed"] == [] and "at work" in during["put_off"], during
    assert len(found["missed"]) == 1
