"""``listeners``: sockets that wait for others, with the process behind each. psutil reads the kernel's tables."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from bootkeep.edges.native.processes import owner_of


def answer(root: Path, _argument: str) -> str:
    """JSON list of listening TCP and bound, unconnected UDP sockets, each once, with its oldest owner.

    A socket that many workers share has many owners: the oldest is the parent that opened it.
    """
    import psutil

    proc = root / "proc"
    owners: dict[tuple[str, str, int], set[int]] = {}
    for connection in psutil.net_connections(kind="inet"):
        protocol = ("tcp" if connection.type.name == "SOCK_STREAM" else "udp") + (
            "6" if connection.family.name == "AF_INET6" else ""
        )
        waits = connection.status == psutil.CONN_LISTEN if protocol.startswith("tcp") else not connection.raddr
        if not waits or not connection.laddr:
            continue
        pids = owners.setdefault((protocol, connection.laddr.ip, connection.laddr.port), set())
        if connection.pid:
            pids |= _line_of(connection.pid, connection.fd, str(proc))
    rows: list[dict[str, object]] = []
    names: dict[int, str] = {}
    for (protocol, address, port), pids in sorted(owners.items()):
        processes = [process for pid in pids if (process := owner_of(pid, proc, None, names=names)) is not None]
        oldest: dict[str, Any] = min(processes, key=lambda row: (row["start_ticks"], row["pid"]), default={})
        rows.append(
            {
                "protocol": protocol,
                "address": address,
                "port": port,
                "pid": oldest.get("pid", 0),
                "exe": oldest.get("exe", ""),
                "user": oldest.get("user", ""),
                "unit": oldest.get("unit", ""),
                "start_ticks": oldest.get("start_ticks", 0),
            }
        )
    return json.dumps(rows)


def _line_of(pid: int, descriptor: int, proc: str) -> set[int]:
    """The process and those of its parents that have this very socket open.

    psutil names one owner of a shared socket, whichever /proc lists first; numbers wrap, so that may be a worker.
    """
    found: set[int] = set()
    try:
        target = os.readlink(f"{proc}/{pid}/fd/{descriptor}")
        while pid not in found:
            found.add(pid)
            with open(f"{proc}/{pid}/stat", encoding="utf-8", errors="replace") as stream:
                parent = int(stream.read().rpartition(")")[2].split()[1])
            if parent and any(
                _leads_to(f"{proc}/{parent}/fd/{name}", target) for name in os.listdir(f"{proc}/{parent}/fd")
            ):
                pid = parent
    except (OSError, ValueError, IndexError):  # it ended, or belongs to somebody else
        found.add(pid)
    return found


def _leads_to(link: str, target: str) -> bool:
    try:
        return os.readlink(link) == target
    except OSError:
        return False
