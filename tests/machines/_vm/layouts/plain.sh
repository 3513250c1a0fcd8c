# BIOS, MBR: one partition.
printf 'label: dos\n,,L,*\n' | table /dev/vda
mkfs.ext4 -q /dev/vda1
links
mount /dev/vda1 /target
copy_system
echo "UUID=$(uuid_of /dev/vda1) / ext4 errors=remount-ro 0 1" >/target/etc/fstab
inside "
echo 'grub-pc grub-pc/install_devices multiselect /dev/disk/by-id/virtio-plain0' | debconf-set-selections
$SETTINGS
grub-install --target=i386-pc /dev/vda
update-grub"
