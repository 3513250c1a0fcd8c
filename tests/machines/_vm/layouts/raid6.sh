# BIOS, GPT on four disks, each with a BIOS boot partition: one RAID 6 with everything in it, /boot too.
for disk in vda vdb vdc vdd; do
    printf 'label: gpt\nsize=2M,type=21686148-6449-6E6F-744E-656564454649\n,,R\n' | table /dev/$disk
done
mdadm --create --quiet --run --metadata=1.2 --homehost=web1 --assume-clean /dev/md0 --name=0 \
    --uuid=33333333:aaaaaaaa:44444444:00000000 --level=6 --raid-devices=4 /dev/vda2 /dev/vdb2 /dev/vdc2 /dev/vdd2
mkfs.ext4 -q /dev/md0
links
mount /dev/md0 /target
copy_system
echo "UUID=$(uuid_of /dev/md0) / ext4 errors=remount-ro 0 1" >/target/etc/fstab
inside "
echo 'grub-pc grub-pc/install_devices multiselect /dev/disk/by-id/virtio-six0, /dev/disk/by-id/virtio-six1, /dev/disk/by-id/virtio-six2, /dev/disk/by-id/virtio-six3' |
    debconf-set-selections
$SETTINGS
for disk in vda vdb vdc vdd; do grub-install --target=i386-pc /dev/\$disk; done
update-grub"
