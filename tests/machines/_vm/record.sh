# Runs in the booted stack: reads it with bootkeep while the disk that brought this is not mounted, and leaves out.json there.
exec >/dev/console 2>&1
umount /run/bkdisk
rmdir /run/bkdisk
udevadm settle
python3 -c '
import sys
sys.path.insert(0, "/run/bk/toolkit")
sys.dont_write_bytecode = True
from bootkeep.edges.collect import collect
from bootkeep.edges.host import LiveHost
from bootkeep.facts.codec import to_json
from bootkeep.probes.boot_probes import BOOT_PROBES
print(to_json(collect(LiveHost(), BOOT_PROBES)))
' >/run/bk/out.json
mkdir -p /run/bkdisk
mount /dev/disk/by-label/bkdisk /run/bkdisk
cp /run/bk/out.json /run/bkdisk/
sync
umount /run/bkdisk
echo RECORDED
poweroff -f
