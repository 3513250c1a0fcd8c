"""Machines built by hand: one BootState for each shape of storage and firmware that the runbook must get right."""

from __future__ import annotations

from dataclasses import replace

from bootkeep.facts.boot_entry import BootEntry, DefaultEntry, GrubConfig
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Judgement, Verdict
from bootkeep.facts.kernel import BootFile, Initramfs, Kernel, LastGood, ModulesTree, OwningPackage
from bootkeep.facts.machine import Firmware, FirmwareEntry, Identity, OsRelease
from bootkeep.facts.package import Package
from bootkeep.facts.policy import Person, Policy, Site
from bootkeep.facts.storage import BlockDevice, FstabLine, Mount, Space
from bootkeep.facts.unknown import Absent, Unknown

NEW, OLD = "6.1.0-56-cloud-amd64", "6.1.0-55-cloud-amd64"
ROOT_UUID = "5b1c7a52-0f0c-4c52-9b0a-3f8d1e2a4c66"
BOOT_UUID = "0d9f4e17-6f4b-43f3-8a55-7f1c2b3d4e5f"
VAR_UUID = "c0ffee00-1111-4222-8333-444455556666"
ESP_UUID = "1A2B-3C4D"
SERIAL = "QM00001"
DISK_LINK = f"/dev/disk/by-id/ata-QEMU_HARDDISK_{SERIAL}"
AT = "2026-11-23T17:03:12Z"

GO = Verdict(Judgement.GO, ())
POLICY = Policy(
    people=(
        Person("Kim Daniels", "primary", "+47 555 0101", hours="24x7"),
        Person("Sam Okafor", "backup", "+47 555 0102", hours="08-20 CET"),
        Person("Iron and Sons", "vendor", "+47 555 0199", hours="office"),
    ),
    site=Site(
        "Oslo DC2, row 4, rack 12, slot 7",
        "https://bmc-web1.example.net",
        "backup1:/srv/borg/web1, nightly",
        "binder at rack 12",
        "Debian 12 live USB stick, drawer of rack 12",
    ),
)


def disk(name: str = "sda", *, table: str = "gpt", serial: str = SERIAL, link: str = DISK_LINK) -> BlockDevice:
    return BlockDevice(
        name,
        f"/dev/{name}",
        "disk",
        "",
        "",
        "",
        "",
        "",
        "",
        table,
        32 * 2**30,
        serial,
        "",
        "QEMU HARDDISK",
        False,
        (),
        (),
        (link,) if link else (),
    )


def part(
    number: int, file_system: str, uuid: str, target: str, *, parent: str = "sda", table: str = "gpt"
) -> BlockDevice:
    name = f"{parent}{number}"
    return BlockDevice(
        name,
        f"/dev/{name}",
        "part",
        file_system,
        uuid,
        "",
        f"00000000-0000-4000-8000-00000000000{number}",
        "",
        "",
        table,
        2**30,
        "",
        "",
        "",
        False,
        (target,) if target else (),
        (parent,),
    )


def digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


def kernel(release: str, *, whole: bool = True) -> Kernel:
    image = BootFile(f"/boot/vmlinuz-{release}", 8_200_000, 1, 11, 1, digest(release))
    rd = BootFile(f"/boot/initrd.img-{release}", 15_700_000 if whole else 0, 2, 12, 1, digest("rd" + release))
    initramfs = Initramfs(
        rd, release, "zstd", frozenset({"virtio_blk", "ext4"}), 900, True, "" if whole else "unexpected end"
    )
    tree = ModulesTree(f"/usr/lib/modules/{release}", release, True, True, frozenset({"virtio"}))
    owner = OwningPackage(f"linux-image-{release}", "amd64", "6.1.148-1", "installed")
    return Kernel(release, image, tree, initramfs, owner, False)


def preserved(release: str) -> Kernel:
    key = f"{release}_6.1.147-1"
    folder = f"/boot/bootkeep/{key}"
    image = BootFile(f"{folder}/vmlinuz", 8_100_000, 1, 21, 2, digest("kept" + release))
    rd = BootFile(f"{folder}/initrd.img", 15_600_000, 2, 22, 1, digest("keptrd" + release))
    tree = ModulesTree(f"/usr/lib/bootkeep/preserved/{key}/modules", release, True, True, frozenset())
    return Kernel(release, image, tree, Initramfs(rd, release, "zstd", frozenset(), 900, True, ""), Absent(), True)


