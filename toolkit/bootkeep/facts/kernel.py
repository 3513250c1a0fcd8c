"""Kernels, their modules and their initramfs images, as files on one machine."""

from __future__ import annotations

from dataclasses import dataclass

from bootkeep.facts.unknown import Maybe, Unknown


@dataclass(frozen=True, slots=True)
class BootFile:
    """One file that takes part in booting, as ``lstat`` and a digest saw it."""

    path: str  # absolute, as the running system names it
    size_bytes: int
    mtime_ns: int  # nanoseconds since the epoch
    inode: int
    links: int  # hard links; a preserved kernel shares its inode with the package's file
    sha256: Maybe[str]


@dataclass(frozen=True, slots=True)
class ModulesTree:
    """The directory of a kernel's modules."""

    path: str  # /usr/lib/modules/<release>, or a preserved copy
    release: str  # as ``uname -r`` prints it
    has_modules_dep: bool  # depmod has run: without it modprobe loads nothing
    has_kernel_dir: bool  # the packaged modules themselves are there
    builtin: Maybe[frozenset[str]]  # module names from modules.builtin, ``-`` written as ``_``


@dataclass(frozen=True, slots=True)
class Initramfs:
    """One image that a boot entry loads beside the kernel."""

    file: BootFile
    release: str  # the kernel release that its name and its module tree belong to
    compression: str  # gzip, zstd, xz, lz4, bzip2, lzma, none
    modules: Maybe[frozenset[str]]  # names, ``-`` written as ``_``; Unknown when it could not be listed
    entries: Maybe[int]  # number of files listed in the main archive
    has_init: Maybe[bool]  # there is an /init
    listing_error: str  # what the listing tool said when the image was damaged; empty when it was read to its end
    releases: tuple[str, ...] = ()  # releases of lib/modules/<release> inside
    texts: Maybe[tuple[tuple[str, str], ...]] = Unknown("not taken")  # small files inside that name the root's devices
    tools: Maybe[frozenset[str]] = Unknown(
        "not taken"
    )  # programs inside that bring devices together: cryptsetup, lvm, ...
    generator: str = ""  # initramfs-tools, dracut; empty when neither was recognised


@dataclass(frozen=True, slots=True)
class OwningPackage:
    """The package that a file came from."""

    name: str
    architecture: str
    version: str
    state: str  # dpkg's or rpm's own word: ``installed``, ``half-configured``, ...
    provides: tuple[str, ...] = ()  # rpm: installonlypkg(kernel), multiversion(kernel), kernel-uname-r


@dataclass(frozen=True, slots=True)
class Kernel:
    """One kernel on the machine, recognised by its image file and the package that owns it, never by a name pattern."""

    release: str  # ``uname -r`` once it runs
    image: BootFile
    modules: Maybe[ModulesTree]
    initramfs: Maybe[Initramfs]
    package: Maybe[OwningPackage]
    preserved: bool  # bootkeep's own kept copy of a last-good kernel
    version_text: str = ""  # the text in the image's header, as /proc/version ends; empty where it has none
    image_error: str = ""  # how the image is damaged, by its own header or signature; empty when it is whole
    key: str = ""  # of a preserved kernel: its folder's name
    signed: Maybe[bool] = Unknown("not taken")  # the image carries a signature (Authenticode); by whom is not said
    config: Maybe[tuple[tuple[str, str], ...]] = Unknown("not taken")  # options of /boot/config-<release> that matter


@dataclass(frozen=True, slots=True)
class LastGood:
    """The kernel that last booted and passed its health check, as recorded on the host."""

    release: str
    package_version: str  # empty when no package owned it
    image_sha256: str
    boot_id: str  # /proc/sys/kernel/random/boot_id of the boot that proved it
    proven_at: str  # UTC, ISO 8601
