# BIOS, MBR: one partition, started by extlinux; no GRUB.
printf 'label: dos\n,,L,*\n' | table /dev/vda
mkfs.ext4 -q -O ^64bit,^metadata_csum,^metadata_csum_seed,^orphan_file /dev/vda1
links
mount /dev/vda1 /target
copy_system
echo "UUID=$(uuid_of /dev/vda1) / ext4 errors=remount-ro 0 1" >/target/etc/fstab
inside "
extlinux-update
sed -i 's/^EXTLINUX_PARAMETERS=.*/EXTLINUX_PARAMETERS=\"ro console=ttyS0,115200\"/; s/^EXTLINUX_TIMEOUT=.*/EXTLINUX_TIMEOUT=\"10\"/' /etc/default/extlinux
mkdir -p /boot/extlinux
extlinux --install /boot/extlinux
head -c 440 /usr/lib/EXTLINUX/mbr.bin | dd of=/dev/vda conv=notrunc status=none
extlinux-update
sed -i '1i SERIAL 0 115200' /boot/extlinux/extlinux.conf"
