root=$1
cat >"$root/etc/systemd/system/from-disk.service" <<'U'
[Unit]
Description=Run what the disk called bkdisk says
After=local-fs.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'mkdir -p /run/bkdisk; mount /dev/disk/by-label/bkdisk /run/bkdisk && exec sh /run/bkdisk/run.sh'
TimeoutStartSec=1500
[Install]
WantedBy=multi-user.target
U
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -sf ../from-disk.service "$root/etc/systemd/system/multi-user.target.wants/from-disk.service"
echo web1 >"$root/etc/hostname"
echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
# Quick images: how well they are packed is nothing that is looked at.
mkdir -p "$root/etc/initramfs-tools/conf.d"
echo COMPRESSLEVEL=1 >"$root/etc/initramfs-tools/conf.d/fast"
