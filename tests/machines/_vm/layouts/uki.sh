# UEFI, GPT: unified kernel images (kernel, initramfs and arguments in one signed-able file), started by systemd-boot; no GRUB.
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
mkdir -p /boot/efi/EFI/Linux
for release in $(ls /usr/lib/modules); do
    objcopy --add-section .osrel=/etc/os-release --change-section-vma .osrel=0x20000 \
        --add-section .cmdline=/etc/kernel/cmdline --change-section-vma .cmdline=0x30000 \
        --add-section .linux=/boot/vmlinuz-$release --change-section-vma .linux=0x2000000 \
        --add-section .initrd=/boot/initrd.img-$release --change-section-vma .initrd=0x3000000 \
        /usr/lib/systemd/boot/efi/linuxx64.efi.stub /boot/efi/EFI/Linux/debian-$release.efi
done
find /boot/efi'
