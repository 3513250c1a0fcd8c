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
                "menu-asks-for-a-password",
                "A password was set for GRUB as its manual shows it: Debian's entries are not marked as free for all.",
                menu(
                    "printf '#!/bin/sh\\necho set superusers=admin\\necho password admin correct-horse\\n' >/etc/grub.d/01_users; "
                    "chmod 755 /etc/grub.d/01_users"
                ),
                f"{MENU_BACK}; rm /etc/grub.d/01_users",
            ),
            Break(
                "default-set-in-custom-cfg",
                "custom.cfg brings an entry of its own for a kernel that was removed since, and makes it the default.",
                "printf 'menuentry pinned --id pinned {\\n linux /boot/vmlinuz-6.1.0-9-cloud-amd64 root=/dev/vda1 ro\\n"
                " initrd /boot/initrd.img-6.1.0-9-cloud-amd64\\n}\\nset default=pinned\\n' >/boot/grub/custom.cfg",
                "rm /boot/grub/custom.cfg",
            ),
            Break(
                "initramfs-of-another-kernel",
                "The older kernel's initramfs was copied over the newest one's.",
                f"cp -a {INITRD} /run/i; cp /boot/initrd.img-{OLD} {INITRD}",
                f"cp -a /run/i {INITRD}",
            ),
            Break(
                "kernel-half-zeros",
                "The newest kernel has its right size, and zeros in its middle, as after a power cut.",
                f"cp -a {IMAGE} /run/v; dd if=/dev/zero of={IMAGE} bs=1M seek=4 count=4 conv=notrunc",
                f"cp -a /run/v {IMAGE}",
            ),
            Break(
                "menu-made-without-initramfs",
                "The newest initramfs was deleted, and update-grub made an entry that loads none.",
                f"cp -a {INITRD} /run/i; " + menu(f"rm {INITRD}"),
                f"cp -a /run/i {INITRD}; {MENU_BACK}",
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
        {"plain0": 2700},
        native=f"echo COMPRESS=gzip >/etc/initramfs-tools/conf.d/compress\n{AGAIN}\n"
        f"cd /tmp; apt-get -q update; apt-get -q download linux-image-{NEW}; mv linux-image-{NEW}_*.deb /usr/lib/kernel.deb",
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
                "var-of-another-type",
                "/var was given another type in fstab than it has.",
                "cp -a /etc/fstab /run/f; sed -i '\\,/var,s/ext4/xfs/' /etc/fstab",
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
            Break(
                "kernel-installed-below-boot",
                "The newest kernel was installed while /boot was not mounted.",
                f"dpkg --purge linux-image-{NEW}; umount /boot; dpkg -i /usr/lib/kernel.deb; mount /dev/vda2 /boot",
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
        ("grub-pc", "acpi-call-dkms", f"linux-headers-{OLD}", f"linux-headers-{NEW}"),
        {"plain0": 3200},
        # The package's own script builds for the running kernel only, and that is the host's: both are built here.
        native=f"for k in {OLD} {NEW}; do dkms autoinstall -k $k; done; dkms status; ls -l /var/lib/dkms/*/*",
        breaks=(
            Break(
                "dkms-removed-for-one-kernel",
                "The module was removed for the newest kernel.",
                f"dkms uninstall $(cd /var/lib/dkms; echo acpi*/[0-9]*) -k {NEW}; dkms status",
                f"dkms install $(cd /var/lib/dkms; echo acpi*/[0-9]*) -k {NEW}",
            ),
        ),
    ),
    "dkms-excluded": Stack(
        "A server started by BIOS with a DKMS module whose dkms.conf (BUILD_EXCLUSIVE) excludes Debian's cloud kernels: it is "
        "built for none.",
        "plain",
        ("grub-pc", "v4l2loopback-dkms", f"linux-headers-{OLD}", f"linux-headers-{NEW}"),
        {"plain0": 3200},
        healthy=False,  # the package is of no use there
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
                "healthy-uefi-unsigned-grub",
                "grub-install was run with --no-uefi-secure-boot; Secure Boot is off, so nothing is wrong with that.",
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
        ("grub-efi-amd64", "grub-efi-amd64-signed", "shim-signed", "efibootmgr", "mokutil", "sbsigntool", "openssl"),
        {"uefi0": 2200},
        firmware="secure",
        native="openssl req -new -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=own/ -keyout /var/cache/k -out /var/cache/c",
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
            Break(
                "secure-boot-grub-revoked",
                "A GRUB of one's own, signed with one's own key, still says generation 3: shim has revoked that.",
                "printf 'sbat,1,SBAT Version,sbat,1,https://github.com/rhboot/shim/blob/main/SBAT.md\\n"
                "grub,3,Free Software Foundation,grub,2.06,https://www.gnu.org/software/grub/\\n' >/var/cache/s; "
                "grub-mkimage -O x86_64-efi -p /EFI/debian --sbat /var/cache/s -o /var/cache/g part_gpt fat ext2 linux normal "
                "search search_fs_uuid configfile; "
                "sbsign --key /var/cache/k --cert /var/cache/c --output /boot/efi/EFI/debian/grubx64.efi /var/cache/g",
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