def entries(root_uuid: str, search: str, extra: str = "") -> tuple[BootEntry, ...]:
    arguments = f"root=UUID={root_uuid} ro{extra} quiet console=tty0 console=ttyS0,115200"
    outer = (f"gnulinux-advanced-{root_uuid}",)
    simple = BootEntry(
        f"gnulinux-simple-{root_uuid}",
        "Debian GNU/Linux",
        (),
        f"/boot/vmlinuz-{NEW}",
        (f"/boot/initrd.img-{NEW}",),
        arguments,
        search,
        "/boot/grub/grub.cfg:110",
    )
    listed = [simple]
    for release in (NEW, OLD):
        listed.append(
            BootEntry(
                f"gnulinux-{release}-advanced-{root_uuid}",
                f"Debian GNU/Linux, with Linux {release}",
                outer,
                f"/boot/vmlinuz-{release}",
                (f"/boot/initrd.img-{release}",),
                arguments,
                search,
                "/boot/grub/grub.cfg:131",
            )
        )
    return tuple(listed)


def machine(
    *,
    hostname: str = "web1",
    mode: str = "bios",
    devices: tuple[BlockDevice, ...],
    mounts: tuple[Mount, ...],
    fstab: tuple[FstabLine, ...],
    search: str = ROOT_UUID,
    extra: str = "",
    root_locked: bool = True,
) -> BootState:
    menu = entries(ROOT_UUID, search, extra)
    firmware_entries = (
        FirmwareEntry("0001", "debian", True, "00000000-0000-4000-8000-000000000001", r"\EFI\debian\shimx64.efi"),
    )
    return BootState(
        taken_at=AT,
        os_release=OsRelease("debian", (), "12", "Debian GNU/Linux 12 (bookworm)"),
        identity=Identity(hostname, "0123456789abcdef0123456789abcdef", "QEMU", "Standard PC", "VM-4711", "x86_64"),
        firmware=Firmware(
            mode,
            mode == "uefi" or Absent("Secure Boot"),
            firmware_entries if mode == "uefi" else Absent(),
            ("0001",) if mode == "uefi" else (),
        ),
        running_release=OLD,
        running_version=f"Linux version {OLD} #1 SMP Debian 6.1.147-1",
        running_arguments=f"BOOT_IMAGE=/vmlinuz-{OLD} root=UUID={ROOT_UUID} ro quiet",
        kernels=(kernel(NEW), kernel(OLD)),
        newest_release=NEW,
        last_good=LastGood(OLD, "6.1.148-1", digest(OLD), "b0", AT),
        grub=GrubConfig("/boot/grub/grub.cfg", 8000, 5, menu, (), "", True),
        default_entry=DefaultEntry("0", "GRUB_DEFAULT", menu[0]),
        grub_install_devices=(DISK_LINK,) if mode == "bios" else Absent(),
        block_devices=devices,
        mounts=mounts,
        fstab=fstab,
        fstab_not_understood=(),
        space=(Space("/boot", 2**29, 2**28, 0, 0),),
        packages=(
            Package("grub-pc", "amd64", "2.06-13+deb12u2", "install", "installed"),
            Package(f"linux-image-{NEW}", "amd64", "6.1.148-1", "install", "installed"),
        ),
        root_drivers=("virtio_blk", "ext4"),
        root_locked=root_locked,
        swap_and_resume="",
        running_modules=("virtio_blk",),
        consoles=("tty0", "ttyS0,115200"),
    )


def line(number: int, spec: str, target: str, file_system: str, *options: str) -> FstabLine:
    return FstabLine(number, spec, target, file_system, options or ("defaults",), 1)


def mount(target: str, source: str, file_system: str, root: str = "/") -> Mount:
    return Mount(target, source, file_system, ("relatime", "rw"), root)


def bios_plain() -> BootState:
    return machine(
        devices=(disk(table="dos"), part(1, "ext4", ROOT_UUID, "/", table="dos")),
        mounts=(mount("/", "/dev/sda1", "ext4"),),
        fstab=(line(1, f"UUID={ROOT_UUID}", "/", "ext4"),),
    )


