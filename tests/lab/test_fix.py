"""``bootkeep fix`` on a real host: the verdict before, after, and after it was taken back, for one class after the other."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from bootkeep.lab import highstate
from bootkeep.lab.fetching import fetch_for
from bootkeep.lab.host import DisposableHost
from bootkeep.lab.image import Image
from conftest import CACHE
from lab.breakages import BREAKS, Broken
from lab.debs import put

pytestmark = pytest.mark.lab


#: One line a class, printed at the end: what stood there before, after the fix, and after it was taken back.
ROWS: list[tuple[str, str, str, str]] = []


@pytest.fixture(scope="module")
def host(lab_host: DisposableHost) -> Iterator[DisposableHost]:
    """With the formula applied, and healthy."""
    done = highstate.run(lab_host)
    assert not done.failed and done.results, done.output[-2000:]
    # Some rules pass over a container. This host stands for a machine: it has a disk with a boot loader of its own.
    lab_host.must(["mv", "/run/systemd/container", "/run/systemd/was-container"])
    yield lab_host
    widths = [max(len(row[column]) for row in ROWS) for column in range(4)] if ROWS else []
    for row in [("class", "before", "after", "after undo"), *ROWS] if ROWS else []:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def verdict_about(host: DisposableHost, identity: str) -> tuple[set[str], str]:
    """Ids of what is found, and the verdict with how bad that one finding is."""
    plain = check(host)
    findings = plain["findings"]
    assert isinstance(findings, list)
    found = {row["id"]: row["severity"] for row in reversed(findings) if row["severity"] != "unknown"}
    return set(found), f"{plain['judgement']} ({found.get(identity, 'not there')})"


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
    said = shell(host, lab_image, broken.breaks.replace("{debs}", debs_for(host, broken)))
    try:
        before, word_before = verdict_about(host, broken.identity)
        assert broken.identity in before, (before, said)
        planned = host.run(["bootkeep", "fix", broken.identity, "--dry-run"], timeout_s=60)
        assert planned.exit_code == 0 and "undo:" in planned.stdout, planned.stdout + planned.stderr
        if broken.thorough:
            asked = host.run(["bootkeep", "fix", broken.identity], timeout_s=60)
            assert asked.exit_code == 4 and "--yes" in asked.stderr
            assert found(host) == before, "neither a dry run nor a question changes anything"
        done = host.run(["bootkeep", "fix", broken.identity, "--yes"], timeout_s=600)
        assert done.exit_code == 0, done.stdout[-4000:] + done.stderr[-2000:]
        now, word_after = verdict_about(host, broken.identity)
        assert broken.identity not in now, done.stdout[-3000:]
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
        then, word_undone = verdict_about(host, broken.identity)
        ROWS.append((broken.identity, word_before, word_after, word_undone))
        if broken.undone:
            assert then == before, undone.stdout
        if broken.thorough:
            twice = host.run(["bootkeep", "fix", "--undo", str(record["id"]), "--yes"], timeout_s=60)
            assert twice.exit_code == 5 and "already" in twice.stderr
    finally:
        said = shell(host, lab_image, broken.heals)
    assert found(host) <= healthy, said


def debs_for(host: DisposableHost, broken: Broken) -> str:
    """Debian's packages that a breakage installs, and what they need on this host, as paths there."""
    if not broken.needs:
        return ""
    status = host.path("/var/lib/dpkg/status")
    debs = fetch_for(status, CACHE / "debs" / broken.needs[0], broken.needs)
    return " ".join(put(host, deb) for deb in debs)


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


def test_killed_half_way_it_says_what_to_do(host: DisposableHost, lab_image: Image) -> None:
    """kill -9 of the program while update-initramfs works: the step works on, the record tells, and both ways out are open."""
    image = f"/boot/initrd.img-{lab_image.kernels[1]}"
    shell(host, lab_image, f"cp -p {image} /root/image; truncate -s 3000000 {image}")
    try:
        said = shell(
            host,
            lab_image,
            "bootkeep fix initramfs-damaged --yes >/root/said 2>&1 & program=$!; "
            "for i in $(seq 600); do pgrep -f 'update-initramfs -[c]' >/dev/null && break; sleep 0.1; done; "
            "kill -9 $program; wait $program; bootkeep fix --list; "
            "bootkeep fix --undo $(basename $(ls -d /var/lib/bootkeep/fixes/*-initramfs-damaged | tail -1)) --yes; echo $?; "
            "for i in $(seq 1200); do pgrep -f 'update-initramfs -[c]' >/dev/null || break; sleep 0.1; done",
        )
        killed = newest_fix(host)
        assert killed["state"] == "interrupted", said
        reason = str(killed["reason"])
        assert "in step" in reason and f"bootkeep fix --undo {killed['id']}" in reason and "bootkeep check" in reason
        assert "still works" in said and "\n5\n" in said, said
        undone = host.run(["bootkeep", "fix", "--undo", str(killed["id"]), "--yes"], timeout_s=120)
        assert undone.exit_code == 0, undone.stdout + undone.stderr
        assert host.path(image).stat().st_size == 3000000, "as it was before the fix: damaged"
        again = host.run(["bootkeep", "fix", "initramfs-damaged", "--yes"], timeout_s=300)
        assert again.exit_code == 0 and "initramfs-damaged" not in found(host), again.stdout
    finally:
        shell(host, lab_image, f"mv /root/image {image}")


def test_an_undo_stops_where_a_package_manager_came_after(host: DisposableHost, lab_image: Image) -> None:
    """grub-pc's own scripts write the settings again after the fix: the old ones must not come back over them."""
    shell(
        host,
        lab_image,
        "cp -a /boot/grub/grub.cfg /root/menu; cp -a /etc/default/grub /root/; touch /boot/grub/grub.cfg.new",
    )
    try:
        assert host.run(["bootkeep", "fix", "grub-config-stale", "--yes"], timeout_s=300).exit_code == 0
        said = shell(
            host,
            lab_image,
            "echo grub-pc grub2/linux_cmdline_default string mitigations=auto | debconf-set-selections; "
            "DEBIAN_FRONTEND=noninteractive dpkg-reconfigure grub-pc 2>&1",
        )
        theirs = host.path("/etc/default/grub").read_bytes()
        undone = host.run(["bootkeep", "fix", "--undo", str(newest_fix(host)["id"]), "--yes"], timeout_s=60)
        assert undone.exit_code == 5 and "/etc/default/grub" in undone.stderr, undone.stdout + undone.stderr + said
        assert host.path("/etc/default/grub").read_bytes() == theirs
    finally:
        back = "cp -a /root/menu /boot/grub/grub.cfg; cp -a /root/grub /etc/default/grub"
        shell(host, lab_image, f"rm -f /boot/grub/grub.cfg.new; {back}")
