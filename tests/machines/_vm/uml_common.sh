# Shared by the stacks' scripts (stacks/*.sh). Runs as the first program of a User-mode Linux (Debian's user-mode-linux) whose root is
# the makers' root on the host; /src is the system to install. Disks are ubda, ubdb, ...; they get the names that virtio
# gives them (vda, vda1), because GRUB's tools know devices by their names.
finish() {
    echo "MAKE-EXIT $?"
    set +e
    cd /
    sync
    umount -R /target 2>/dev/null
    echo o >/proc/sysrq-trigger
    sleep 60
}
trap finish EXIT
set -eu
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C DEBIAN_FRONTEND=noninteractive DM_DISABLE_UDEV=1 GRUB_DISABLE_OS_PROBER=true
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /dev
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir -p /target /dev/disk/by-uuid /dev/disk/by-id /dev/mapper /run/lock /run/cryptsetup /run/lvm
for node in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0" "console 5 1"; do
    set -- $node
    mknod -m 666 "/dev/$1" c "$2" "$3"
done
ln -s /proc/self/fd /dev/fd
mkdir -p /etc/lvm
printf 'activation { udev_sync=0 udev_rules=0 }\ndevices { use_devicesfile=0 obtain_device_list_from_udev=0 }\n' >/etc/lvm/lvmlocal.conf
modprobe -a hostfs ext4 dm_mod dm_crypt raid1 raid456 vfat nls_cp437 nls_ascii xts loop || true
mount -t hostfs -o "$SRC" hostfs /src

# nodes: names every disk and partition as virtio would, and links for what lies on them.
nodes() {
    for path in /sys/block/ubd? /sys/block/ubd?/ubd*; do
        [ -e "$path/dev" ] || continue
        name=$(basename "$path" | sed s/^ubd/vd/)
        [ -b "/dev/$name" ] || mknod "/dev/$name" b $(tr : ' ' <"$path/dev")
    done
    links
}
links() {
    for node in /dev/vd* /dev/md* /dev/mapper/*; do
        [ -b "$node" ] || continue
        uuid=$(blkid -p -s UUID -o value "$node" || true)
        [ -n "$uuid" ] && ln -sf "$node" "/dev/disk/by-uuid/$uuid"
    done
    return 0
}
uuid_of() { blkid -p -s UUID -o value "$1"; }
# table DISK: partitions from standard input.
table() {
    sfdisk -q --no-reread --no-tell-kernel "$1"
    partx -u "$1" 2>/dev/null || partx -a "$1"
    nodes
}
# copy_system: the system to /target, where the stack's file systems are mounted, with what a chroot needs.
copy_system() {
    cp -a /src/. /target/
    bind
}
bind() {
    for folder in proc sys dev run tmp; do
        mkdir -p "/target/$folder"
        mount --bind "/$folder" "/target/$folder"
    done
    links
}
# session FOLDER: reads the finished system from inside, breaks it, and reads it again; the readings go to FOLDER/out.
session() {
    mkdir -p /run/bk /run/bk-out
    mount -t hostfs -o "$1" hostfs /target/run/bk
    for path in /sys/block/ubd? /sys/block/ubd?/ubd*; do # lsblk and blkid know the kernel's own names only
        [ ! -e "$path/dev" ] || mknod "/dev/$(basename "$path")" b $(tr : ' ' <"$path/dev")
    done
    # From a rescue shell first: the root is mounted, nothing of it runs, and udev has no database.
    python3 /target/run/bk/session.py /target rescue
    mkdir -p /run/udev
    /usr/lib/systemd/systemd-udevd --daemon --resolve-names=never
    udevadm trigger --action=add --subsystem-match=block
    udevadm settle --timeout=60 || true
    chroot /target python3 /run/bk/session.py
    cp /run/bk-out/*.json /target/run/bk/out/
    umount /target/run/bk
}
# session_only FOLDER NAME: one more recording, after something was done while nothing of the machine ran.
session_only() {
    bind
    mount -t hostfs -o "$1" hostfs /target/run/bk
    udevadm trigger --action=add --subsystem-match=block
    udevadm settle --timeout=60 || true
    chroot /target python3 /run/bk/session.py / "$2"
    cp "/run/bk-out/$2.json" /target/run/bk/out/
    umount /target/run/bk
}
# Settings for a serial console and a short menu, run inside the system.
SETTINGS='sed -i "s/^GRUB_CMDLINE_LINUX=.*/GRUB_CMDLINE_LINUX=\"$EXTRA console=ttyS0,115200\"/; s/^GRUB_CMDLINE_LINUX=\" /GRUB_CMDLINE_LINUX=\"/; s/^GRUB_TIMEOUT=.*/GRUB_TIMEOUT=1/" /etc/default/grub
echo "GRUB_TERMINAL=\"console serial\"" >>/etc/default/grub'

inside() { env EXTRA="$EXTRA" chroot /target sh -eux -c "$1"; }
nodes
