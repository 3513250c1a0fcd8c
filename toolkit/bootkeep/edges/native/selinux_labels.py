"""What decides whether SELinux lets the machine come up: its configuration, its policy's file, and labels of the first programs.

Labels are read as extended attributes (getfattr -n security.selinux), which also works from a rescue medium that has no SELinux.
"""

from __future__ import annotations

import errno
import json
import os
import re
from pathlib import Path

CONFIG = "etc/selinux/config"
#: Without a label on these, systemd, a shell or a login ends in "permission denied" as soon as the policy is enforced.
FIRST_FILES = (
    "/usr/lib/systemd/systemd",
    "/usr/bin/bash",
    "/usr/lib64/libc.so.6",
    "/etc/passwd",
    "/etc/shadow",
    "/etc/fstab",
)
_SETTING = re.compile(r"^\s*(SELINUX|SELINUXTYPE)\s*=\s*(\w+)\s*$", re.MULTILINE)


def answer(root: Path, _argument: str) -> str:
    """JSON ``{mode, type, policies: [path], labels: {path: label or ""}, relabel}``; FileNotFoundError without a configuration."""
    text = (root / CONFIG).read_text("utf-8", "replace")
    values = dict(_SETTING.findall(text))
    kind = values.get("SELINUXTYPE", "targeted")
    folder = root / "etc/selinux" / kind / "policy"
    policies = sorted(path for path in folder.glob("policy.*") if path.stat().st_size) if folder.is_dir() else []
    labels: dict[str, str] = {}
    for path in FIRST_FILES:
        try:
            labels[path] = os.getxattr(root / path[1:], "security.selinux").rstrip(b"\0").decode("utf-8", "replace")
        except FileNotFoundError:
            continue
        except OSError as error:
            if error.errno not in (errno.ENODATA, errno.EOPNOTSUPP):
                raise
            labels[path] = ""
    return json.dumps(
        {
            "mode": values.get("SELINUX", "enforcing"),
            "type": kind,
            "policies": ["/" + str(path.relative_to(root)) for path in policies],
            "labels": labels,
            "relabel": (root / ".autorelabel").exists(),
        }
    )
