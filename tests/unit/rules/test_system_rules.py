"""B07, B18, B41: packages, mounts and fstab."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bootkeep.assemble import assemble
from bootkeep.edges.run import run
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.codec import from_json
from bootkeep.facts.finding import Severity
from bootkeep.facts.package import Package
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.facts.storage import FstabLine
from bootkeep.facts.surroundings import DkmsModule
from bootkeep.facts.unknown import Unknown
from bootkeep.probes.storage.mounts import parse_fstab
from bootkeep.remedies.fstab_type_wrong import fstab_type_wrong
from bootkeep.rules.judge import judge
from unit.rules.states import MACHINES, found, healthy, kernels, recorded, severities

UNFINISHED = "package-transaction-unfinished"
NOT_MOUNTED = "boot-not-mounted"
FSTAB = "fstab-device-missing"


def with_package(name: str, state: str, flag: str = "ok") -> BootState:
    packages = healthy().packages
    assert isinstance(packages, tuple)
    rest = tuple(package for package in packages if package.name != name)
    return healthy(packages=(*rest, Package(name, "amd64", "1", "install", state, flag)))


@pytest.mark.parametrize(
    ("name", "state", "flag", "expected"),
    [
        ("linux-image-6.1.0-56-cloud-amd64", "half-configured", "ok", [Severity.AT_RISK]),
        ("initramfs-tools", "triggers-pending", "ok", [Severity.AT_RISK]),
        ("systemd", "triggers-pending", "ok", [Severity.ADVICE]),
        ("exim4-daemon-light", "half-configured", "ok", [Severity.ADVICE]),
        ("exim4-daemon-light", "installed", "reinstreq", [Severity.AT_RISK]),
        ("exim4-daemon-light", "config-files", "ok", []),
        ("exim4-daemon-light", "installed", "ok", []),
    ],
)
def test_unfinished_packages(name: str, state: str, flag: str, expected: list[Severity]) -> None:
    assert severities(with_package(name, state, flag), UNFINISHED) == expected


def test_the_package_managers_own_journal() -> None:
    assert not found(healthy(unmerged_updates=0), UNFINISHED)
    assert severities(healthy(unmerged_updates=3), UNFINISHED) == [Severity.AT_RISK]
    assert severities(healthy(packages=Unknown("cut")), UNFINISHED) == [Severity.UNKNOWN]


def test_boot_that_is_not_mounted_or_read_only() -> None:
    state = recorded("healthy-separate-boot")
    assert not found(state, NOT_MOUNTED)
    assert isinstance(state.mounts, tuple) and isinstance(state.fstab, tuple)
    without = tuple(mount for mount in state.mounts if mount.target != "/boot")
    assert severities(replace(state, mounts=without), NOT_MOUNTED) == [Severity.AT_RISK]
    by_hand = tuple(replace(line, options=("noauto",)) for line in state.fstab)
    assert severities(replace(state, mounts=without, fstab=by_hand), NOT_MOUNTED) == [Severity.ADVICE]
    read_only = tuple(
        replace(mount, options=("ro", "relatime")) if mount.target == "/boot" else mount for mount in state.mounts
    )
    assert severities(replace(state, mounts=read_only), NOT_MOUNTED) == [Severity.AT_RISK]
    assert severities(replace(state, mounts=Unknown("rescue")), NOT_MOUNTED) == [Severity.UNKNOWN]
    assert not found(healthy(mounts=Unknown("rescue")), NOT_MOUNTED), "its fstab has no /boot"


def with_line(spec: str, target: str = "/srv", file_system: str = "ext4", options: str = "defaults") -> BootState:
    lines = healthy().fstab
    assert isinstance(lines, tuple)
    return healthy(fstab=(*lines, FstabLine(9, spec, target, file_system, tuple(options.split(",")), 2)))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (("UUID=1-2-3",), [Severity.WILL_NOT_BOOT]),
        (("LABEL=gone",), [Severity.WILL_NOT_BOOT]),
        (("/dev/sdz1",), [Severity.WILL_NOT_BOOT]),
        (("/dev/vg0/gone",), [Severity.WILL_NOT_BOOT]),
        (("UUID=1-2-3", "none", "swap", "sw"), [Severity.AT_RISK]),
        (("UUID=1-2-3", "/mnt", "ext4", "defaults,nofail"), []),
        (("UUID=1-2-3", "/mnt", "ext4", "noauto"), []),
        (("UUID=1-2-3", "/mnt", "ext4", "x-systemd.automount"), []),
        (("UUID=1-2-3", "/mnt", "ext4", "defaults,_netdev"), [Severity.AT_RISK]),
        (("UUID=1-2-3", "/mnt", "ext4", "x-systemd.wanted-by=multi-user.target"), [Severity.AT_RISK]),
        (("UUID=1-2-3", "/mnt", "auto"), [Severity.WILL_NOT_BOOT]),
        (("server:/export", "/mnt", "nfs"), []),
        (("tmpfs", "/tmp", "tmpfs"), []),
        (("proc", "/proc", "proc"), []),
        (("/swapfile", "none", "swap", "sw"), []),
        (("/dev/vda1", "/mnt"), []),
        (("/dev/disk/by-id/virtio-bootkeep0", "/mnt"), []),
        (("/dev/disk/by-id/gone", "/mnt"), [Severity.WILL_NOT_BOOT]),
        (("/dev/disk/by-label/gone", "/mnt"), [Severity.WILL_NOT_BOOT]),
        (("/dev/disk/by-path/pci-0000:00:05.0", "/mnt"), [Severity.UNKNOWN]),
        (("/dev/md/data", "/mnt"), [Severity.UNKNOWN]),
        (("/dev/cdrom", "/media/cdrom0"), [Severity.UNKNOWN]),
        (("/dev/zvol/tank/swap", "none"), [Severity.UNKNOWN]),
        (("/dev/drbd/by-res/r0/0", "/mnt"), [Severity.UNKNOWN]),
        (("/dev/nvme9n1p1", "/mnt"), [Severity.WILL_NOT_BOOT]),
        (("/dev/md9", "/mnt"), [Severity.WILL_NOT_BOOT]),
        (("/dev/mapper/vg-gone", "/mnt"), [Severity.WILL_NOT_BOOT]),
    ],
)
def test_devices_of_fstab(line: tuple[str, ...], expected: list[Severity]) -> None:
    assert severities(with_line(*line), FSTAB) == expected


def test_no_devices_known_is_unknown_and_a_container_is_left_alone() -> None:
    assert severities(healthy(block_devices=Unknown("no lsblk")), FSTAB) == [Severity.UNKNOWN]
    assert not found(replace(with_line("UUID=1-2-3"), container="lxc"), FSTAB)


def test_what_a_bind_mount_or_a_loop_device_is_made_of_has_to_be_there() -> None:
    """A typing error there ends in emergency mode as a missing disk does; it was once not looked at."""
    for line in (("/srv/gone", "/mnt", "none", "bind"), ("/srv/gone", "/mnt", "ext4", "loop")):
        state = replace(with_line(*line), fstab_sources_absent=("/srv/gone",))
        assert severities(state, FSTAB) == [Severity.WILL_NOT_BOOT]
        assert not found(replace(state, running_release=Unknown("rescue")), FSTAB)
        assert not found(with_line(*line), FSTAB)
    automatic = with_line("/srv/gone", "/mnt", "none", "bind,nofail")
    assert not found(replace(automatic, fstab_sources_absent=("/srv/gone",)), FSTAB)


def read_again(line: str, **more: Reading) -> BootState:
    """healthy-bios with one more line in its fstab, and other answers."""
    path = MACHINES / "healthy-bios" / "readings.json"
    answers = dict(from_json(Readings, path.read_bytes(), where=str(path)).answers)
    answers["file:/etc/fstab"] = Reading(Status.OK, answers["file:/etc/fstab"].text + line + "\n")
    return assemble(Readings(answers | {f"listing:{key}": answer for key, answer in more.items()}), taken_at="x")


def test_sources_that_were_not_asked_for_are_not_missing() -> None:
    line = "/srv/a[1] /mnt none bind"
    assert not found(read_again(line), FSTAB)
    assert not found(read_again(line, **{"/srv/a[[]1]": Reading(Status.OK, "[]")}), FSTAB)
    assert severities(read_again(line, **{"/srv/a[[]1]": Reading(Status.ABSENT)}), FSTAB) == [Severity.WILL_NOT_BOOT]


TYPE = "fstab-type-wrong"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (("/dev/vda1", "/mnt", "xfs"), [Severity.WILL_NOT_BOOT]),
        (("/dev/vda1", "/mnt", "ext3"), []),  # one driver
        (("/dev/vda1", "/mnt", "auto"), []),
        (("/dev/vda1", "/mnt", "xfs", "nofail"), []),
        (("/dev/vda1", "/mnt", "xfs", "_netdev"), [Severity.AT_RISK]),
        (("/dev/vda1", "none", "swap", "sw"), [Severity.AT_RISK]),
        (("/dev/vda", "/mnt", "xfs"), []),  # nothing is known to lie there
        (("tmpfs", "/mnt", "xfs"), []),
    ],
)
def test_types_of_fstab(line: tuple[str, ...], expected: list[Severity]) -> None:
    assert severities(with_line(*line), TYPE) == expected
    assert not found(healthy(), TYPE)


def test_the_container_of_an_encrypted_volume_is_no_file_system() -> None:
    state = with_line("/dev/vda1", "/mnt", "ext4")
    assert isinstance(state.block_devices, tuple)
    locked = tuple(replace(device, file_system="crypto_LUKS") for device in state.block_devices)
    assert Severity.WILL_NOT_BOOT in severities(replace(state, block_devices=locked), TYPE)


def test_the_type_is_written_into_its_line_and_no_other(tmp_path: Path) -> None:
    lines = (FstabLine(1, "/dev/vda1", "/srv", "xfs", ("defaults",), 2),)
    remedy = fstab_type_wrong(healthy(fstab=lines), "/srv")
    (step,) = [step for step in remedy.live if any("sed -i" in line for line in step.command)]
    table = tmp_path / "fstab"
    table.write_text("UUID=1 / ext4 d 0 1\n/dev/vda1 \t/srv  xfs defaults 0 2\n/dev/vda1 /srv2 xfs x\n")
    program = "\n".join(step.command).replace("/etc/fstab", str(table))
    assert run(["bash", "-ec", program], timeout_s=30).exit_code == 0
    assert table.read_text() == "UUID=1 / ext4 d 0 1\n/dev/vda1 \t/srv  ext4 defaults 0 2\n/dev/vda1 /srv2 xfs x\n"


def test_a_module_that_its_own_dkms_conf_excludes_is_missing_on_purpose() -> None:
    """But a root on ZFS is not mounted by good intentions."""
    state = recorded("dkms-not-built")
    modules, before = state.around.dkms, state.mounts
    assert isinstance(modules, tuple) and isinstance(before, tuple)
    rule, newest_release = "dkms-module-missing", kernels(state)[0].release

    def given(*dkms: DkmsModule, root: str = "ext4") -> BootState:
        mounts = tuple(replace(each, file_system=root) if each.target == "/" else each for each in before)
        return replace(state, around=replace(state.around, dkms=dkms), mounts=mounts)

    excluded = replace(modules[0], excluded=(newest_release,))
    assert severities(given(modules[0]), rule) == [Severity.AT_RISK] and not found(given(excluded), rule)
    # Another version of it, which is meant for that kernel, is missing by mistake.
    assert severities(given(excluded, replace(modules[0], version="9.012")), rule) == [Severity.AT_RISK]
    assert severities(given(replace(excluded, name="zfs"), root="zfs"), rule) == [Severity.WILL_NOT_BOOT]
    assert not found(given(replace(excluded, name="zfs")), rule)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("UUID={uuid} /boot ext4 defaults\r", [Severity.WILL_NOT_BOOT]),
        ("UUID={uuid} /boot ext4\r", [Severity.WILL_NOT_BOOT]),
        ("UUID={uuid} /boot ext4 defaults,_netdev\r", [Severity.WILL_NOT_BOOT]),  # _netdev\r is not _netdev
        ("UUID={uuid} /boot ext4 nofail,ro\r", []),
        ("UUID={uuid} /boot ext4 defaults 0\r", []),
        ("UUID={uuid} /boot ext4 defaults 0 2\r\n\r\n# a comment\r", []),
        ("UUID={uuid} /boot ext4 defaults", []),
    ],
)
def test_a_line_of_fstab_that_was_saved_with_a_carriage_return(line: str, wanted: list[Severity]) -> None:
    """glibc's getmntent leaves it in the last word, and the kernel refuses it: 'wrong fs type, bad option'."""
    state = recorded("healthy-separate-boot")
    before = state.fstab
    assert isinstance(before, tuple)
    spec = next(each.spec for each in before if each.target == "/boot")
    lines, odd = parse_fstab(line.format(uuid=spec.removeprefix("UUID=")))
    assert not odd
    root = tuple(each for each in before if each.target == "/")
    changed = replace(state, fstab=(*root, *lines))
    assert severities(changed, "fstab-type-wrong") == wanted
    others = [f.id for f in judge(changed, Policy()).findings if f.id != "fstab-type-wrong"]
    assert others == []
    if wanted:
        step = next(step for step in fstab_type_wrong(changed, "/boot").live if "sed" in "".join(step.command))
        assert r"s|\r$||" in "".join(step.command)
