# UEFI, GPT: an EFI system partition and the root. Signed loaders, no entry in the firmware (there is none while it is made).
printf 'label: gpt\nsize=128M,type=U\n,\n' | table /dev/vda
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
inside "
$SETTINGS
grub-install --target=x86_64-efi --efi-directory=/boot/efi --no-nvram --force-extra-removable --bootloader-id=debian
update-grub"
