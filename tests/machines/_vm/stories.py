"""Machines on plain partitions, by loader and initramfs; and all stacks by name."""

from __future__ import annotations

from machines._vm.stack import AGAIN, BASE, IMAGE, INITRD, MAKER, MENU_BACK, NEW, OLD, Break, Stack, arguments, menu
from machines._vm.stories_layers import STACKS as LAYERS

__all__ = ["BASE", "MAKER", "STACKS", "Break", "Stack"]

PLAIN: dict[str, Stack] = {
    "plain": Stack(
        "A server started by BIOS from one partition.",
        "plain",
        ("grub-pc",),
        {"plain0": 2000},
        breaks=(
            Break(
                "menu-timeout-endless",
                "GRUB_TIMEOUT=-1.",
                menu("sed -i s/^GRUB_TIMEOUT=.*/GRUB_TIMEOUT=-1/ /etc/default/grub"),
                MENU_BACK,
            ),
            Break(
                "console-only-for-grub",
                "console= was dropped; GRUB still talks on the serial line.",
                arguments(""),
                MENU_BACK,
            ),
            Break(
                "root-argument-of-another-machine",
                "GRUB_CMDLINE_LINUX brought a root= of another machine along.",
                arguments("root=/dev/mapper/old-root console=ttyS0,115200"),
                MENU_BACK,
            ),
            Break(
                "fips-switched-on-by-hand",
                "fips=1 without the kernel's digest.",
                arguments("fips=1 console=ttyS0,115200"),
                MENU_BACK,
            ),
            Break(
                "environment-block-cut",
                "GRUB_DEFAULT=saved, and grubenv was cut short.",
                menu("sed -i s/^GRUB_DEFAULT=.*/GRUB_DEFAULT=saved/ /etc/default/grub")
                + "; truncate -s 900 /boot/grub/grubenv",
                MENU_BACK,
            ),
            Break(
                "saved-entry-of-a-purged-kernel",
                "GRUB_DEFAULT=saved names the old kernel, which was then purged.",
                menu("sed -i s/^GRUB_DEFAULT=.*/GRUB_DEFAULT=saved/ /etc/default/grub")
                + f"; grub-set-default '1>2'; dpkg --purge linux-image-{OLD}",
                f"{MENU_BACK}; dpkg -i /var/cache/apt/archives/linux-image-{OLD}_*.deb || true",
            ),
        ),
    ),
    "plain-gpt": Stack(
        "A server started by BIOS from a GPT disk; /boot, /usr and /var are partitions of their own. root has a password.",
        "plain_gpt",
        ("grub-pc",),
        {"plain0": 2600},
        native=f"echo COMPRESS=gzip >/etc/initramfs-tools/conf.d/compress\n{AGAIN}",
        breaks=(
            Break(
                "grub-cfg-deleted",
                "grub.cfg was deleted.",
                "mv /boot/grub/grub.cfg /run/g",
                "mv /run/g /boot/grub/grub.cfg",
            ),
            Break(
                "link-to-a-purged-kernel",
                "/vmlinuz leads to a kernel that is gone.",
                "ln -sfn boot/vmlinuz-6.1.0-9-cloud-amd64 /vmlinuz",
                "rm /vmlinuz",
            ),
            Break(
                "resume-from-a-removed-swap",
                "initramfs-tools resumes from a swap area that was removed.",
                "echo RESUME=UUID=aaaaaaaa-0000-4000-8000-000000000000 >/etc/initramfs-tools/conf.d/resume",
                "rm /etc/initramfs-tools/conf.d/resume",
            ),
            Break(
                "boot-without-inodes",
                "/boot has no inode left: a mail queue landed there.",
                "mkdir /boot/q; cd /boot/q; seq 100000 | xargs -n 1000 touch || true",
                "rm -rf /boot/q",
            ),
            Break(
                "kernel-cut",
                "The newest kernel's image was cut in half.",
                f"cp -a {IMAGE} /run/v; truncate -s 4000000 {IMAGE}",
                f"cp -a /run/v {IMAGE}",
            ),
            Break(
                "initramfs-zeroed",
                "The newest initramfs has no byte left.",
                f"cp -a {INITRD} /run/i; truncate -s 0 {INITRD}",
                f"cp -a /run/i {INITRD}",
            ),
            Break(
                "usr-on-a-pulled-disk",
                "fstab was edited for a move of /usr to a disk that is not there.",
                "cp -a /etc/fstab /run/f; sed -i '\\,/usr,s/UUID=[^ ]*/UUID=bbbbbbbb-0000-4000-8000-000000000000/' /etc/fstab",
                "cp -a /run/f /etc/fstab",
            ),
            Break(
                "core-newer-than-the-disk",
                "grub-install made a core image and did not get to write it to the disk.",
                "cp -a /boot/grub/i386-pc/core.img /run/c; grub-mkimage -O i386-pc -p /boot/grub -o /boot/grub/i386-pc/core.img "
                "biosdisk part_gpt ext2 search_fs_uuid",
                "cp -a /run/c /boot/grub/i386-pc/core.img",
            ),
            Break(
                "library-of-systemd-deleted",
                "A library that systemd needs was deleted.",
                "mv /usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-252.so /run/l",
                "cp -a /run/l /usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-252.so",
            ),
            Break(
                "initramfs-deleted",
                "The newest kernel's initramfs was deleted.",
                f"mv {INITRD} /run/i",
                f"mv /run/i {INITRD}",
            ),
            Break(
                "modules-deleted",
                "The newest kernel's modules were deleted with rm.",
                f"mv /usr/lib/modules/{NEW} /usr/lib/gone",
                f"mv /usr/lib/gone /usr/lib/modules/{NEW}",
            ),
            Break(
                "boot-code-wiped",
                "The first sector and the BIOS boot partition were overwritten with zeros, the partition table was kept.",
                "dd if=/dev/vda of=/run/s bs=440 count=1; dd if=/dev/vda1 of=/run/c bs=1M; "
                "dd if=/dev/zero of=/dev/vda bs=440 count=1 conv=notrunc; dd if=/dev/zero of=/dev/vda1 bs=1M count=2; sync",
                "dd if=/run/s of=/dev/vda conv=notrunc; dd if=/run/c of=/dev/vda1; sync",
            ),
            Break(
                "init-deleted",
                "systemd's program was deleted.",
                "mv /usr/lib/systemd/systemd /run/d",
                "cp -a /run/d /usr/lib/systemd/systemd",
            ),
        ),
    ),
    "microcode-lz4": Stack(
        "A server started by BIOS whose initramfs begins with a microcode archive and is packed by lz4.",
        "plain",
        ("grub-pc", "intel-microcode", "amd64-microcode", "lz4"),
        {"plain0": 2000},
        native=f"echo COMPRESS=lz4 >/etc/initramfs-tools/conf.d/compress\n{AGAIN}",
    ),
    "dracut": Stack(
        "A server started by BIOS whose initramfs is made by dracut instead of initramfs-tools.",
        "plain",
        ("grub-pc", "dracut", "dracut-core"),
        {"plain0": 2200},
        native=f"for k in {OLD} {NEW}; do dracut --force --no-hostonly /boot/initrd.img-$k $k; done",
    ),
    "kdump": Stack(
        "A server started by BIOS that is prepared to dump a crashed kernel's memory.",
        "plain",
        ("grub-pc", "kdump-tools"),
        {"plain0": 2200},
        breaks=(
            Break(
                "kdump-memory-not-reserved",
                "crashkernel= was taken out of GRUB's settings, the menu was made again.",
                "mkdir /run/k; mv /etc/default/grub.d/* /run/k/; update-grub",
                "mv /run/k/* /etc/default/grub.d/; update-grub",
            ),
        ),
    ),
    "dkms": Stack(
        "A server started by BIOS with a module that DKMS built for both kernels.",
        "plain",
        ("grub-pc", "v4l2loopback-dkms", f"linux-headers-{OLD}", f"linux-headers-{NEW}"),
        {"plain0": 3200},
        breaks=(
            Break(
                "dkms-removed-for-one-kernel",
                "The module was removed for the newest kernel.",
                f"dkms remove v4l2loopback/$(ls /usr/src | sed -n s/^v4l2loopback-//p) -k {NEW}",
            ),
        ),
    ),
    "extlinux": Stack(
        "A server started by BIOS and extlinux.",
        "extlinux",
        ("extlinux",),
        {"plain0": 2000},
        healthy=False,  # not broken: not covered
    ),
    "uefi-signed": Stack(
        "A server started by UEFI with the signed loaders, an EFI system partition of real FAT.",
        "uefi",
        ("grub-efi-amd64", "grub-efi-amd64-signed", "shim-signed", "efibootmgr"),
        {"uefi0": 2200},
        firmware="uefi",
        rescued=True,
        breaks=(
            Break(
                "esp-emptied",
                "Debian's folder on the EFI system partition was deleted.",
                "cp -r /boot/efi/EFI /run/E; rm -r /boot/efi/EFI/*",
                "cp -r /run/E/* /boot/efi/EFI/",
            ),
            Break(
                "esp-filled",
                "A firmware update's files fill the EFI system partition.",
                "dd if=/dev/zero of=/boot/efi/firmware.cap bs=1M || true",
                "rm /boot/efi/firmware.cap",
            ),
            Break(
                "esp-stub-by-mkconfig",
                "grub-mkconfig was pointed at the EFI system partition: the stub is gone.",
                "cp /boot/efi/EFI/debian/grub.cfg /run/s; printf 'search.fs_uuid aaaaaaaa-0000-4000-8000-000000000000 root\\n"
                "set prefix=($root)/boot/grub\\nconfigfile $prefix/grub.cfg\\n' >/boot/efi/EFI/debian/grub.cfg",
                "cp /run/s /boot/efi/EFI/debian/grub.cfg",
            ),
            Break(
                "esp-loader-cut",
                "The signed GRUB on the EFI system partition was cut short.",
                "truncate -s 100000 /boot/efi/EFI/debian/grubx64.efi",
                "cp /usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed /boot/efi/EFI/debian/grubx64.efi",
            ),
            Break(
                "esp-unsigned-grub",
                "grub-install was run with --no-uefi-secure-boot.",
                "cp -r /boot/efi/EFI /run/E2; grub-install --target=x86_64-efi --efi-directory=/boot/efi --no-nvram "
                "--no-uefi-secure-boot --bootloader-id=debian",
                "rm -r /boot/efi/EFI; cp -r /run/E2 /boot/efi/EFI",
            ),
            Break(
                "esp-not-mounted",
                "The EFI system partition was unmounted.",
                "umount /boot/efi",
                "mount /dev/vda1 /boot/efi",
            ),
        ),
    ),
    "secure-boot": Stack(
        "A server started by UEFI with Secure Boot on (Microsoft's keys), shim, the signed GRUB and Debian's signed kernels.",
        "uefi",
        ("grub-efi-amd64", "grub-efi-amd64-signed", "shim-signed", "efibootmgr", "mokutil", "sbsigntool"),
        {"uefi0": 2200},
        firmware="secure",
        booted=True,
        breaks=(
            Break(
                "secure-boot-kernel-stripped",
                "The newest kernel's signature was taken off (as a kernel of one's own has none).",
                f"cp -a {IMAGE} /var/cache/v; sbattach --remove {IMAGE}",
                f"cp -a /var/cache/v {IMAGE}",
            ),
            Break(
                "secure-boot-grub-install-unsigned",
                "grub-install --no-uefi-secure-boot: GRUB on the EFI system partition is unsigned, shim is not used.",
                "cp -r /boot/efi/EFI /var/cache/E; grub-install --target=x86_64-efi --efi-directory=/boot/efi --no-nvram "
                "--no-uefi-secure-boot --force-extra-removable --bootloader-id=debian",
                "rm -r /boot/efi/EFI; cp -r /var/cache/E /boot/efi/EFI",
            ),
        ),
    ),
    "systemd-boot": Stack(
        "A server started by UEFI and systemd-boot, kernels on the EFI system partition.",
        "systemd_boot",
        ("systemd-boot", "efibootmgr"),
        {"uefi0": 2300},
        firmware="uefi",
        healthy=False,  # not broken: not covered
    ),
    "unified-image": Stack(
        "A server started by UEFI and systemd-boot from unified kernel images.",
        "uki",
        ("systemd-boot", "efibootmgr", "binutils"),
        {"uefi0": 2400},
        firmware="uefi",
        healthy=False,  # not broken: not covered
    ),
}

STACKS = PLAIN | LAYERS
