"""What all disposable RPM hosts share: Debian 12's files with rpm, dnf and zypper, and real kernels taken out of their packages.

Built once and cached by the digest of this recipe. The package managers are those of Debian's archive (rpm 4.18, dnf 4.14,
zypper 1.14), not the distributions' own builds; the README's support table says so.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from functools import cmp_to_key
from pathlib import Path

from bootkeep.edges.run import run
from bootkeep.lab.chroot import LabError, checked, in_chroot

SUITE = "bookworm"
PACKAGES = (
    *("apt", "binutils", "busybox-static", "ca-certificates", "cpio", "createrepo-c", "cron", "dbus", "dnf"),
    *("dracut-core", "e2fsprogs", "fdisk", "file", "gdisk", "grub-efi-amd64-bin", "grub-pc-bin", "grub2-common"),
    *("iproute2", "kmod", "less", "logrotate", "netbase", "openssh-server", "procps", "psmisc", "python3"),
    *("python3-psutil", "python3-venv", "rpm", "sudo", "systemd", "systemd-sysv", "udev", "util-linux", "xz-utils"),
    *("zstd", "zypper"),
)
#: No page and no translation is needed in a host that lives for minutes.
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
#: Kernels taken from the archive, oldest first; see packages.py for what each becomes.
KERNELS = 4
#: Modules that a kernel package keeps, with what they need: disks, file systems, network, and some to load in tests.
_CORE = (
    "ext4",
    "virtio_pci",
    "virtio_blk",
    "virtio_scsi",
    "virtio_net",
    "sd_mod",
    "ahci",
    "ata_piix",
    "nvme",
    "dm_mod",
)
_MORE = ("xfs", "btrfs", "vfat", "nls_ascii", "nls_cp437", "squashfs", "overlay", "loop", "dummy", "softdog", "raid1")


@dataclass(frozen=True, slots=True)
class Base:
    """The shared part."""

    tar: Path  # the root as a tar file
    payloads: tuple[Path, ...]  # one folder a kernel, oldest first, as the spec files want them

    @property
    def unames(self) -> tuple[str, ...]:
        """What each kernel says of itself (``uname -r``)."""
        return tuple(path.name for path in self.payloads)


def base(cache: Path, say: object = None) -> Base:
    """The shared part, from the cache when this recipe was built before. The caller holds the cache's lock."""
    folder = cache / f"base-{_digest()}"
    if not (folder / "whole").exists():
        for stale in cache.glob("base-*"):
            shutil.rmtree(stale)
        if callable(say):
            say("building the disposable RPM hosts: packages (mmdebstrap)")
        _build(folder)
    return Base(folder / "root.tar", tuple(sorted((folder / "kernels").iterdir())))


def _digest() -> str:
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]


def _build(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="build-") as work:
        root = Path(work) / "root"
        left_out = [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
        argv = ["mmdebstrap", "--quiet", "--variant=minbase", "--skip=cleanup/apt", *left_out]
        checked(run([*argv, f"--include={','.join(PACKAGES)}", SUITE, str(root)], timeout_s=1200), "mmdebstrap")
        for name in ("hostname", "resolv.conf"):  # mmdebstrap copies this machine's; a network is needed until the end
            (root / "etc" / name).unlink(missing_ok=True)
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        for leftover in (root / "var/cache/apt/archives").glob("*.deb"):
            leftover.unlink()
        draft = Path(work) / "whole"
        draft.mkdir()
        for release in _releases(root):
            _payload(root, release, draft / "kernels" / release)
        (root / "etc/resolv.conf").unlink()
        shutil.rmtree(root / "var/lib/apt/lists")
        (root / "var/lib/apt/lists/partial").mkdir(parents=True)
        checked(
            run(["tar", "-C", str(root), "--numeric-owner", "-cf", str(draft / "root.tar"), "."], timeout_s=300),
            "packing the root",
        )
        (draft / "whole").touch()
        draft.rename(folder)


def _releases(root: Path) -> list[str]:
    """The newest kernel ABIs that the archive has, oldest first."""
    pattern = r"^linux-image-[0-9.]+-[0-9]+-cloud-amd64$"
    listed = checked(in_chroot(root, ["apt-cache", "search", "--names-only", pattern]), "looking for kernels").stdout

    def older(left: str, right: str) -> int:
        return -1 if run(["dpkg", "--compare-versions", left, "lt", right], timeout_s=10).exit_code == 0 else 1

    names = [line.split()[0].removeprefix("linux-image-") for line in listed.splitlines()]
    newest = sorted(names, key=cmp_to_key(older))[-KERNELS:]
    if len(newest) < KERNELS:
        raise LabError(f"fewer than {KERNELS} kernels in the archive", where=SUITE, next_step="Check apt's sources.")
    return newest


def _payload(root: Path, release: str, target: Path) -> None:
    """``vmlinuz``, ``config``, ``System.map``, and the modules in two parts, out of Debian's own package."""
    with tempfile.TemporaryDirectory(dir=root / "var/tmp") as folder:
        work = Path(folder)
        inside = "/" + str(work.relative_to(root))
        script = f"cd {inside} && apt-get -q download linux-image-{release} && dpkg-deb -x *.deb tree"
        checked(in_chroot(root, ["sh", "-c", script], timeout_s=600), f"fetching linux-image-{release}")
        tree = work / "tree"
        target.mkdir(parents=True)
        for name in ("vmlinuz", "config", "System.map"):
            shutil.copy(tree / f"boot/{name}-{release}", target / name)
        modules = tree / "lib/modules" / release
        checked(
            in_chroot(root, ["depmod", "-b", f"{inside}/tree", release], timeout_s=60), f"indexing modules of {release}"
        )
        core = _closure(root, f"{inside}/tree", release, _CORE)
        for part, names in (("core", core), ("modules", _closure(root, f"{inside}/tree", release, _MORE) - core)):
            (target / part).mkdir()
            for name in sorted(names):
                place = target / part / name
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(modules / name, place)
        for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
            shutil.copy(modules / name, target / "core" / name)


def _closure(root: Path, inside: str, release: str, wanted: tuple[str, ...]) -> set[str]:
    """Paths below the modules tree of these modules and of what they need; built-in ones have none."""
    argv = ["modprobe", "-d", inside, "-S", release, "--ignore-install", "--show-depends", "-a", *wanted]
    said = in_chroot(root, argv, timeout_s=60).stdout
    prefix = f"/lib/modules/{release}/"
    return {line.split()[1].split(prefix, 1)[1] for line in said.splitlines() if line.startswith("insmod ")}
