# BIOS, MBR: one partition, started by extlinux; no GRUB.
printf 'label: dos\n,,L,*\n' | table /dev/vda
mkfs.ext4 -q -O ^64bit,^metadata_csum,^metadata_csum_seed,^orphan_file /dev/vda1
links
mount /dev/vda1 /target
copy_system
echo "UUID=$(uuid_of /dev/vda1) / ext4 errors=remount-ro 0 1" >/target/etc/fstab
inside "
mkdir -p /boot/extlinux
extlinux --install /boot/extlinux
head -c 440 /usr/lib/EXTLINUX/mbr.bin | dd of=/dev/vda conv=notrunc status=none
{
    echo 'SERIAL 0 115200'
    echo 'DEFAULT newest'
    echo 'LABEL newest'
    echo '  KERNEL ../vmlinuz-6.1.0-56-cloud-amd64'
    echo '  INITRD ../initrd.img-6.1.0-56-cloud-amd64'
    echo '  APPEND root=UUID=$(uuid_of /dev/vda1) ro console=ttyS0,115200'
} >/boot/extlinux/extlinux.conf"
