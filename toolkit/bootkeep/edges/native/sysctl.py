"""``sysctl``: the kernel's settings by their sysctl(8) names, without counters, and without anything that acts when read."""

from __future__ import annotations

import json
import os
from pathlib import Path

#: Files that hold a secret, change by themselves, or do something: they are not even opened.
_NEVER = frozenset(
    {
        "stable_secret",  # RFC 7217: the key of a host's addresses
        "tcp_fastopen_key",
        "route/flush",
        "kernel/random/uuid",
        "kernel/random/entropy_avail",
        "kernel/ns_last_pid",
        "kernel/pty/nr",
        "kernel/cad_pid",
        "kernel/hostname",
        "fs/dentry-state",
        "fs/file-nr",
        "fs/inode-nr",
        "fs/inode-state",
        "fs/aio-nr",
        "fs/quota",
        "kernel/sched_domain",
        "net/ipv4/neigh",
        "net/ipv6/neigh",
        "net/netfilter/nf_conntrack_count",
        "sunrpc/transports",
    }
)
#: Longer values are tables, not settings.
_LONGEST_VALUE = 4096


def answer(root: Path, _argument: str) -> str:
    """JSON object: name with dots (a dot inside a component, as in ``eth0.5``, as a slash) -> value."""
    base = str(root / "proc/sys")
    os.stat(base)
    values: dict[str, str] = {}
    for place, folders, files in os.walk(base):
        relative = f"{place[len(base) + 1 :]}/".lstrip("/")
        folders[:] = sorted(name for name in folders if not _left_out(relative + name))
        for name in files:
            path = relative + name
            if not _left_out(path):
                value = _value(f"{base}/{path}")
                if value is not None:
                    values[sysctl_name(path)] = value
    return json.dumps(values, sort_keys=True)


def sysctl_name(path: str) -> str:
    """``net/ipv4/conf/eth0.5/forwarding`` -> ``net.ipv4.conf.eth0/5.forwarding``, as sysctl(8) prints it."""
    return path.translate(str.maketrans("/.", "./"))


def _left_out(path: str) -> bool:
    words = path.rsplit("/", 2)
    return path in _NEVER or words[-1] in _NEVER or "/".join(words[-2:]) in _NEVER


def _value(path: str) -> str | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:  # write-only triggers such as vm/compact_memory
        return None
    try:
        raw = os.read(descriptor, _LONGEST_VALUE + 1)
    except OSError:  # a setting of a device that does not answer
        return None
    finally:
        os.close(descriptor)
    if len(raw) > _LONGEST_VALUE:
        return None
    return raw.decode("utf-8", "surrogateescape").strip()
