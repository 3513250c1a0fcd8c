# BIOS, MBR on two disks: a RAID 1 of both, a volume group on it with root and swap.
for disk in vda vdb; do printf 'label: dos\n,,fd,*\n' | table /dev/$disk; done
mdadm --create --quiet --run --metadata=1.2 --homehost=web1 --assume-clean /dev/md0 --name=0 \
    --uuid=55555555:aaaaaaaa:66666666:00000000 --level=1 --raid-devices=2 /dev/vda1 /dev/vdb1
pvcreate -q -y /dev/md0
vgcreate -q data /dev/md0
lvcreate -q -y -L 128M -n swap data
lvcreate -q -y -l 100%FREE -n root data
mkfs.ext4 -q /dev/mapper/data-root
mkswap /dev/mapper/data-swap
links
mount /dev/mapper/data-root /target
copy_system
cat >/target/etc/fstab <<F
/dev/mapper/data-root / ext4 errors=remount-ro 0 1
/dev/mapper/data-swap none swap sw 0 0
F
cp /etc/lvm/lvmlocal.conf /target/etc/lvm/
inside "
echo 'grub-pc grub-pc/install_devices multiselect /dev/disk/by-id/virtio-pair0, /dev/disk/by-id/virtio-pair1' | debconf-set-selections
$SETTINGS
for disk in vda vdb; do grub-install --target=i386-pc /dev/\$disk; done
update-grub"
