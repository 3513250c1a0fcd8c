"""What the verdict costs: ``bootkeep check`` beside ``lsinitramfs`` of the same images, on a host with three kernels.

Both list every initramfs to its end; bootkeep also reads the kernels, the menu, the boot loader and the storage. Memory is
the peak of one process (getrusage(2)): of the largest below each command.
"""

from __future__ import annotations

from bootkeep.lab.host import DisposableHost
from bootkeep.lab.image import Image

CHECK = "bootkeep check --json >/tmp/check.json || true"
#: bootkeep reads the preserved kernel's image too.
LISTING = "for i in /boot/initrd.img-* /boot/bootkeep/*/initrd.img; do lsinitramfs $i >/tmp/listing.txt; done"
#: Peak of the largest process below a command in KiB, and processor seconds of all of them.
_USAGE = (
    "import ctypes, os, resource, subprocess, sys; ctypes.CDLL(None).prctl(36, 1, 0, 0, 0); "  # orphans become its children
    "subprocess.run(['sh', '-c', sys.argv[1]], check=True)\n"
    "try:\n    while True: os.wait()\n"
    "except ChildProcessError: pass\n"
    "used = resource.getrusage(resource.RUSAGE_CHILDREN); print(used.ru_maxrss, used.ru_utime + used.ru_stime)"
)
#: Random bytes do not compress: the image on disk is as large as what is in it.
_LARGE = """
set -eu
folder=$(mktemp -d)
mkdir -p $folder/usr/lib/firmware
head -c 314572800 /dev/urandom >$folder/usr/lib/firmware/large.bin
(cd $folder && find . | cpio --quiet -o -H newc) | zstd -q -1 -T2 >>{image}
rm -r $folder
"""


def add_third_kernel(host: DisposableHost, image: Image) -> str:
    """Install the third kernel; says which images there are then, with their sizes."""
    wanted = f"linux-image-{image.third_kernel}"
    host.must(["sh", "-c", f"apt-get -q -y install {wanted} >/dev/null 2>&1"], timeout_s=600)
    return host.must(["sh", "-c", "stat -c '%n %s' /boot/initrd.img-*"])


def grow_image(host: DisposableHost, image: Image) -> None:
    """Append 300 MiB of firmware that does not compress to the newest image, as a second archive."""
    host.must(["bash", "-c", _LARGE.format(image=f"/boot/initrd.img-{image.third_kernel}")], timeout_s=300)


def usage(host: DisposableHost, script: str) -> tuple[float, float]:
    """MiB of the largest process that a script starts, and processor seconds of all that it waits for."""
    said = host.must(["python3", "-c", _USAGE, script], timeout_s=300).splitlines()[-1].split()
    return int(said[0]) / 1024, float(said[1])
