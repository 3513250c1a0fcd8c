# UEFI, GPT: systemd-boot and the kernels on the EFI system partition, put there by kernel-install; no GRUB.
printf 'label: gpt\nsize=300M,type=U\n,\n' | table /dev/vda
mkfs.vfat -F 32 -n ESP /dev/vda1
mkfs.ext4 -q /dev/vda2
links
mount /dev/vda2 /target
mkdir -p /target/boot/efi
mount /dev/vda1 /target/boot/efi
copy_system
cat >/target/etc/fstab <<F
UUID=$(uuid_of /dev/vda2) / ext4 errors=remount-ro 0 1
UUID=$(uuid_of /dev/vda1) /boot/efi vfat umask=0077 0 1
F
mkdir -p /target/etc/kernel
echo "root=UUID=$(uuid_of /dev/vda2) ro console=ttyS0,115200" >/target/etc/kernel/cmdline
inside '
export SYSTEMD_RELAX_ESP_CHECKS=1
bootctl --esp-path=/boot/efi --no-variables --graceful install
for release in $(ls /usr/lib/modules); do
    kernel-install add $release /boot/vmlinuz-$release /boot/initrd.img-$release
done
find /boot/efi'
