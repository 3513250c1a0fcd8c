# BIOS, MBR: /boot on a partition, the rest LUKS 2 (argon2id) with a volume group: swap and root. Passphrase: correct horse
disk=/dev/loop0
printf 'label: dos\n,300M,L,*\n,,L\n' | sfdisk -q "$disk"
partx -u "$disk" || partx -a "$disk" || true
udevadm settle
printf 'correct horse' >/run/key
cryptsetup luksFormat -q --type luks2 --pbkdf argon2id --pbkdf-memory 65536 --pbkdf-force-iterations 4 --key-file /run/key "${disk}p2"
cryptsetup open --key-file /run/key "${disk}p2" vda2_crypt
pvcreate -y /dev/mapper/vda2_crypt
vgcreate vg0 /dev/mapper/vda2_crypt
lvcreate -y -L 128M -n swap vg0
lvcreate -y -l 100%FREE -n root vg0
mkfs.ext4 -q "${disk}p1"
mkswap /dev/vg0/swap
dd if=/dev/ubdc of=/dev/vg0/root bs=4M conv=fsync
e2fsck -fy /dev/vg0/root || true
resize2fs /dev/vg0/root
tune2fs -U random -L '' /dev/vg0/root
udevadm settle
target=/mnt
mount /dev/vg0/root $target
mkdir /run/boot
mount "${disk}p1" /run/boot
cp -a $target/boot/. /run/boot/
umount /run/boot
rm -r $target/boot/*
mount "${disk}p1" $target/boot
for folder in proc sys dev run; do mount --bind "/$folder" "$target/$folder"; done
cat >$target/etc/fstab <<X
/dev/mapper/vg0-root / ext4 errors=remount-ro 0 1
UUID=$(blkid -s UUID -o value "${disk}p1") /boot ext4 defaults 0 2
/dev/mapper/vg0-swap none swap sw 0 0
X
echo "vda2_crypt UUID=$(blkid -s UUID -o value "${disk}p2") none luks,discard" >$target/etc/crypttab
chroot $target sh -eux <<X
export DEBIAN_FRONTEND=noninteractive
echo "grub-pc grub-pc/install_devices multiselect /dev/disk/by-id/virtio-luks0" | debconf-set-selections
dpkg -i /debs/grub-pc_*.deb
sed -i "s/^GRUB_CMDLINE_LINUX=.*/GRUB_CMDLINE_LINUX=\"console=ttyS0,115200\"/; s/^GRUB_TIMEOUT=.*/GRUB_TIMEOUT=3/" /etc/default/grub
echo 'GRUB_TERMINAL="console serial"' >>/etc/default/grub
grub-install --target=i386-pc $disk
echo RESUME=/dev/mapper/vg0-swap >/etc/initramfs-tools/conf.d/resume
update-initramfs -u -k all
GRUB_DISABLE_OS_PROBER=true update-grub
rm -rf /debs
X
umount -R $target
vgchange -an vg0
cryptsetup close vda2_crypt
