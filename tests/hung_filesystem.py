"""A file system that never answers, for tests: like a dead NFS server, it leaves every process that asks in the kernel.

It speaks just enough of the FUSE protocol (linux/fuse.h) to be mounted; every later request is taken and never answered. A
process that waits for one is in uninterruptible sleep: SIGKILL does not end it. Standard library only, so that any Python can
run it: ``python3 hung_filesystem.py DIRECTORY`` mounts, prints ``mounted``, and hangs until it is killed.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

_INIT = 26  # FUSE_INIT
_HEADER = struct.Struct("<IIQQIIII")  # fuse_in_header: length, opcode, unique, node, uid, gid, pid, padding


def main(directory: str) -> None:
    """Mount on a directory, and hang."""
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"hung", os.fsencode(directory), b"fuse.hung", 0, options) != 0:
        raise OSError(ctypes.get_errno(), "mount", directory)
    print("mounted", flush=True)
    while True:
        _length, opcode, unique, *_rest = _HEADER.unpack_from(os.read(device, 1 << 17))
        if opcode == _INIT:
            answer = struct.pack("<IIIIHHIIHHI28x", 7, 31, 65536, 0, 12, 9, 65536, 1, 16, 0, 0)
            os.write(device, struct.pack("<IiQ", 16 + len(answer), 0, unique) + answer)


if __name__ == "__main__":
    main(sys.argv[1])
