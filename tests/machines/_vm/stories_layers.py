"""Machines on LVM, RAID, LUKS, btrfs and XFS."""

from __future__ import annotations

from machines._vm.stack import AGAIN, INITRD, NEW, Break, Stack, mdadm, without

STACKS: dict[str, Stack] = {
    "lvm": Stack(
        "A server started by BIOS with everything on LVM: root with /boot in it, /usr, /var and swap are volumes.",
        "lvm",
        ("grub-pc", "lvm2", "xz-utils"),
        {"lvm0": 2000, "lvm1": 200},
        native=f"echo COMPRESS=xz >/etc/initramfs-tools/conf.d/compress\n{AGAIN}\n{without('lvm2')}",
        rescued=True,
        breaks=(
            Break(
                "lvm-group-renamed",
                "The volume group was renamed with vgrename; menu and fstab keep the old name.",
                "vgrename vg0 vg1",
                "vgrename vg1 vg0",
            ),
            Break(
                "lvm-disk-pulled",
                "A disk was added to the volume group, and lost.",
                "pvcreate -q -y /dev/vdb; vgextend -q vg0 /dev/vdb; dd if=/dev/zero of=/dev/vdb bs=1M count=4 conv=notrunc; sync",
                "vgreduce --removemissing vg0",
            ),
            Break(
                "healthy-lvm-ignored-devices-file",
                "A devices file that lists another disk was copied here. Debian 12's LVM does not use one: no alarm.",
                "mkdir /etc/lvm/devices; echo 'IDTYPE=devname IDNAME=/dev/vdz PVID=abc' >/etc/lvm/devices/system.devices",
                "rm -r /etc/lvm/devices",
            ),
            Break(
                "lvm-initramfs-without-lvm",
                "lvm2's hook was taken away and the newest initramfs was built again.",
                f"cp {INITRD} /run/i; cp /var/cache/other.img {INITRD}",
                f"cp /run/i {INITRD}",
            ),
        ),
    ),
    "raid5": Stack(
        "A server started by BIOS from three disks: /boot on a RAID 1 of all, root on a RAID 5, GRUB on each.",
        "raid5",
        ("grub-pc", "mdadm"),
        {"raid0": 1000, "raid1": 1000, "raid2": 1000},
        native=mdadm("11111111:aaaaaaaa:22222222:00000000", "11111111:aaaaaaaa:22222222:00000001")
        + "\ncp /etc/mdadm/mdadm.conf /m; sed -i s/11111111:aaaaaaaa/99999999:aaaaaaaa/ /etc/mdadm/mdadm.conf\n"
        + f"mkinitramfs -o /var/cache/other.img {NEW}; mv /m /etc/mdadm/mdadm.conf",
        rescued=True,
        breaks=(
            Break(
                "raid5-core-on-one-disk-only",
                "A disk was replaced: its boot code is empty.",
                "dd if=/dev/vdc of=/run/s bs=512 count=63; dd if=/dev/zero of=/dev/vdc bs=440 count=1 conv=notrunc; "
                "dd if=/dev/zero of=/dev/vdc bs=512 seek=1 count=62 conv=notrunc; sync",
                "dd if=/run/s of=/dev/vdc conv=notrunc; sync",
            ),
            Break(
                "raid5-config-of-before",
                "mdadm.conf of the machine before a reinstallation was restored, and the newest initramfs was built.",
                f"cp -a /etc/mdadm/mdadm.conf /run/m; cp -a {INITRD} /run/i; cp /var/cache/other.img {INITRD}; "
                "sed -i s/11111111:aaaaaaaa/99999999:aaaaaaaa/ /etc/mdadm/mdadm.conf",
                f"cp -a /run/m /etc/mdadm/mdadm.conf; cp -a /run/i {INITRD}",
            ),
            Break(
                "raid5-degraded",
                "A member of the RAID 5 failed and was taken out.",
                "mdadm /dev/md1 --fail /dev/vdc2; sleep 1; mdadm /dev/md1 --remove /dev/vdc2",
                "mdadm /dev/md1 --add /dev/vdc2; mdadm --wait /dev/md1 || true",
            ),
        ),
    ),
    "raid6": Stack(
        "A server started by BIOS from four GPT disks: one RAID 6 with everything in it.",
        "raid6",
        ("grub-pc", "mdadm"),
        {"six0": 900, "six1": 900, "six2": 900, "six3": 900},
        native=mdadm("33333333:aaaaaaaa:44444444:00000000"),
        breaks=(
            Break(
                "raid6-two-members-lost",
                "Two members of the RAID 6 failed: it runs without anything to spare.",
                "for m in vdc2 vdd2; do mdadm /dev/md0 --fail /dev/$m; sleep 1; mdadm /dev/md0 --remove /dev/$m; done",
            ),
        ),
    ),
    "lvm-on-mirror": Stack(
        "A server started by BIOS from two disks: LVM on a RAID 1, /boot inside.",
        "lvm_on_mirror",
        ("grub-pc", "mdadm", "lvm2"),
        {"pair0": 1900, "pair1": 1900},
        native=mdadm("55555555:aaaaaaaa:66666666:00000000") + "\n" + without("mdadm"),
        breaks=(
            Break(
                "mirror-initramfs-without-mdadm",
                "mdadm's hook was taken away and the newest initramfs was built again.",
                f"cp {INITRD} /run/i; cp /var/cache/other.img {INITRD}",
                f"cp /run/i {INITRD}",
            ),
        ),
    ),
    "luks1-whole": Stack(
        "A server started by BIOS with everything in LUKS1, /boot too: GRUB asks for the passphrase first.",
        "luks1_whole",
        ("grub-pc", "cryptsetup", "cryptsetup-initramfs"),
        {"safe0": 2000},
        # The images are made here: crypttab names the volume's UUID, which is given, and "initramfs" asks for it without looking.
        native="echo vda1_crypt UUID=77777777-aaaa-4aaa-8aaa-000000000001 none luks,discard,initramfs >/etc/crypttab\n"
        + AGAIN,
        breaks=(
            Break(
                "luks-boot-converted-to-argon2",
                "The volume was converted to LUKS2 and its key slot to Argon2: GRUB cannot open it any more.",
                "cryptsetup close vda1_crypt; cryptsetup convert -q --type luks2 /dev/vda1; "
                "cryptsetup luksConvertKey -q --pbkdf argon2id --pbkdf-memory 32768 --pbkdf-force-iterations 4 --key-file /run/key "
                "/dev/vda1; cryptsetup open --key-file /run/key /dev/vda1 vda1_crypt; mount /dev/mapper/vda1_crypt /target",
                outside=True,
            ),
        ),
    ),
    "luks2-root": Stack(
        "A server started by BIOS: /boot plain, the root directly in LUKS2 with a PBKDF2 key slot.",
        "luks2_root",
        ("grub-pc", "cryptsetup", "cryptsetup-initramfs"),
        {"locked0": 2000},
        native=f"echo cryptroot UUID=77777777-aaaa-4aaa-8aaa-000000000002 none luks,initramfs >/etc/crypttab\n{AGAIN}\n"
        + without("cryptroot", "cryptgnupg", "cryptopensc", "cryptkeyctl", "cryptpassdev", "cryptroot-unlock"),
        rescued=True,
        breaks=(
            Break(
                "luks-initramfs-without-cryptsetup",
                "cryptsetup-initramfs' hook was taken away and the newest initramfs was built again.",
                f"cp {INITRD} /run/i; cp /var/cache/other.img {INITRD}",
                f"cp /run/i {INITRD}",
            ),
            Break(
                "luks-volume-formatted-again",
                "The volume was given a new UUID (as a restore onto a new volume does); crypttab and initramfs have the old one.",
                "cryptsetup luksUUID -q --uuid 88888888-bbbb-4bbb-8bbb-000000000002 /dev/vda2",
                "cryptsetup luksUUID -q --uuid 77777777-aaaa-4aaa-8aaa-000000000002 /dev/vda2",
            ),
        ),
    ),
    "btrfs": Stack(
        "A server started by BIOS from a btrfs with subvolumes; /boot lies in the root's.",
        "btrfs",
        ("grub-pc", "btrfs-progs"),
        {"tree0": 2400},
        native=AGAIN,
    ),
    "xfs": Stack(
        "A server started by BIOS with XFS on /boot and root.",
        "xfs",
        ("grub-pc", "xfsprogs"),
        {"xfs0": 2400},
        native=AGAIN,
    ),
    "multipath": Stack(
        "A server started by BIOS from a SCSI disk that is reached by two paths; root on the multipath device.",
        "plain",
        ("grub-pc", "multipath-tools", "multipath-tools-boot", "kpartx"),
        {"plain0": 2000},
        native="printf 'defaults {\\n user_friendly_names yes\\n find_multipaths no\\n}\\n' >/etc/multipath.conf\n"
        "mkdir -p /etc/multipath\n"
        "echo /35000c50015ea71ac/ >/etc/multipath/wwids; echo mpatha 35000c50015ea71ac >/etc/multipath/bindings\n"
        f"mv /usr/share/initramfs-tools/hooks/multipath /h; mkinitramfs -o /var/cache/without-multipath {NEW}\n"
        f"mv /h /usr/share/initramfs-tools/hooks/multipath\n{AGAIN}",
        booted=True,
        devices=(
            *("-device", "virtio-scsi-pci,id=s0", "-device", "virtio-scsi-pci,id=s1"),
            *("-drive", "if=none,id=p0,format=raw,cache=unsafe,file.locking=off,file={folder}/plain0.img"),
            *("-drive", "if=none,id=p1,format=raw,cache=unsafe,file.locking=off,file={folder}/plain0.img"),
            *("-device", "scsi-hd,bus=s0.0,drive=p0,serial=mpath0,wwn=0x5000c50015ea71ac,share-rw=on,bootindex=1"),
            *("-device", "scsi-hd,bus=s1.0,drive=p1,serial=mpath0,wwn=0x5000c50015ea71ac,share-rw=on"),
        ),
        prepare="echo grub-pc grub-pc/install_devices multiselect "
        "/dev/disk/by-id/dm-uuid-mpath-35000c50015ea71ac | debconf-set-selections",
        breaks=(
            Break(
                "multipath-initramfs-without",
                "The newest initramfs was built while multipath-tools-boot was not installed.",
                f"cp /var/cache/without-multipath {INITRD}",
            ),
        ),
    ),
}
