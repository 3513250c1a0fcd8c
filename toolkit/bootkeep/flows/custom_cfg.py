"""Our line in the administrator's custom.cfg: SUSE's grub.cfg sources that file (41_custom), so no menu has to be made again."""

from __future__ import annotations

from pathlib import Path

from bootkeep.edges.files import replace_file

_SOURCE = (
    "# bootkeep: the preserved kernels' entries\n"
    "if [ -f ${config_directory}/bootkeep.cfg ]; then source ${config_directory}/bootkeep.cfg; fi\n"
)


def source_it(custom: Path) -> None:
    """Our line, behind what is there, unless the file names ours already."""
    text = custom.read_text("utf-8", "surrogateescape") if custom.exists() else ""
    if "bootkeep.cfg" not in text:
        gap = "" if not text or text.endswith("\n") else "\n"
        mode = custom.stat().st_mode & 0o7777 if custom.exists() else 0o600
        replace_file(custom, f"{text}{gap}{_SOURCE}".encode("utf-8", "surrogateescape"), mode=mode)


def unsource(custom: Path) -> bool:
    """Take our line out, and the file away when nothing else is in it; whether it was there."""
    text = custom.read_text("utf-8", "surrogateescape") if custom.is_file() else ""
    if _SOURCE not in text:
        return False
    rest = text.replace(_SOURCE, "")
    if rest.strip():
        replace_file(custom, rest.encode("utf-8", "surrogateescape"), mode=custom.stat().st_mode & 0o7777)
    else:
        custom.unlink()
    return True
