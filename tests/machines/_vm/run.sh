# As run.sh on the disk called bkdisk: brings the session into memory, takes its disk out of the machine, reads, and brings it back.
case $0 in
/run/bkdisk/*)
    mkdir -p /run/bk
    cp -r /run/bkdisk/. /run/bk/
    cd /
    exec sh /run/bk/run.sh # from memory: the disk is to be let go
    ;;
esac
exec >/dev/console 2>&1
disk=$(basename "$(readlink -f /dev/disk/by-label/bkdisk)")
umount /run/bkdisk
rmdir /run/bkdisk
slot=$(readlink -f "/sys/block/$disk/device/..")
echo 1 >"$slot/remove"
udevadm settle
mkdir -p /run/bk-out
python3 /run/bk/session.py || echo SESSION-FAILED
echo 1 >/sys/bus/pci/rescan
udevadm settle --timeout=60
mkdir -p /run/bkdisk
mount /dev/disk/by-label/bkdisk /run/bkdisk
mkdir -p /run/bkdisk/out
cp /run/bk-out/*.json /run/bkdisk/out/
umount /run/bkdisk && echo RECORDED
sync
echo o >/proc/sysrq-trigger
sleep 30
