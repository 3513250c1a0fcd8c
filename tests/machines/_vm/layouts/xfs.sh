# BIOS, MBR: /boot and the root are XFS.
printf 'label: dos\n,400M,L,*\n,,L\n' | table /dev/vda
mkfs.xfs -q /dev/vda1
mkfs.xfs -q /dev/vda2
links
mount /dev/vda2 /target
mkdir /target/boot
mount /dev/vda1 /target/boot
copy_system
cat >/target/etc/fstab <<F
UUID=$(uuid_of /dev/vda2) / xfs defaults 0 0
UUID=$(uuid_of /dev/vda1) /boot xfs defaults 0 0
F
inside "
echo 'grub-pc grub-pc/install_devices multiselect /dev/disk/by-id/virtio-xfs0' | debconf-set-selections
$SETTINGS
grub-install --target=i386-pc /dev/vda
update-grub"
