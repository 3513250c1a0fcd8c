# BIOS, GPT: one btrfs with the subvolumes @ (root, /boot in it), @home and @var.
printf 'label: gpt\nsize=2M,type=21686148-6449-6E6F-744E-656564454649\n,\n' | table /dev/vda
mkfs.btrfs -q /dev/vda2
links
mkdir -p /run/top
mount /dev/vda2 /run/top
for name in @ @home @var; do btrfs -q subvolume create /run/top/$name; done
umount /run/top
mount -o subvol=@ /dev/vda2 /target
mkdir -p /target/home /target/var
mount -o subvol=@home /dev/vda2 /target/home
mount -o subvol=@var /dev/vda2 /target/var
copy_system
cat >/target/etc/fstab <<F
UUID=$(uuid_of /dev/vda2) / btrfs defaults,subvol=@ 0 0
UUID=$(uuid_of /dev/vda2) /home btrfs defaults,subvol=@home 0 0
UUID=$(uuid_of /dev/vda2) /var btrfs defaults,subvol=@var 0 0
F
inside "
echo 'grub-pc grub-pc/install_devices multiselect /dev/disk/by-id/virtio-tree0' | debconf-set-selections
$SETTINGS
grub-install --target=i386-pc /dev/vda
update-grub"
