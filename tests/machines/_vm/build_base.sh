#!/bin/sh
# The system that makes the stacks and is copied onto them: base.img, vmlinuz and initrd in the current directory.
# Needs root, mmdebstrap, e2fsprogs and a network.
set -eu
work=$(pwd)
release=6.1.0-56-cloud-amd64
packages=systemd-sysv,udev,dbus,kmod,initramfs-tools,zstd,efibootmgr,e2fsprogs,util-linux,fdisk,dosfstools,iproute2
packages=$packages,python3-minimal,libpython3-stdlib,lvm2,cryptsetup,cryptsetup-initramfs,mdadm,ucf
packages=$packages,grub-pc-bin,grub-efi-amd64-bin,grub2-common,linux-image-6.1.0-47-cloud-amd64,linux-image-$release
cat >customize.sh <<'X'
root=$1
cat >"$root/etc/systemd/system/from-disk.service" <<'U'
[Unit]
Description=Run what the disk called bkdisk says
After=local-fs.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'mkdir -p /run/bkdisk; mount /dev/disk/by-label/bkdisk /run/bkdisk && exec sh /run/bkdisk/run.sh'
TimeoutStartSec=1500
[Install]
WantedBy=multi-user.target
U
mkdir -p "$root/etc/systemd/system/multi-user.target.wants" "$root/debs"
ln -sf ../from-disk.service "$root/etc/systemd/system/multi-user.target.wants/from-disk.service"
echo web1 >"$root/etc/hostname"
echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
chroot "$root" sh -c 'cd /debs && apt-get download grub-pc grub-efi-amd64 grub-efi-amd64-signed shim-signed shim-signed-common \
    shim-unsigned shim-helpers-amd64-signed mokutil libefivar1 libkeyutils1'
X
mmdebstrap --variant=minbase --aptopt='APT::Install-Recommends "false"' --mode=root --include="$packages" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --setup-hook='mkdir -p "$1/etc"; : >"$1/etc/fstab"' --customize-hook="sh $work/customize.sh \"\$1\"" bookworm base \
    "deb http://deb.debian.org/debian bookworm main" "deb http://deb.debian.org/debian bookworm-updates main" \
    "deb http://deb.debian.org/debian-security bookworm-security main"
truncate -s 2500M base.img
mkfs.ext4 -q -F -L bkbase -d base base.img
cp "base/boot/vmlinuz-$release" vmlinuz
cp "base/boot/initrd.img-$release" initrd
