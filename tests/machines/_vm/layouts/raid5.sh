# BIOS, MBR on three disks: /boot on a RAID 1 of all three, the root on a RAID 5; GRUB on every disk.
for disk in vda vdb vdc; do printf 'label: dos\n,200M,fd,*\n,,fd\n' | table /dev/$disk; done
made() { mdadm --create --quiet --run --metadata=1.2 --homehost=web1 --assume-clean "$@"; }
made /dev/md0 --name=0 --uuid=11111111:aaaaaaaa:22222222:00000000 --level=1 --raid-devices=3 /dev/vda1 /dev/vdb1 /dev/vdc1
made /dev/md1 --name=1 --uuid=11111111:aaaaaaaa:22222222:00000001 --level=5 --raid-devices=3 /dev/vda2 /dev/vdb2 /dev/vdc2
mkfs.ext4 -q /dev/md0
mkfs.ext4 -q /dev/md1
links
mount /dev/md1 /target
mkdir /target/boot
mount /dev/md0 /target/boot
copy_system
cat >/target/etc/fstab <<F
UUID=$(uuid_of /dev/md1) / ext4 errors=remount-ro 0 1
UUID=$(uuid_of /dev/md0) /boot ext4 defaults 0 2
F
inside "
echo 'grub-pc grub-pc/install_devices multiselect /dev/disk/by-id/virtio-raid0, /dev/disk/by-id/virtio-raid1, /dev/disk/by-id/virtio-raid2' |
    debconf-set-selections
$SETTINGS
for disk in vda vdb vdc; do grub-install --target=i386-pc /dev/\$disk; done
update-grub"
