"""Options of the kernels in /boot that decide what they can read: a few lines of each /boot/config-<release>."""

from __future__ import annotations

import json
from pathlib import Path

#: CONFIG_RD_*: compressions of an initramfs; MODULE_SIG_FORCE: whether an unsigned module loads.
_WANTED = (
    "CONFIG_BLK_DEV_INITRD",
    "CONFIG_RD_GZIP",
    "CONFIG_RD_BZIP2",
    "CONFIG_RD_LZMA",
    "CONFIG_RD_XZ",
    "CONFIG_RD_LZO",
    "CONFIG_RD_LZ4",
    "CONFIG_RD_ZSTD",
    "CONFIG_MODULE_SIG_FORCE",
    "CONFIG_EFI_STUB",
    "CONFIG_CRASH_DUMP",
    "CONFIG_KEXEC_FILE",
)


def answer(root: Path, _argument: str) -> str:
    """JSON ``{release: {option: value}}``; an option that is not set has the value ``n``."""
    found: dict[str, dict[str, str]] = {}
    (root / "boot").stat()
    for path in sorted(root.glob("boot/config-*")):
        if not path.is_file():  # a pipe of that name would hold up the whole answer
            continue
        options = dict.fromkeys(_WANTED, "n")
        with path.open(encoding="utf-8", errors="replace") as stream:
            for line in stream:
                name, mark, value = line.rstrip("\n").partition("=")
                if mark and name in options:
                    options[name] = value
        found[path.name.removeprefix("config-")] = options
    return json.dumps(found)