def bios_separate_boot() -> BootState:
    state = machine(
        devices=(
            disk(),
            part(1, "", "", ""),
            part(2, "ext4", BOOT_UUID, "/boot"),
            part(3, "xfs", ROOT_UUID, "/"),
            part(4, "ext4", VAR_UUID, "/var"),
        ),
        mounts=(
            mount("/", "/dev/sda3", "xfs"),
            mount("/boot", "/dev/sda2", "ext4"),
            mount("/var", "/dev/sda4", "ext4"),
        ),
        fstab=(
            line(1, f"UUID={ROOT_UUID}", "/", "xfs"),
            line(2, f"UUID={BOOT_UUID}", "/boot", "ext4"),
            line(3, f"UUID={VAR_UUID}", "/var", "ext4"),
            line(4, "UUID=dead0000-0000-4000-8000-000000000000", "/srv/data", "ext4"),
        ),
        search=BOOT_UUID,
        root_locked=False,
    )
    grub = state.grub
    assert isinstance(grub, GrubConfig)
    key = f"{OLD}_6.1.147-1"
    kept = BootEntry(
        f"bootkeep-{key}",
        f"Debian GNU/Linux, preserved {OLD} (6.1.147-1)",
        (),
        f"/boot/bootkeep/{key}/vmlinuz",
        (f"/boot/bootkeep/{key}/initrd.img",),
        f"root=UUID={ROOT_UUID} ro console=ttyS0,115200 bootkeep.preserved={key}",
        BOOT_UUID,
        "/boot/grub/bootkeep.cfg:1",
    )
    assert isinstance(state.kernels, tuple)
    last = LastGood(OLD, "6.1.147-1", digest("kept" + OLD), "b0", AT)
    return replace(
        state,
        kernels=(*state.kernels, preserved(OLD)),
        grub=replace(grub, entries=(*grub.entries, kept)),
        last_good=last,
    )


def uefi_esp() -> BootState:
    return machine(
        hostname="db2",
        mode="uefi",
        devices=(
            disk("nvme0n1", link="/dev/disk/by-id/nvme-QEMU_NVMe_QM00001"),
            part(1, "vfat", ESP_UUID, "/boot/efi", parent="nvme0n1p"),
            part(2, "ext4", ROOT_UUID, "/", parent="nvme0n1p"),
        ),
        mounts=(mount("/", "/dev/nvme0n1p2", "ext4"), mount("/boot/efi", "/dev/nvme0n1p1", "vfat")),
        fstab=(
            line(1, f"UUID={ROOT_UUID}", "/", "ext4"),
            line(2, f"UUID={ESP_UUID}", "/boot/efi", "vfat", "umask=0077"),
        ),
    )


def btrfs_subvolume() -> BootState:
    return machine(
        hostname="snap3",
        mode="uefi",
        devices=(disk(), part(1, "vfat", ESP_UUID, "/boot/efi"), part(2, "btrfs", ROOT_UUID, "/")),
        mounts=(mount("/", "/dev/sda2", "btrfs", "/@rootfs"), mount("/boot/efi", "/dev/sda1", "vfat")),
        fstab=(
            line(1, f"UUID={ROOT_UUID}", "/", "btrfs", "subvol=@rootfs"),
            line(2, f"UUID={ESP_UUID}", "/boot/efi", "vfat"),
        ),
        extra=" rootflags=subvol=@rootfs",
    )


def unreadable() -> BootState:
    """A host of which next to nothing could be read, as in a container without block devices."""
    why = Unknown("could not look")
    return replace(
        bios_plain(),
        os_release=why,
        firmware=why,
        running_release=why,
        running_version=why,
        running_arguments=why,
        kernels=why,
        newest_release=why,
        last_good=why,
        grub=why,
        default_entry=why,
        grub_install_devices=why,
        block_devices=why,
        mounts=why,
        fstab=why,
        packages=why,
        root_drivers=why,
        root_locked=why,
        space=(),
        identity=Identity("dark5", why, "", "", "", "x86_64"),
    )


MACHINES = {
    "bios-plain": bios_plain,
    "bios-separate-boot": bios_separate_boot,
    "uefi-esp": uefi_esp,
    "btrfs-subvolume": btrfs_subvolume,
    "unreadable": unreadable,
}
