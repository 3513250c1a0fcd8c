"""``bootkeep fix`` on a real host: the verdict before, after, and after it was taken back, for one class after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from bootkeep.lab import highstate
from bootkeep.lab.host import DisposableHost
from bootkeep.lab.image import Image

pytestmark = pytest.mark.lab


@dataclass(frozen=True, slots=True)
class Broken:
    """One way to break a host, and back. Shell; {old} and {new} are the kernel releases."""

    identity: str
    breaks: str
    heals: str  # back to a healthy host, whatever fix and undo did
    undone: bool = True  # taking it back brings the same findings back
    notes: str = ""  # what taking it back says that it cannot


#: Makes room scarce: 40 MiB below the 200 that a host has to keep free on /.
FILL = "fallocate -l $(( $(stat -f -c '%f * %S' /) - 160*1024*1024 )) /var/tmp/filler"

BREAKS = (
    Broken(
        "grub-config-stale",
        "mv /boot/vmlinuz-{new} /root/; update-grub 2>&1; mv /root/vmlinuz-{new} /boot/; touch /boot/grub/grub.cfg.new",
        "rm -f /boot/grub/grub.cfg.new; update-grub 2>&1",
    ),
    Broken(
        "default-entry-broken",
        "echo GRUB_DEFAULT=gnulinux-gone >/etc/default/grub.d/local.cfg; update-grub 2>&1",
        "rm -f /etc/default/grub.d/local.cfg /etc/default/grub.d/zz-bootkeep-default.cfg; update-grub 2>&1",
    ),
    Broken(
        "initramfs-damaged",
        "cp /boot/initrd.img-{new} /root/image; truncate -s 3000000 /boot/initrd.img-{new}",
        "cp /root/image /boot/initrd.img-{new}; rm /root/image",
    ),
    Broken(
        "fallback-kernel-missing",
        "mv /boot/initrd.img-{old} /root/; rm /lib/modules/{old}/modules.dep; update-grub 2>&1",
        "test -e /boot/initrd.img-{old} || mv /root/initrd.img-{old} /boot/; depmod -a {old}; update-grub 2>&1",
        undone=False,  # depmod's index stays: there was none before
    ),
    Broken(
        "package-transaction-unfinished",
        "dpkg --unpack /srv/archive/base/linux-image-*.deb 2>&1",
        "apt-get -y purge $(dpkg-deb -f /srv/archive/base/linux-image-*.deb Package) 2>&1",
        undone=False,
        notes="not taken back",  # what a package's scripts did
    ),
    Broken(
        "fstab-device-missing",
        "cp /etc/fstab /root/fstab; echo 'UUID=00000000-dead-beef-0000-000000000000 /srv/data ext4 defaults 0 2' >>/etc/fstab",
        "cp /root/fstab /etc/fstab",
    ),
    Broken(
        "grub-install-device-wrong",
        "debconf-get-selections | grep -P 'grub-pc/install_devices\\t' >/root/answer; "
        "echo 'grub-pc grub-pc/install_devices multiselect /dev/disk/by-id/gone' | debconf-set-selections",
        "debconf-set-selections </root/answer",
    ),
    Broken(  # last: the kernel that it removes is in no archive any more
        "boot-space-low",
        "apt-get -y install $(dpkg-deb -f /srv/archive/base/linux-image-*.deb Package) 2>&1; " + FILL,
        "rm -f /var/tmp/filler",
        undone=False,
        notes="not taken back",
    ),
)


@pytest.fixture(scope="module")
def host(lab_host: DisposableHost) -> Iterator[DisposableHost]:
    """With the formula applied, and healthy."""
    done = highstate.run(lab_host)
    assert not done.failed and done.results, done.output[-2000:]
    # Some rules pass over a container. This host stands for a machine: it has a disk with a boot loader of its own.
    lab_host.must(["mv", "/run/systemd/container", "/run/systemd/was-container"])
    yield lab_host


def check(host: DisposableHost) -> dict[str, object]:
    plain: dict[str, object] = json.loads(host.run(["bootkeep", "check", "--json"], timeout_s=60).stdout)
    return plain


def found(host: DisposableHost) -> set[str]:
    """Ids of what is found, but for what this machine's own kernel leaves unknown."""
    findings = check(host)["findings"]
    assert isinstance(findings, list)
    return {row["id"] for row in findings if row["severity"] != "unknown"}


def shell(host: DisposableHost, image: Image, text: str) -> str:
    text = text.replace("{old}", image.kernels[0]).replace("{new}", image.kernels[1])
    done = host.run(["bash", "-c", text], timeout_s=300)
    return done.stdout + done.stderr


