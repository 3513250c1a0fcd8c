"""B20, B22 to B27: encryption, arrays, LVM and multipath, on a healthy machine whose root is put on such a stack."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Severity
from bootkeep.facts.kernel import Initramfs
from bootkeep.facts.stacks import LuksVolume, PhysicalVolume, RaidArray, StorageStacks
from bootkeep.facts.storage import BlockDevice
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from unit.rules.states import found, healthy, kernels, recorded, severities

LUKS, MEMBER, VOLUME = "7d0bfdcc-0d3a-4dbc-8e4f-38eb0a5a17b2", "3f2a1b00-1111-2222-3333-444444444444", "Ab1-cD2"
DEFAULT_AND_OTHER = [Severity.WILL_NOT_BOOT, Severity.AT_RISK]


def device(name: str, kind: str, *parents: str, **more: Any) -> BlockDevice:
    plain: dict[str, Any] = dict.fromkeys(
        (
            "file_system",
            "uuid",
            "label",
            "partition_uuid",
            "partition_type",
            "partition_label",
            "partition_table",
            "serial",
            "wwn",
            "model",
        ),
        "",
    )
    plain |= {"size_bytes": 1, "removable": False, "mountpoints": (), "parents": parents, "path": f"/dev/{name}"}
    return BlockDevice(name=name, kind=kind, **(plain | more))


def on(*devices: BlockDevice, stacks: StorageStacks | None = None, **image: Any) -> BootState:
    """The healthy machine with its root on these devices, and its images changed."""
    state = healthy()
    mounts = tuple(
        replace(mount, source=devices[-1].path) if mount.target == "/" else mount
        for mount in (state.mounts if isinstance(state.mounts, tuple) else ())
    )
    changed = tuple(
        replace(kernel, initramfs=replace(kernel.initramfs, **image))
        if isinstance(kernel.initramfs, Initramfs)
        else kernel
        for kernel in kernels(state)
    )
    return replace(
        state, block_devices=devices, mounts=mounts, kernels=changed, stacks=stacks or StorageStacks(luks=())
    )


DISK = device("vda", "disk")
CRYPT = (
    DISK,
    device("vda1", "part", "vda", file_system="crypto_LUKS", uuid=LUKS),
    device("dm-0", "crypt", "vda1", file_system="LVM2_member", uuid=VOLUME),
    device("vg0-root", "lvm", "dm-0", file_system="ext4", uuid="r", mountpoints=("/",)),
)
ARRAY = (
    DISK,
    device("vda1", "part", "vda", file_system="linux_raid_member", uuid=MEMBER),
    device("md0", "raid1", "vda1", file_system="ext4", uuid="r", mountpoints=("/",)),
)
PATHS = (DISK, device("mpatha", "mpath", "vda"), device("mpatha1", "part", "mpatha", mountpoints=("/",), uuid="r"))


def table(*specs: str) -> tuple[tuple[str, str], ...]:
    return (("cryptroot/crypttab", "".join(f"c{number} {spec} none luks\n" for number, spec in enumerate(specs))),)


@pytest.mark.parametrize(
    ("tools", "texts", "expected"),
    [
        (frozenset({"cryptsetup", "lvm"}), table(f"UUID={LUKS}"), []),
        (frozenset({"cryptsetup", "lvm"}), table(f"UUID={LUKS.upper()}"), []),
        (frozenset({"systemd-cryptsetup", "lvm"}), (("etc/crypttab", f"c /dev/disk/by-uuid/{LUKS}\n"),), []),
        (frozenset({"lvm"}), table(f"UUID={LUKS}"), DEFAULT_AND_OTHER),
        (frozenset({"cryptsetup", "lvm"}), table("UUID=11111111-0000-0000-0000-000000000000"), DEFAULT_AND_OTHER),
        (frozenset({"cryptsetup", "lvm"}), (), DEFAULT_AND_OTHER),
        (Unknown("zstd is not installed"), (), [Severity.UNKNOWN]),
    ],
)
def test_the_encrypted_root(tools: Any, texts: Any, expected: list[Severity]) -> None:
    assert severities(on(*CRYPT, tools=tools, texts=texts), "initramfs-luks-missing") == expected
    assert not found(healthy(), "initramfs-luks-missing")


@pytest.mark.parametrize("spec", ["/dev/mapper/vg0-root", "/dev/vg0/root", "UUID=r"])
def test_from_a_rescue_shell_fstab_tells_the_way(spec: str) -> None:
    state = on(*CRYPT, tools=frozenset(), texts=())
    devices = state.block_devices if isinstance(state.block_devices, tuple) else ()
    elsewhere = tuple(replace(each, mountpoints=("/mnt",) if each.mountpoints else ()) for each in devices)
    lines = state.fstab if isinstance(state.fstab, tuple) else ()
    fstab = tuple(replace(line, spec=spec) if line.target == "/" else line for line in lines)
    rescued = replace(state, block_devices=elsewhere, mounts=Unknown("rescue shell"), fstab=fstab)
    assert severities(rescued, "initramfs-luks-missing") == DEFAULT_AND_OTHER


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        (frozenset({"lvm"}), []),
        (frozenset({"cryptsetup"}), DEFAULT_AND_OTHER),
        (Unknown("not listed"), [Severity.UNKNOWN]),
    ],
)
def test_lvm_in_the_image(tools: Any, expected: list[Severity]) -> None:
    state = on(*CRYPT, tools=tools, texts=table(f"UUID={LUKS}"))
    known = [finding.severity for finding in found(state, "initramfs-lvm-missing")]
    # One ignorance is told once: the encrypted root's question has the same reason.
    assert known == expected or (expected == [Severity.UNKNOWN] and known == [])


@pytest.mark.parametrize(
    ("tools", "expected"),
    [
        (frozenset({"mdadm"}), []),
        (frozenset({"lvm"}), DEFAULT_AND_OTHER),
        (Unknown("not listed"), [Severity.UNKNOWN]),
    ],
)
def test_mdadm_in_the_image(tools: Any, expected: list[Severity]) -> None:
    state = on(*ARRAY, tools=tools, texts=())
    known = [finding.severity for finding in found(state, "initramfs-raid-missing")]
    assert known == expected or (expected == [Severity.UNKNOWN] and known == [])


@pytest.mark.parametrize(
    ("kdfs", "expected"),
    [(("argon2id",), [Severity.WILL_NOT_BOOT]), (("argon2id", "pbkdf2"), []), ((), [Severity.UNKNOWN])],
)
def test_grub_opens_pbkdf2_only(kdfs: tuple[str, ...], expected: list[Severity]) -> None:
    header = LuksVolume("/dev/vda1", LUKS, 2, kdfs, ("aes-xts-plain64",), "")
    assert severities(on(*CRYPT, stacks=StorageStacks(luks=(header,))), "boot-encryption-unreadable") == expected


def test_a_header_that_was_not_read_is_no_go() -> None:
    state = on(*CRYPT, stacks=StorageStacks(luks=Unknown("permission denied")))
    assert severities(state, "boot-encryption-unreadable") == [Severity.UNKNOWN]


def physical(uuid: str = VOLUME, *, missing: bool = False) -> PhysicalVolume:
    return PhysicalVolume("/dev/dm-0", uuid, "vg0", missing)


@pytest.mark.parametrize(
    ("volumes", "listed", "expected"),
    [
        ((physical(),), Absent("devices file"), []),
        ((physical(),), (VOLUME.replace("-", ""),), []),
        ((physical(), physical("other", missing=True)), Absent("devices file"), [Severity.AT_RISK]),
        ((physical(),), ("another",), [Severity.WILL_NOT_BOOT]),
        (Unknown("pvs failed"), Absent("devices file"), [Severity.UNKNOWN]),
        (Absent("pvs"), Absent("devices file"), [Severity.UNKNOWN]),
    ],
)
def test_lvm_sees_its_volumes(volumes: Any, listed: Any, expected: list[Severity]) -> None:
    stacks = StorageStacks(luks=(), physical_volumes=volumes, lvm_devices=listed, lvm_devices_used=True)
    assert severities(on(*CRYPT, stacks=stacks), "lvm-device-missing") == expected


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        (True, [Severity.WILL_NOT_BOOT]),
        (False, []),
        (Unknown("not taken"), [Severity.UNKNOWN]),
        (Absent("lvmconfig"), [Severity.UNKNOWN]),
    ],
)
def test_a_devices_file_that_lvm_does_not_use_hides_nothing(used: Any, expected: list[Severity]) -> None:
    stacks = StorageStacks(luks=(), physical_volumes=(physical(),), lvm_devices=("another",), lvm_devices_used=used)
    assert severities(on(*CRYPT, stacks=stacks), "lvm-device-missing") == expected


def mirror(working: int, *, rebuilding: bool = False, name: str = "md0") -> RaidArray:
    return RaidArray(name, True, "raid1", 2, working, (), rebuilding)


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ((mirror(2),), []),
        ((mirror(1),), [Severity.AT_RISK]),
        ((mirror(1, rebuilding=True),), [Severity.ADVICE]),
        ((mirror(2), mirror(1, name="md7")), [Severity.ADVICE]),
        (Unknown("denied"), [Severity.UNKNOWN]),
    ],
)
def test_a_degraded_array(arrays: Maybe[tuple[RaidArray, ...]], expected: list[Severity]) -> None:
    stacks = StorageStacks(luks=(), arrays=arrays, raid_config=())
    assert severities(on(*ARRAY, stacks=stacks), "raid-degraded") == expected


@pytest.mark.parametrize(
    ("config", "inside", "expected"),
    [
        ((MEMBER.replace("-", ""),), f"ARRAY /dev/md0 UUID={MEMBER}", []),
        ((), "", []),
        (Absent("mdadm.conf"), "", []),
        (("0" * 32,), f"ARRAY /dev/md0 UUID={MEMBER}", [Severity.AT_RISK]),
        ((MEMBER.replace("-", ""),), "ARRAY /dev/md0 UUID=00000000:1", [Severity.AT_RISK, Severity.AT_RISK]),
        (Unknown("denied"), "", [Severity.UNKNOWN]),
    ],
)
def test_mdadm_conf_and_its_copies(config: Any, inside: str, expected: list[Severity]) -> None:
    stacks = StorageStacks(luks=(), arrays=(mirror(2),), raid_config=config)
    state = on(*ARRAY, stacks=stacks, texts=(("etc/mdadm/mdadm.conf", inside),))
    assert severities(state, "raid-config-stale") == expected


def test_an_array_that_is_asked_for_by_name() -> None:
    stacks = StorageStacks(luks=(), arrays=(mirror(2),), raid_config=())
    state = on(*ARRAY, stacks=stacks, texts=(("etc/mdadm/mdadm.conf", "ARRAY /dev/md0 UUID=00000000:1"),))
    fstab = state.fstab if isinstance(state.fstab, tuple) else ()
    by_name = tuple(replace(line, spec="/dev/md0") if line.target == "/" else line for line in fstab)
    assert severities(replace(state, fstab=by_name), "raid-config-stale") == DEFAULT_AND_OTHER


def test_multipath() -> None:
    assert not found(on(*PATHS, tools=frozenset({"multipath"})), "multipath-not-in-initramfs")
    assert severities(on(*PATHS, tools=frozenset({"lvm"})), "multipath-not-in-initramfs") == [Severity.AT_RISK] * 2
    assert not found(healthy(), "multipath-not-in-initramfs")


def test_a_driver_that_only_the_running_kernel_has_built_in() -> None:
    state = recorded("healthy-bios")
    newest = kernels(state)[0].release
    assert not found(state, "initramfs-driver-missing")
    lost = replace(state, root_drivers_elsewhere=((newest, ("a_driver_nobody_packed",)),))
    assert severities(lost, "initramfs-driver-missing") == [Severity.WILL_NOT_BOOT]
    packed = replace(state, root_drivers_elsewhere=((newest, ("virtio_blk",)),))
    assert not found(packed, "initramfs-driver-missing")


def test_resume_waits_without_end_only_with_dracut() -> None:
    gone = "UUID=11111111-2222-3333-4444-555555555555"
    assert severities(healthy(swap_and_resume=gone), "resume-device-missing") == [Severity.ADVICE]
    assert not found(healthy(swap_and_resume="none"), "resume-device-missing")
    state = healthy(swap_and_resume=gone)
    image = kernels(state)[0].initramfs
    assert isinstance(image, Initramfs)
    first, *rest = kernels(state)
    dracut = replace(state, kernels=(replace(first, initramfs=replace(image, generator="dracut")), *rest))
    assert severities(dracut, "resume-device-missing") == [Severity.AT_RISK]
