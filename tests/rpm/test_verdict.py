"""The verdict on EL-like and SUSE-like hosts that boot: each on a disk of its own, with systemd, GRUB and one kernel at first."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bootkeep
from bootkeep.edges.store import Store
from bootkeep.facts.finding import Judgement, Verdict
from bootkeep.facts.transaction import Action, Outcome
from bootkeep.lab.host import DisposableHost, disposable_host
from bootkeep.lab.rpm.host import rpm_host_disk
from bootkeep.lab.rpm.root import RpmRoot, rpm_root
from bootkeep.lab.salt_python import staged

pytestmark = pytest.mark.lab
CACHE = Path(bootkeep.__file__).parents[2] / ".cache"
UPDATE = {"el9": "dnf -y upgrade", "fedora": "dnf -y upgrade", "suse15": "zypper -n up"}
INITRAMFS = {"el9": "/boot/initramfs-{}.img", "fedora": "/boot/initramfs-{}.img", "suse15": "/boot/initrd-{}"}


@pytest.fixture(scope="module", params=["el9", "suse15"])
def host(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[DisposableHost, RpmRoot]]:
    """The host, running; its tests follow each other."""
    folder = tmp_path_factory.mktemp("verdict")
    built = rpm_root(CACHE, request.param, print)
    image = rpm_host_disk(built, staged(CACHE), folder / "host.img")
    with disposable_host(image, work=folder / "work", binds={}) as running:
        yield running, built


def check(host: DisposableHost) -> tuple[int, dict[str, str], str]:
    """Exit code, what was found with its severity, and the whole answer for a failing test."""
    done = host.run(["bootkeep", "check", "--json"], timeout_s=300)
    plain: dict[str, Any] = json.loads(done.stdout)
    found = {one["id"]: one["severity"] for one in plain["findings"]}
    return done.exit_code, found, plain["judgement"] + json.dumps(plain["findings"])


def test_one_kernel_is_no_go(host: tuple[DisposableHost, RpmRoot]) -> None:
    code, found, said = check(host[0])
    assert (code, found) == (1, {"fallback-kernel-missing": "at-risk"}), said


def test_after_the_update_it_is_go(host: tuple[DisposableHost, RpmRoot]) -> None:
    """By the hook's own look, and by a person's a moment later."""
    running, built = host
    done = running.run(["sh", "-c", UPDATE[built.flavour]], timeout_s=600)
    assert done.exit_code in {0, 102}, done.stdout + done.stderr
    assert "GO: safe to reboot" in done.stdout + done.stderr
    code, found, said = check(running)
    assert (code, found) == (0, {}), said
    store = Store(running.path("/var/lib/bootkeep"))
    (item,) = store.newest(5)
    verdict = store.load_verdict(item.id, "post")
    assert isinstance(verdict, Verdict) and verdict.judgement is Judgement.GO


@pytest.mark.parametrize("what", ["initramfs", "image", "modules"])
def test_what_is_missing_is_no_go_and_go_when_it_is_back(host: tuple[DisposableHost, RpmRoot], what: str) -> None:
    running, built = host
    place = {
        "initramfs": INITRAMFS[built.flavour].format(built.update),
        "image": f"/boot/vmlinuz-{built.update}",
        "modules": f"/usr/lib/modules/{built.update}",
    }[what]
    running.must(["mv", place, "/root/away"])
    code, found, said = check(running)
    running.must(["mv", "/root/away", place])
    assert code == 1 and found, said
    code, found, said = check(running)
    assert (code, found) == (0, {}), said


def test_an_initramfs_that_is_cut_is_no_go(host: tuple[DisposableHost, RpmRoot]) -> None:
    running, built = host
    place = INITRAMFS[built.flavour].format(built.update)
    running.must(["sh", "-c", f"cp -a {place} /root/kept && truncate -s 900000 {place}"])
    code, found, said = check(running)
    running.must(["cp", "-a", "/root/kept", place])
    assert code == 1 and "initramfs-damaged" in found, said
    assert check(running)[0] == 0


def test_what_rpm_leaves_open_is_closed_by_a_unit_of_its_own(host: tuple[DisposableHost, RpmRoot]) -> None:
    """rpm runs no trigger when packages only go: a transient unit of systemd waits for its end."""
    running, _built = host
    running.must(["rpm", "-e", "acmed"])
    store = Store(running.path("/var/lib/bootkeep"))
    until = time.monotonic() + 120
    units = ["systemctl", "list-units", "--all", "--plain", "--no-legend", "bootkeep-close-*"]
    while running.run(units).stdout.strip() and time.monotonic() < until:  # it is collected when it has ended
        time.sleep(1)
    item = store.newest(1)[0]
    assert (item.caller.manager, item.outcome) == ("rpm", Outcome.DONE), item
    assert [(change.name, change.action) for change in item.changes] == [("acmed", Action.REMOVE)]
    assert {"pre", "post"} <= set(item.phases)
    said = running.run(["journalctl", "--no-pager", "-u", "bootkeep-close-*"]).stdout
    assert "bootkeep-close-" in said, said
    assert running.run(units).stdout.strip() == ""
