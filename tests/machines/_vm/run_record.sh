# As run.sh on the disk called bkdisk, beside record.sh and toolkit/.
mkdir -p /run/bk
cp -r /run/bkdisk/toolkit /run/bkdisk/record.sh /run/bk/
cd /
exec sh /run/bk/record.sh
