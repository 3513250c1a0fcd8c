# Shared by the scripts that make a stack; they run inside the virtual machine, as root, from the disk called bkdisk.
finish() {
    echo "MAKE-EXIT $?"
    set +e
    cd /
    umount -l /run/bkdisk
    sync
    poweroff -f
}
trap finish EXIT
set -eu
modprobe -a dm_crypt dm_mod raid1 ext4 vfat nls_cp437 nls_ascii || true
udevadm settle

# install_system TARGET: copy the running system there and give it what a chroot needs.
install_system() {
    cp -ax /. "$1/"
    mkdir -p "$1/proc" "$1/sys" "$1/dev" "$1/run" "$1/tmp"
    for folder in proc sys dev run; do mount --bind "/$folder" "$1/$folder"; done
}

# settings: run in the chroot; serial console for kernel and GRUB, one second of menu.
settings='sed -i "s/^GRUB_CMDLINE_LINUX=.*/GRUB_CMDLINE_LINUX=\"console=ttyS0,115200\"/; s/^GRUB_TIMEOUT=.*/GRUB_TIMEOUT=1/" /etc/default/grub
echo "GRUB_TERMINAL=\"console serial\"" >>/etc/default/grub'
