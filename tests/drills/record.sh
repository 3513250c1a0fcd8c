# On the disk called KIT, run by the booted stack: bootkeep reads it while that disk is not mounted; its readings go there.
exec >/dev/console 2>&1
mkdir -p /run/bk
cp -r /run/kit/toolkit /run/bk/
cd /
umount /run/kit || echo RECORDING-FAILED
rmdir /run/kit
udevadm settle
cat >/run/bk/read.py <<'X'
import sys
sys.path.insert(0, "/run/bk/toolkit")
sys.dont_write_bytecode = True
from bootkeep.edges.collect import collect
from bootkeep.edges.host import LiveHost
from bootkeep.facts.codec import to_json
from bootkeep.probes.boot_probes import BOOT_PROBES
host = LiveHost()
print(to_json(collect(host, BOOT_PROBES)))
X
python3 /run/bk/read.py >/run/bk/out.json || echo RECORDING-FAILED
mkdir -p /run/kit
mount /dev/disk/by-label/KIT /run/kit
cp /run/bk/out.json /run/kit/
# Off again, and whole: the disk is read with nothing mounted, and nobody replays its journal.
umount /run/kit && sync && echo RECORDED || echo RECORDING-FAILED
