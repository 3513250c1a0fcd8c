# BIOS, MBR: one partition, LUKS1 (PBKDF2), everything in it, /boot too: GRUB asks for the passphrase. Passphrase: correct horse
printf 'label: dos\n,,L,*\n' | table /dev/vda
printf 'correct horse' >/run/key
cryptsetup luksFormat -q --type luks1 --pbkdf-force-iterations 1000 --uuid 77777777-aaaa-4aaa-8aaa-000000000001 --key-file /run/key /dev/vda1
links
cryptsetup open --key-file /run/key /dev/vda1 vda1_crypt
mkfs.ext4 -q /dev/mapper/vda1_crypt
links
mount /dev/mapper/vda1_crypt /target
copy_system
echo "/dev/mapper/vda1_crypt / ext4 errors=remount-ro 0 1" >/target/etc/fstab
echo "vda1_crypt UUID=$(uuid_of /dev/vda1) none luks,discard,initramfs" >/target/etc/crypttab
inside "
echo 'grub-pc grub-pc/install_devices multiselect /dev/disk/by-id/virtio-safe0' | debconf-set-selections
$SETTINGS
echo GRUB_ENABLE_CRYPTODISK=y >>/etc/default/grub
grub-install --target=i386-pc /dev/vda
update-grub"
