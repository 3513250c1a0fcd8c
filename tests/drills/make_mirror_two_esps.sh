# UEFI, GPT on two disks: an EFI system partition on each, the rest one md RAID 1 with the root file system. Signed loaders.
first=/dev/loop0
second=/dev/loop1
for disk in "$first" "$second"; do
    printf 'label: gpt\n,64M,U\n,,R\n' | sfdisk -q "$disk"
    partx -u "$disk" || partx -a "$disk" || true
done
udevadm settle
mkfs.vfat -F 32 -n ESP1 "${first}p1"
mkfs.vfat -F 32 -n ESP2 "${second}p1"
mdadm --create /dev/md0 --run --level=1 --raid-devices=2 --metadata=1.2 --homehost=web1 --name=0 --assume-clean "${first}p2" "${second}p2"
dd if=/dev/ubdc of=/dev/md0 bs=4M conv=fsync
e2fsck -fy /dev/md0 || true
resize2fs /dev/md0
tune2fs -U random -L '' /dev/md0
udevadm settle
target=/mnt
mount /dev/md0 $target
mkdir -p $target/boot/efi
mount "${first}p1" $target/boot/efi
for folder in proc sys dev run; do mount --bind "/$folder" "$target/$folder"; done
cat >$target/etc/fstab <<X
UUID=$(blkid -s UUID -o value /dev/md0) / ext4 errors=remount-ro 0 1
UUID=$(blkid -s UUID -o value "${first}p1") /boot/efi vfat umask=0077,nofail 0 1
X
chroot $target sh -eux <<X
export DEBIAN_FRONTEND=noninteractive
/usr/share/mdadm/mkconf >/etc/mdadm/mdadm.conf
dpkg -i /debs/lib*.deb /debs/mokutil*.deb /debs/shim*.deb /debs/grub-efi-amd64*.deb || dpkg --configure -a
sed -i "s/^GRUB_CMDLINE_LINUX=.*/GRUB_CMDLINE_LINUX=\"console=ttyS0,115200\"/; s/^GRUB_TIMEOUT=.*/GRUB_TIMEOUT=3/" /etc/default/grub
echo 'GRUB_TERMINAL="console serial"' >>/etc/default/grub
grub-install --target=x86_64-efi --efi-directory=/boot/efi --no-nvram --force-extra-removable --bootloader-id=debian
mkdir -p /mnt/second
mount ${second}p1 /mnt/second
cp -a /boot/efi/EFI /mnt/second/
umount /mnt/second
rmdir /mnt/second
update-initramfs -u -k all
GRUB_DISABLE_OS_PROBER=true update-grub
rm -rf /debs
X
umount -R $target
mdadm --stop /dev/md0
