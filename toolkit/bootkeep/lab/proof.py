"""What a disposable host prints on its serial line when it is booted for real."""

BEGIN, END = "LAB-PROOF-BEGIN", "LAB-PROOF-END"

#: Prints the proof between two marks.
PROOF_SCRIPT = f"""#!/bin/sh
# Print, once the system is up, which kernel it is and on what it stands.
proof() {{
    echo "release=$(uname -r)"
    echo "version=$(uname -v)"
    echo "cmdline=$(cat /proc/cmdline)"
    echo "modules=$(findmnt -no SOURCE --mountpoint "/usr/lib/modules/$(uname -r)" || true)"
    echo "dummy=$(sha256sum "/lib/modules/$(uname -r)/kernel/drivers/net/dummy.ko" | cut -d' ' -f1)"
    echo "loads=$(modprobe dummy && echo yes || echo no)"
    for _ in $(seq 90); do  # an emulated machine is slow, and the look after a boot is part of starting
        state=$(systemctl is-system-running) || true
        case $state in starting | initializing) sleep 1 ;; *) break ;; esac
    done
    echo "state=$state"
}}
said=$(proof 2>/dev/null)
# Several times, opened anew each time: a getty that starts hangs the line up, and kernel messages may fall in between.
for _ in 1 2 3 4; do
    printf '\\n{BEGIN}\\n%s\\n{END}\\n' "$said" >/dev/ttyS0
    sleep 1
done
"""

PROOF_UNIT = """[Unit]
Description=Print a proof of this boot on the serial line
ConditionVirtualization=!container
After=systemd-modules-load.service ssh.service

[Service]
ExecStart=/usr/local/sbin/lab-proof

[Install]
WantedBy=multi-user.target
"""
