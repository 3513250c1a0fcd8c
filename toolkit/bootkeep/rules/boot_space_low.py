"""B16: no room for the next initramfs.

update-initramfs writes ``<image>.new`` beside the old one and renames it, so one more of the largest image has to fit, times
``policy.boot_free_factor`` (1.1: images grow by a few per cent between releases). On a /boot of its own the next kernel
(image, map and configuration) has to fit as well before its initramfs is made. On the file system that takes the modules
(the root, or a /usr of its own) ``policy.root_free_bytes`` is the floor. AT_RISK below it. The page quotes what happens then.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.finding import Finding, Severity
from bootkeep.facts.policy import Policy
from bootkeep.facts.storage import Space
from bootkeep.facts.unknown import Unknown
from bootkeep.rules.common import initramfs_of, installed_kernels
from bootkeep.rules.rule import Rule

RULE = Rule("boot-space-low", "B16")

#: A file system that is used to this share of its inodes has too few for a kernel's modules (about 4500 files).
_INODES_FREE = 5000
#: Image, map, configuration and initramfs, the last twice while it is written; GRUB's files once more.
_FILES = 10


def judge(state: BootState, policy: Policy) -> Iterable[Finding]:
    """Compare free space with what the next kernel takes."""
    spaces = {space.target: space for space in state.space}
    root, boot = spaces.get("/"), spaces.get("/boot")
    separate = boot is not None and root is not None and not _same(boot, root)
    own_boot = isinstance(state.fstab, tuple) and any(line.target == "/boot" for line in state.fstab)
    if root is None or (boot is None and own_boot):
        yield RULE.unknown("the room in /boot", "free space could not be asked")
        return
    wanted = wanted_bytes(state, policy)
    if isinstance(wanted, Unknown):
        return  # no kernels were readable: said by fallback-kernel-missing
    place = boot if boot is not None and separate else root
    usr = spaces.get("/usr")
    modules = usr if usr is not None and not _same(usr, root) else root  # where the next kernel's modules go
    alone = separate or modules is not root
    floor = wanted if alone else max(wanted, policy.root_free_bytes)
    if place.free_bytes < floor:
        yield _low(place, floor, separate)
    if alone and modules.free_bytes < policy.root_free_bytes:
        yield _low(modules, policy.root_free_bytes, False)
    yield from _inodes(modules, _INODES_FREE, "the modules of the next kernel need about")
    if separate:
        yield from _inodes(place, _FILES, "the files of the next kernel need about")


def _inodes(space: Space, floor: int, need: str) -> Iterable[Finding]:
    if space.inodes and space.inodes_free < floor:
        yield RULE.finding(
            Severity.AT_RISK,
            f"{space.target} has {space.inodes_free} inodes left: {need} {floor}.",
            (f"statvfs {space.target}", f"{space.inodes_free} of {space.inodes} inodes are free"),
            subject=space.target,
        )


def wanted_bytes(state: BootState, policy: Policy) -> int | Unknown:
    """Room that the next kernel needs in /boot: its image and its initramfs, written beside the old one."""
    if not isinstance(state.kernels, tuple):
        return Unknown("no kernels")
    kernels = installed_kernels(state)
    image = max((kernel.image.size_bytes for kernel in kernels), default=0)
    images = [
        found.file.size_bytes for kernel in kernels if (found := initramfs_of(kernel)) and not found.listing_error
    ]
    return int((image + max(images, default=0)) * policy.boot_free_factor)


def _same(left: Space, right: Space) -> bool:
    """One file system: the same totals. Two of exactly equal size, free blocks and inodes do not happen by chance."""
    return (left.size_bytes, left.inodes) == (right.size_bytes, right.inodes) and (
        abs(left.free_bytes - right.free_bytes) < 64 * 1024 * 1024
    )


def _low(space: Space, floor: int, separate: bool) -> Finding:
    return RULE.finding(
        Severity.AT_RISK,
        f"{space.target} has {_mib(space.free_bytes)} MiB free; "
        + (
            f"the next kernel and its initramfs need {_mib(floor)} MiB."
            if separate
            else f"at least {_mib(floor)} MiB are wanted."
        ),
        (f"statvfs {space.target}", f"{space.free_bytes} of {space.size_bytes} bytes are free"),
        subject=space.target,
    )


def _mib(count: int) -> int:
    return -(-count // (1024 * 1024))
