"""File capabilities as getcap(8) writes them, from the bytes of ``security.capability`` (linux/capability.h, vfs_cap_data)."""

from __future__ import annotations

import struct

#: In the order of their numbers (capabilities(7)).
_ORDER = """
chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service net_broadcast
net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice
sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog wake_alarm
block_suspend audit_read perfmon bpf checkpoint_restore
"""
NAMES = tuple(f"cap_{name}" for name in _ORDER.split())
_REVISIONS = {0x01000000: 1, 0x02000000: 2, 0x03000000: 2}  # how many 32-bit words each set has
_EFFECTIVE = 1


def capability_words(digits: str) -> str:
    """``cap_net_raw=ep``; ``capability <digits>`` for bytes of another form."""
    unknown = f"capability {digits}"
    try:
        packed = bytes.fromhex(digits)
        (magic,) = struct.unpack_from("<I", packed)
        words = _REVISIONS[magic & 0xFF000000]
        sets = struct.unpack_from(f"<{2 * words}I", packed, 4)
    except (ValueError, KeyError, struct.error):
        return unknown
    permitted = sets[0] | (sets[2] << 32 if words == 2 else 0)
    inheritable = sets[1] | (sets[3] << 32 if words == 2 else 0)
    flags = ("e" if magic & _EFFECTIVE else "") + ("i" if inheritable else "") + ("p" if permitted else "")
    bits = permitted | inheritable
    names = [NAMES[at] if at < len(NAMES) else f"cap_{at}" for at in range(64) if bits >> at & 1]
    # Sets that differ are rare, and told by their digits: a short form would say too much or too little.
    uneven = permitted and inheritable and permitted != inheritable
    return f"{','.join(names)}={flags}" if names and not uneven else unknown
