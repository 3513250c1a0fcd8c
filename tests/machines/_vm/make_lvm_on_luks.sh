# BIOS, MBR: /boot on a partition, the rest LUKS2 (argon2id) with a volume group: root and swap. Passphrase: correct horse
. /run/bkdisk/common.sh
disk=$(readlink -f /dev/disk/by-id/virtio-luks0)
printf 'label: dos\n,300M,L,*\n,,L\n' | sfdisk -q "$disk"
udevadm settle
printf 'correct horse' >/run/key
cryptsetup luksFormat -q --type luks2 --pbkdf argon2id --pbkdf-memory 65536 --pbkdf-force-iterations 4 --key-file /run/key "${disk}2"
cryptsetup open --key-file /run/key "${disk}2" vda2_crypt
pvcreate -y /dev/mapper/vda2_crypt
vgcreate vg0 /dev/mapper/vda2_crypt
lvcreate -y -L 256M -n swap vg0
lvcreate -y -l 100%FREE -n root vg0
mkfs.ext4 -q "${disk}1"
mkfs.ext4 -q /dev/vg0/root
mkswap /dev/vg0/swap
udevadm settle
target=/run/target
mkdir -p $target
mount /dev/vg0/root $target
mkdir $target/boot
mount "${disk}1" $target/boot
install_system $target
cat >$target/etc/fstab <<X
/dev/mapper/vg0-root / ext4 errors=remount-ro 0 1
UUID=$(blkid -s UUID -o value "${disk}1") /boot ext4 defaults 0 2
/dev/mapper/vg0-swap none swap sw 0 0
X
echo "vda2_crypt UUID=$(blkid -s UUID -o value "${disk}2") none luks,discard" >$target/etc/crypttab
chroot $target sh -eux <<X
export DEBIAN_FRONTEND=noninteractive
echo "grub-pc grub-pc/install_devices multiselect /dev/disk/by-id/virtio-luks0" | debconf-set-selections
dpkg -i /debs/grub-pc_*.deb
$settings
grub-install --target=i386-pc $disk
echo RESUME=/dev/mapper/vg0-swap >/etc/initramfs-tools/conf.d/resume
update-initramfs -u -k all
GRUB_DISABLE_OS_PROBER=true update-grub
rm -rf /debs
X
umount -R $target
vgchange -an vg0
cryptsetup close vda2_crypt
echo MADE
