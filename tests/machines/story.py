"""The machines: what each one is for, and what is done to it."""

from __future__ import annotations

import json
from pathlib import Path

from machines.record import MIDDLE, NEW, OLD, Machine, inside

_EFI_ENTRIES = """BootCurrent: 0001
Timeout: 0 seconds
BootOrder: 0001,0000
Boot0000* UiApp\tFvVol(7cb8bdc9-f8eb-4f34-aaea-3ee4af6516a1)/FvFile(462caa21-7614-4503-836e-8ab6f4662331)
Boot0001* debian\tHD(1,GPT,ESP-PARTUUID,0x800,0x20000)/File(\\EFI\\debian\\grubx64.efi)
"""


def _only_kernel(root: Path) -> None:
    inside(root, f"dpkg --purge linux-image-{OLD}; update-grub")


def _install_again(root: Path, version: str, *, fails: bool = False) -> None:
    """Build a package of the newest kernel's ABI from its installed files, and install it over them."""
    name = f"linux-image-{NEW}"
    install = "! dpkg -i /tmp/new.deb" if fails else "dpkg -i /tmp/new.deb"
    inside(
        root,
        f"mkdir -p /tmp/deb/DEBIAN; cd /tmp/deb; for f in $(dpkg -L {name}); do "
        '[ -e "$f" ] || continue; if [ -d "$f" ]; then mkdir -p ".$f"; else cp -a "$f" ".$f"; fi; done; '
        f"printf 'Package: {name}\\nVersion: {version}\\nArchitecture: amd64\\nMaintainer: none\\n"
        "Description: kernel\\n' > DEBIAN/control; "
        f"for s in preinst postinst prerm postrm; do cp /var/lib/dpkg/info/{name}.$s DEBIAN/$s; done; "
        f"cd /; dpkg-deb -Znone -b /tmp/deb /tmp/new.deb; {install}; rm -rf /tmp/deb /tmp/new.deb",
    )


def _replaced(root: Path) -> None:
    """A later package of the same ABI, unpacked over the running one."""
    _install_again(root, "6.1.192-3")


def _dangling(root: Path) -> None:
    inside(
        root,
        "sed -i 's/^GRUB_DEFAULT=.*/GRUB_DEFAULT=saved/' /etc/default/grub; update-grub; "
        "grub-editenv /boot/grub/grubenv set 'saved_entry=gnulinux-advanced-gone>gnulinux-6.1.0-30-cloud-amd64-advanced-gone'",
    )


def _gone_kernel(root: Path) -> None:
    """The newest kernel's files are deleted by hand (rm, not the package manager); the menu still starts it."""
    inside(root, f"rm /boot/vmlinuz-{NEW} /boot/initrd.img-{NEW}")


def _stale(root: Path) -> None:
    inside(
        root,
        f"mv /boot/vmlinuz-{NEW} /tmp/v; update-grub; mv /tmp/v /boot/vmlinuz-{NEW}; "
        "cp /boot/grub/grub.cfg /boot/grub/grub.cfg.new",
    )


def _truncated(root: Path) -> None:
    image = root / f"boot/initrd.img-{NEW}"
    with image.open("rb+") as stream:
        stream.truncate(image.stat().st_size // 2)


def _no_driver(root: Path) -> None:
    inside(
        root,
        "printf 'MODULES=list\\n' > /etc/initramfs-tools/conf.d/list; printf 'ext4\\n' > /etc/initramfs-tools/modules; "
        f"update-initramfs -u -k {NEW}",
    )


def _boot_full(root: Path) -> None:
    inside(
        root,
        "dd if=/dev/zero of=/boot/forgotten-backup bs=1M 2>/dev/null || true; truncate -s -8M /boot/forgotten-backup",
    )


def _fstab(root: Path) -> None:
    with (root / "etc/fstab").open("a") as stream:
        stream.write("UUID=11111111-2222-3333-4444-555555555555 /srv ext4 defaults 0 2\n")
        stream.write("UUID=99999999-2222-3333-4444-555555555555 /mnt/usb ext4 nofail 0 2\n")


def _half_configured(root: Path) -> None:
    hook = root / "etc/kernel/postinst.d/zz-fails"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    _install_again(root, "6.1.192-2", fails=True)


def _wrong_disk(root: Path) -> None:
    inside(
        root,
        "echo 'grub-pc grub-pc/install_devices multiselect /dev/disk/by-id/virtio-replaced-disk' | debconf-set-selections",
    )


def _boot_unmounted(root: Path) -> None:
    inside(root, "cp -a /boot /boot.copy; umount /boot; cp -a /boot.copy/. /boot/; rm -rf /boot.copy")


MACHINES = {
    "healthy-bios": Machine("A Debian 12 server on one partition that is in order."),
    "healthy-separate-boot": Machine("As healthy-bios, with /boot on a partition of its own.", layout="boot"),
    "healthy-uefi": Machine(
        "A Debian 12 server that UEFI starts, with its ESP on /boot/efi.",
        layout="uefi",
        composed={
            "listing:/sys/firmware/efi/*": json.dumps([{"path": "/sys/firmware/efi/efivars", "type": "dir"}]),
            "command:efibootmgr -v": _EFI_ENTRIES,
            "native:secure-boot": "false",
        },
    ),
    "healthy-three-kernels": Machine(
        "Three kernels side by side, the middle one runs.", kernels=(OLD, MIDDLE, NEW), runs=MIDDLE
    ),
    "only-kernel": Machine("K.D.'s story: the old kernel is gone, and one is all that is left.", damage=_only_kernel),
    "same-abi-replaced": Machine(
        "The running kernel was replaced under its own name; another ABI is left.", damage=_replaced
    ),
    "same-abi-replaced-alone": Machine(
        "The running kernel, the only one here, was replaced under its own name.", kernels=(NEW,), damage=_replaced
    ),
    "default-entry-dangling": Machine("saved_entry names a kernel that was removed long ago.", damage=_dangling),
    "default-kernel-deleted": Machine("The default entry's kernel was deleted with rm.", runs=OLD, damage=_gone_kernel),
    "grub-cfg-stale": Machine(
        "update-grub did not finish: grub.cfg.new is left, the new kernel has no entry.", damage=_stale
    ),
    "initramfs-truncated": Machine("The newest initramfs is cut in half.", layout="boot", damage=_truncated),
    "initramfs-without-root-driver": Machine("MODULES=list without the disk's driver.", damage=_no_driver),
    "boot-full": Machine("/boot has 8 MB left.", layout="boot", damage=_boot_full),
    "boot-unmounted": Machine(
        "/boot was unmounted, and files lie under its mount point.", layout="boot", damage=_boot_unmounted
    ),
    "fstab-device-missing": Machine("fstab names a disk that was pulled.", damage=_fstab),
    "package-half-configured": Machine(
        "A kernel hook failed: its package is half-configured.", damage=_half_configured
    ),
    "grub-install-device-wrong": Machine("debconf remembers a disk that was replaced.", damage=_wrong_disk),
}
