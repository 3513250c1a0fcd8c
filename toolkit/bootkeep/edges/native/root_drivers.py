"""From the root file system down to the bus: every kernel module on the way, read from /sys.

For the device of ``/`` and everything it stands on (``slaves`` of device mapper and md), the device's path in /sys is
walked to its top, and each level's ``driver/module`` link names the module that drives it. A driver that is built into
the running kernel has a module without ``initstate``: the running kernel needs nothing in its initramfs, but another kernel
may have the same driver as a module, so those names are looked up in every installed kernel.
Sources: Documentation/admin-guide/sysfs-rules.rst, sysfs(5).
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from bootkeep.edges.native.module_names import module_names, releases

_SYS = Path("/sys")
#: A file system's module is called like the file system but for these.
_FILE_SYSTEM_MODULES = {"fuseblk": "fuse", "ext3": "ext4", "ext2": "ext4"}
#: File systems without a block device below: nothing to follow here.
_WITHOUT_DEVICE = frozenset({"overlay", "nfs", "nfs4", "9p", "virtiofs", "zfs", "tmpfs", "ramfs", "cifs", "ceph"})


def answer(_root: Path, _argument: str) -> str:
    """JSON ``{"modules": [...], "elsewhere": {release: [...]}, "problem": text}``.

    ``elsewhere`` names what is built into the running kernel and a loadable module in another one. ``problem`` says why the
    way could not be followed.
    """
    file_system, problem = _root_file_system()
    if problem:
        return json.dumps({"modules": [], "problem": problem})
    number = os.stat("/").st_dev
    start = _device_folder(os.major(number), os.minor(number))
    if start is None:
        start = _folder_of_source()
    if start is None:
        return json.dumps({"modules": [], "problem": "the root file system's block device is not in /sys"})
    names = [_FILE_SYSTEM_MODULES.get(file_system, file_system)]
    for folder in _below(start):
        names += [name for name in _drivers(folder) if name not in names]
    names = [name.replace("-", "_") for name in dict.fromkeys(names)]
    # The file system's module is told by the mount: it may be built in without any folder in /sys/module.
    modules = [name for name in names if name == names[0] or _is_loaded(name)]
    return json.dumps({"modules": modules, "elsewhere": _elsewhere(set(names) - set(modules)), "problem": ""})


def _elsewhere(built_in: set[str]) -> dict[str, list[str]]:
    """For each installed kernel, which of these names are files there: its initramfs needs them."""
    found = {release: sorted(built_in & module_names(release)[0]) for release in releases()} if built_in else {}
    return {release: names for release, names in found.items() if names}


def _root_line() -> tuple[str, str]:
    """File system type and source of the topmost mount on ``/``."""
    found = ("", "")
    for line in Path("/proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines():
        left, _, right = line.partition(" - ")
        if left.split()[4:5] == ["/"]:
            words = right.split(" ")
            found = (words[0], words[1] if len(words) > 1 else "")
    return found


def _root_file_system() -> tuple[str, str]:
    file_system, _ = _root_line()
    if not file_system:
        return "", "no mount on / in /proc/self/mountinfo"
    if file_system in _WITHOUT_DEVICE:
        return "", f"the root file system is {file_system}, which stands on no block device that /sys knows"
    return file_system, ""


def _device_folder(major: int, minor: int) -> Path | None:
    path = _SYS / f"dev/block/{major}:{minor}"
    return path.resolve() if path.exists() else None


def _folder_of_source() -> Path | None:
    """btrfs reports an anonymous device number: the mount's source names one of its devices."""
    _, source = _root_line()
    try:
        info = os.stat(source)
    except OSError:
        return None
    return _device_folder(os.major(info.st_rdev), os.minor(info.st_rdev))


def _below(start: Path) -> list[Path]:
    """The device and every device it stands on."""
    found: list[Path] = []
    waiting = [start]
    while waiting:
        folder = waiting.pop()
        if folder in found:
            continue
        found.append(folder)
        whole = folder.parent if (folder / "partition").exists() else folder
        slaves = whole / "slaves"
        if slaves.is_dir():
            waiting += [slave.resolve() for slave in slaves.iterdir()]
        if (whole / "dm").is_dir():
            found.append(whole)
    return found


def _drivers(folder: Path) -> list[str]:
    """Modules of every driver between a device and the top of /sys/devices."""
    names: list[str] = []
    if (folder / "dm").is_dir():
        names += ["dm_mod"]
        kind = (folder / "dm/uuid").read_text("utf-8", "replace").strip()
        if kind.startswith("CRYPT-"):
            names += ["dm_crypt"]
        elif kind.startswith("mpath-"):
            names += ["dm_multipath"]
    if (folder / "md").is_dir():
        level = folder / "md/level"
        if level.is_file():
            kind = level.read_text("utf-8", "replace").strip()
            names += [{"raid4": "raid456", "raid5": "raid456", "raid6": "raid456"}.get(kind, kind)]
        names += ["md_mod"]
    top = _SYS / "devices"
    while folder != top and top in folder.parents:
        for link in ("driver/module", "device/driver/module"):
            module = folder / link
            if module.exists():
                names.append(module.resolve().name)
        # SCSI disks, CD and NVMe namespaces hang off a class device whose own module has no driver link.
        folder = folder.parent
    return names


def _is_loaded(name: str) -> bool:
    """Whether it was loaded as a module: built-in code has no ``initstate``."""
    return (_SYS / "module" / name / "initstate").exists()
