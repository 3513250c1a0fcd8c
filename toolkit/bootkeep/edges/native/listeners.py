"""``listeners``: sockets that wait for others, with the process behind each. psutil reads the kernel's tables."""

from __future__ import annotations

import json
from pathlib import Path

from bootkeep.edges.native.processes import owner_of


def answer(root: Path, _argument: str) -> str:
    """JSON list of listening TCP and bound, unconnected UDP sockets, each once, with its oldest owner.

    A socket that many workers share has many owners: the one with the lowest start time is the parent that opened it.
    """
    import psutil

    proc = root / "proc"
    owners: dict[tuple[str, str, int], list[int]] = {}
    for connection in psutil.net_connections(kind="inet"):
        protocol = ("tcp" if connection.type.name == "SOCK_STREAM" else "udp") + (
            "6" if connection.family.name == "AF_INET6" else ""
        )
        waits = connection.status == psutil.CONN_LISTEN if protocol.startswith("tcp") else not connection.raddr
        if not waits or not connection.laddr:
            continue
        pids = owners.setdefault((protocol, connection.laddr.ip, connection.laddr.port), [])
        if connection.pid:
            pids.append(connection.pid)
    rows: list[dict[str, object]] = []
    for (protocol, address, port), pids in sorted(owners.items()):
        processes = [process for pid in set(pids) if (process := owner_of(pid, proc)) is not None]
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
