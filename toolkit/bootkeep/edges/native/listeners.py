"""``listeners``: sockets that wait for others, with the process behind each, from the kernel's tables in /proc (proc_net(5)).

psutil gives the same; it looks up the owner of every socket and takes 7 ms to load. A test compares both on the running machine.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from bootkeep.edges.native.processes import owner_of

#: TCP_LISTEN of include/net/tcp_states.h, as the tables print it.
_LISTEN = "0A"
_SOCKET = "socket:["


def answer(root: Path, _argument: str) -> str:
    """JSON list of listening TCP and bound, unconnected UDP sockets, each once, with its oldest owner.

    A socket that many workers share has many owners: the one with the lowest start time is the parent that opened it.
    """
    proc = root / "proc"
    inodes: dict[tuple[str, str, int], set[str]] = {}
    for protocol in ("tcp", "tcp6", "udp", "udp6"):
        for address, port, inode in _waiting(proc, protocol):
            inodes.setdefault((protocol, address, port), set()).add(inode)
    owners = _owners(str(proc), set().union(*inodes.values()))
    rows: list[dict[str, object]] = []
    names: dict[int, str] = {}
    for (protocol, address, port), found in sorted(inodes.items()):
        pids = {pid for inode in found for pid in owners.get(inode, ())}
        processes = [process for pid in pids if (process := owner_of(pid, proc, None, names=names)) is not None]
        oldest = min(processes, key=lambda row: (row["start_ticks"], row["pid"]), default={})
        rows.append(
            {
                "protocol": protocol,
                "address": address,
                "port": port,
                "pid": oldest.get("pid", 0),
                "start_ticks": oldest.get("start_ticks", 0),
                "user": oldest.get("user", ""),
                "unit": oldest.get("unit", ""),
                "exe": oldest.get("exe", ""),
            }
        )
    return json.dumps(rows)


def _waiting(proc: Path, protocol: str) -> Iterator[tuple[str, int, str]]:
    """Address, port and inode of each socket in one table that waits for others."""
    try:
        lines = (proc / "net" / protocol).read_text("ascii").splitlines()[1:]
    except FileNotFoundError:  # no IPv6 in this kernel
        return
    for line in lines:
        words = line.split()
        if len(words) < 10:
            continue
        here, there, state, inode = words[1], words[2], words[3], words[9]
        waits = state == _LISTEN if protocol.startswith("tcp") else there.endswith(":0000")
        address, _, port = here.rpartition(":")
        if waits and port != "0000":
            yield address_of(address), int(port, 16), inode


def address_of(digits: str) -> str:
    """The address in one of these tables: each 32 bits are printed as the machine's own number."""
    count = len(digits) // 8
    words = struct.unpack(f">{count}I", bytes.fromhex(digits))
    packed = struct.pack(f"{'<' if sys.byteorder == 'little' else '>'}{count}I", *words)
    return socket.inet_ntop(socket.AF_INET if count == 1 else socket.AF_INET6, packed)


def _owners(proc: str, inodes: set[str]) -> dict[str, list[int]]:
    """Inode -> the processes that have this socket open. Those of others are not seen without the right to look."""
    wanted = {f"{_SOCKET}{inode}]": inode for inode in inodes if inode != "0"}
    owners: dict[str, list[int]] = {}
    for name in os.listdir(proc) if wanted else ():
        if not name.isdigit():
            continue
        folder = f"{proc}/{name}/fd"
        try:
            descriptors = os.listdir(folder)
        except OSError:  # it ended, or belongs to somebody else
            continue
        for descriptor in descriptors:
            try:
                target = os.readlink(f"{folder}/{descriptor}")
            except OSError:
                continue
            if target in wanted:
                owners.setdefault(wanted[target], []).append(int(name))
    return owners
