# UEFI, GPT on two disks: an EFI system partition on each, the rest one md RAID 1 with the root file system. Signed loaders.
. /run/bkdisk/common.sh
first=$(readlink -f /dev/disk/by-id/virtio-md1)
second=$(readlink -f /dev/disk/by-id/virtio-md2)
for disk in "$first" "$second"; do
    printf 'label: gpt\n,128M,U\n,,R\n' | sfdisk -q "$disk"
done
udevadm settle
mkfs.vfat -F 32 -n ESP1 "${first}1"
mkfs.vfat -F 32 -n ESP2 "${second}1"
mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --metadata=1.2 --homehost=web1 --name=0 --assume-clean "${first}2" "${second}2"
mkfs.ext4 -q /dev/md0
udevadm settle
target=/run/target
mkdir -p $target
mount /dev/md0 $target
install_system $target
mkdir -p $target/boot/efi
mount "${first}1" $target/boot/efi
cat >$target/etc/fstab <<X
UUID=$(blkid -s UUID -o value /dev/md0) / ext4 errors=remount-ro 0 1
UUID=$(blkid -s UUID -o value "${first}1") /boot/efi vfat umask=0077,nofail 0 1
X
chroot $target sh -eux <<X
export DEBIAN_FRONTEND=noninteractive
echo COMPRESSLEVEL=1 >/etc/initramfs-tools/conf.d/fast
/usr/share/mdadm/mkconf >/etc/mdadm/mdadm.conf
dpkg -i /debs/lib*.deb /debs/mokutil*.deb /debs/shim*.deb /debs/grub-efi-amd64*.deb || dpkg --configure -a
$settings
grub-install --target=x86_64-efi --efi-directory=/boot/efi --no-nvram --force-extra-removable --bootloader-id=debian
mkdir -p /mnt/second
mount ${second}1 /mnt/second
cp -a /boot/efi/EFI /mnt/second/
umount /mnt/second
update-initramfs -u -k all
GRUB_DISABLE_OS_PROBER=true update-grub
rm -rf /debs
X
umount -R $target
mdadm --stop /dev/md0
echo MADE
