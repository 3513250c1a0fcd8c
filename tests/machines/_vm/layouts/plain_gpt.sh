# BIOS, GPT with a BIOS boot partition; /boot, /usr and /var on partitions of their own. Images packed by gzip.
printf 'label: gpt\nsize=2M,type=21686148-6449-6E6F-744E-656564454649\nsize=300M\nsize=200M\nsize=900M\n,\n' | table /dev/vda
for number in 2 3 4 5; do mkfs.ext4 -q "/dev/vda$number"; done
links
mount /dev/vda3 /target
mkdir -p /target/boot /target/usr /target/var
mount /dev/vda2 /target/boot
mount /dev/vda4 /target/usr
mount /dev/vda5 /target/var
copy_system
cat >/target/etc/fstab <<F
UUID=$(uuid_of /dev/vda3) / ext4 errors=remount-ro 0 1
UUID=$(uuid_of /dev/vda2) /boot ext4 defaults 0 2
UUID=$(uuid_of /dev/vda4) /usr ext4 defaults 0 2
UUID=$(uuid_of /dev/vda5) /var ext4 defaults 0 2
F
inside "
echo 'grub-pc grub-pc/install_devices multiselect /dev/disk/by-id/virtio-plain0' | debconf-set-selections
echo root:correct-horse | chpasswd
$SETTINGS
grub-install --target=i386-pc /dev/vda
update-grub"