def newest_fix(host: DisposableHost) -> dict[str, object]:
    records = json.loads(host.must(["bootkeep", "fix", "--list", "--json"]))
    record: dict[str, object] = records[-1]
    return record


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: broken.identity)
def test_before_after_and_after_undo(host: DisposableHost, lab_image: Image, broken: Broken) -> None:
    healthy = found(host)
    assert broken.identity not in healthy
    said = shell(host, lab_image, broken.breaks)
    try:
        before = found(host)
        assert broken.identity in before, (before, said)
        planned = host.run(["bootkeep", "fix", broken.identity, "--dry-run"], timeout_s=60)
        assert planned.exit_code == 0 and "undo:" in planned.stdout, planned.stdout + planned.stderr
        asked = host.run(["bootkeep", "fix", broken.identity], timeout_s=60)
        assert asked.exit_code == 4 and "--yes" in asked.stderr
        assert found(host) == before, "neither a dry run nor a question changes anything"
        done = host.run(["bootkeep", "fix", broken.identity, "--yes"], timeout_s=600)
        assert done.exit_code == 0, done.stdout[-4000:] + done.stderr[-2000:]
        assert broken.identity not in found(host), done.stdout[-3000:]
        record = newest_fix(host)
        assert record["state"] == "done" and record["finding"] == broken.identity
        folder = host.path(f"/var/lib/bootkeep/fixes/{record['id']}")
        assert folder.stat().st_mode & 0o777 == 0o700
        steps = record["steps"]
        assert isinstance(steps, list) and all((folder / step["log"]).exists() for step in steps)
        again = host.run(["bootkeep", "fix", broken.identity, "--yes"], timeout_s=60)
        assert again.exit_code == 0 and "Nothing to do" in again.stdout
        undone = host.run(["bootkeep", "fix", "--undo", str(record["id"]), "--yes"], timeout_s=300)
        assert undone.exit_code == 0 and broken.notes in undone.stdout, undone.stdout + undone.stderr
        if broken.undone:
            assert found(host) == before, undone.stdout
        twice = host.run(["bootkeep", "fix", "--undo", str(record["id"]), "--yes"], timeout_s=60)
        assert twice.exit_code == 5 and "already" in twice.stderr
    finally:
        said = shell(host, lab_image, broken.heals)
    assert found(host) <= healthy, said


def read_back(host: DisposableHost) -> set[str]:
    """Ids found by the check before a reboot."""
    plain = json.loads(host.run(["bootkeep", "check", "--before-reboot", "--json"], timeout_s=150).stdout)
    return {row["id"] for row in plain["findings"] if row["severity"] != "unknown"}


def test_an_image_that_is_damaged_on_the_device_only(host: DisposableHost, lab_image: Image) -> None:
    """B19 whole: the kernel's cache still shows the good image, GRUB's driver reads the damaged one."""
    identity = "loader-readback-differs"
    healthy = read_back(host)
    assert identity not in healthy
    said = shell(
        host,
        lab_image,
        "set -e; image=/boot/initrd.img-{new}; cat $image >/dev/null; disk=$(findmnt -no SOURCE /); sync; "
        "block=$(debugfs -R \"blocks $image\" $disk 2>/dev/null | tr ' ' '\\n' | sed -n 100p); "
        "size=$(stat -f -c %S /); head -c $size /dev/zero | dd of=$disk bs=$size seek=$block conv=notrunc,fsync 2>&1",
    )
    assert found(host) <= healthy, "the ordinary check reads what the kernel shows"
    damaged = read_back(host)
    assert identity in damaged, said
    # The kernel drops its good copy when it likes; then it sees the damage itself, and that is the ordinary finding.
    now = read_back(host) - healthy
    assert now and now <= {identity, "initramfs-damaged"}
    for each in sorted(now):
        done = host.run(["bootkeep", "fix", each, "--yes"], timeout_s=600)
        assert done.exit_code == 0, done.stdout[-3000:] + done.stderr
    assert read_back(host) == healthy, done.stdout + host.run(["bootkeep", "check"]).stdout


def test_what_is_not_there_changes_nothing(host: DisposableHost) -> None:
    """A misspelt id is an error, and never a finding that is not there."""
    fixes = host.must(["bootkeep", "fix", "--list", "--json"])
    unknown = host.run(["bootkeep", "fix", "no-such-finding", "--yes"], timeout_s=60)
    assert unknown.exit_code == 5 and "Known findings" in unknown.stderr
    nothing = host.run(["bootkeep", "fix", "--undo", "20200101T000000Z-none", "--yes"], timeout_s=60)
    assert nothing.exit_code == 5 and "--list" in nothing.stderr
    assert host.must(["bootkeep", "fix", "--list", "--json"]) == fixes


def test_an_undo_never_overwrites_what_somebody_changed_since(host: DisposableHost, lab_image: Image) -> None:
    shell(host, lab_image, "cp /boot/grub/grub.cfg /root/menu; touch /boot/grub/grub.cfg.new")
    try:
        assert host.run(["bootkeep", "fix", "grub-config-stale", "--yes"], timeout_s=300).exit_code == 0
        shell(host, lab_image, "echo '# mine' >>/etc/fstab")
        undone = host.run(["bootkeep", "fix", "--undo", str(newest_fix(host)["id"]), "--yes"], timeout_s=60)
        assert undone.exit_code == 5 and "/etc/fstab" in undone.stderr
        assert host.path("/etc/fstab").read_text(encoding="utf-8").endswith("# mine\n")
    finally:
        shell(
            host,
            lab_image,
            "sed -i '/# mine/d' /etc/fstab; rm -f /boot/grub/grub.cfg.new; cp /root/menu /boot/grub/grub.cfg",
        )


def test_the_same_by_salt(host: DisposableHost, lab_image: Image) -> None:
    """The state: planned, applied, idle; and the execution functions."""
    call = ["salt-call", "--local", "--out=json"]
    shell(host, lab_image, "touch /boot/grub/grub.cfg.new")
    try:
        state = [*call, "state.single", "bootkeep.fixed", "grub-config-stale"]
        results = []
        for more in (["test=True"], [], []):
            plain = json.loads(host.run([*state, *more], timeout_s=300).stdout)["local"]
            (row,) = plain.values()
            results.append((row["result"], bool(row["changes"])))
        assert results == [(None, True), (True, True), (True, False)], plain
        assert json.loads(host.must([*call, "bootkeep.fixes"]))["local"][-1]["state"] == "done"
    finally:
        shell(host, lab_image, "rm -f /boot/grub/grub.cfg.new; update-grub")
