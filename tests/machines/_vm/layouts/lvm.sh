# BIOS, MBR: one partition, a physical volume; root (with /boot in it), /usr, /var and swap are volumes. Images packed by xz.
printf 'label: dos\n,,8e,*\n' | table /dev/vda
pvcreate -q -y /dev/vda1
vgcreate -q vg0 /dev/vda1
lvcreate -q -y -L 128M -n swap vg0
lvcreate -q -y -L 800M -n usr vg0
lvcreate -q -y -L 400M -n var vg0
lvcreate -q -y -L 500M -n root vg0
for name in root usr var; do mkfs.ext4 -q "/dev/mapper/vg0-$name"; done
mkswap /dev/mapper/vg0-swap
links
mount /dev/mapper/vg0-root /target
mkdir -p /target/usr /target/var
mount /dev/mapper/vg0-usr /target/usr
mount /dev/mapper/vg0-var /target/var
copy_system
cat >/target/etc/fstab <<F
/dev/mapper/vg0-root / ext4 errors=remount-ro 0 1
/dev/mapper/vg0-usr /usr ext4 defaults 0 2
/dev/mapper/vg0-var /var ext4 defaults 0 2
/dev/mapper/vg0-swap none swap sw 0 0
F
cp /etc/lvm/lvmlocal.conf /target/etc/lvm/
inside "
echo 'grub-pc grub-pc/install_devices multiselect /dev/disk/by-id/virtio-lvm0' | debconf-set-selections
$SETTINGS
grub-install --target=i386-pc /dev/vda
update-grub"
