# BIOS, MBR: /boot plain, the root file system directly in LUKS2 with a PBKDF2 key slot. Passphrase: correct horse
printf 'label: dos\n,300M,L,*\n,,L\n' | table /dev/vda
printf 'correct horse' >/run/key
cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --uuid 77777777-aaaa-4aaa-8aaa-000000000002 --key-file /run/key /dev/vda2
links
cryptsetup open --key-file /run/key /dev/vda2 cryptroot
mkfs.ext4 -q /dev/vda1
mkfs.ext4 -q /dev/mapper/cryptroot
links
mount /dev/mapper/cryptroot /target
mkdir /target/boot
mount /dev/vda1 /target/boot
copy_system
cat >/target/etc/fstab <<F
/dev/mapper/cryptroot / ext4 errors=remount-ro 0 1
UUID=$(uuid_of /dev/vda1) /boot ext4 defaults 0 2
F
echo "cryptroot UUID=$(uuid_of /dev/vda2) none luks,initramfs" >/target/etc/crypttab
inside "
echo 'grub-pc grub-pc/install_devices multiselect /dev/disk/by-id/virtio-locked0' | debconf-set-selections
$SETTINGS
grub-install --target=i386-pc /dev/vda
update-grub"
