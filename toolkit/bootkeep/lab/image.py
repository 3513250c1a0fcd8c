"""The disposable Debian 12 host: a real disk with GRUB in it, real kernels, and archives for the transactions to come.

The disk is a GPT image with a BIOS boot partition and an ext4 root. Its partitions get real nodes through a loop device
and ``partx``, so grub-install and update-grub work on it as on any disk. It is built once and cached by the digest of this
recipe; a host is a copy of it.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cmp_to_key
from pathlib import Path

from bootkeep.edges.files import replace_file
from bootkeep.edges.run import run
from bootkeep.facts.codec import from_json, to_json
from bootkeep.lab import archive
from bootkeep.lab.bootable import DISK_LINK, make_disk
from bootkeep.lab.chroot import LabError, checked, in_chroot
from bootkeep.lab.proof import PROOF_SCRIPT, PROOF_UNIT

SUITE = "bookworm"
ROOT_UUID = "5afeb007-0000-4000-8000-00000000b007"
DISK_BYTES = 4 * 1024**3
PACKAGES = (
    *("apt", "apt-utils", "ca-certificates", "cron", "dbus", "debconf-utils", "fdisk", "grub-pc", "initramfs-tools"),
    *("iproute2", "kmod", "logrotate", "man-db", "netbase", "openssh-server", "procps", "psmisc", "python3", "sudo"),
    *("systemd", "systemd-sysv", "unattended-upgrades", "util-linux", "zstd"),
)
#: What the transactions of the demonstration install, downloaded while the image is built.
WANTED_LATER = ("exim4-daemon-light", "hello")

#: Debian's zz-update-grub does nothing in a container (/etc/kernel/postinst.d). This host stands for a machine: it has a
#: disk with a boot loader, and is booted for real in the end, so that script must work as it does on a machine.
_NOT_A_CONTAINER = """#!/bin/sh
case " $* " in *" --container "* | *" -c "*) exit 1 ;; esac
exec /usr/bin/systemd-detect-virt "$@"
"""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Image:
    """A built disk and what is in it."""

    path: str
    kernels: tuple[str, str]  # releases installed, older first; the newer one is what the host "runs"
    third_kernel: str  # release in the archive, not installed


def recipe_digest() -> str:
    """Digest of everything that decides what is in the image."""
    digest = hashlib.sha256()
    for name in ("image.py", "bootable.py", "archive.py", "chroot.py", "disk.py", "proof.py"):
        digest.update((Path(__file__).parent / name).read_bytes())
    digest.update((Path(__file__).parents[3] / "requirements" / "host.txt").read_bytes())
    return digest.hexdigest()[:16]


def build(cache: Path, salt_packages: Path, say: Say) -> Image:
    """The image, from the cache when this recipe was built before.

    ``salt_packages`` is a folder with Salt and what it needs (``pip install --target``), made by the caller.
    """
    folder = cache / "hosts"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:  # two runs at a time: the second one waits and finds the image there
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _built(folder, salt_packages, say)


def _built(folder: Path, salt_packages: Path, say: Say) -> Image:
    note = folder / f"debian12-{recipe_digest()}.json"
    disk = note.with_suffix(".img")
    if note.exists() and disk.exists():
        return from_json(Image, note.read_bytes(), where=str(note))
    for stale in (*folder.glob("debian12-*"), *folder.glob("build-*")):
        shutil.rmtree(stale) if stale.is_dir() else stale.unlink()
    with tempfile.TemporaryDirectory(dir=folder, prefix="build-") as work:
        root = Path(work) / "root"
        say("building the disposable Debian 12 host: packages (mmdebstrap)")
        _bootstrap(root)
        say("building the disposable Debian 12 host: kernels and archives")
        kernels = _kernels(root)
        _install_kernels(root, kernels[:2])
        _archives(root, Path(work), kernels)
        say("building the disposable Debian 12 host: Salt")
        install_salt(root, salt_packages)
        _settings(root)
        say("building the disposable Debian 12 host: disk and boot loader")
        draft = Path(work) / "disk.img"
        _disk(root, draft)
        shutil.move(draft, disk)
    image = Image(str(disk), (kernels[0], kernels[1]), kernels[2])
    replace_file(note, to_json(image, indent=2).encode(), mode=0o644)
    return image


def _bootstrap(root: Path) -> None:
    checked(
        run(
            # No recommends (minbase); lists are kept for the look-ups below.
            [
                *(
                    "mmdebstrap",
                    "--quiet",
                    "--variant=minbase",
                    "--skip=cleanup/apt",
                    f"--include={','.join(PACKAGES)}",
                ),
                *(SUITE, str(root)),
            ],
            timeout_s=1200,
        ),
        "mmdebstrap",
    )
    for name in ("hostname", "resolv.conf"):  # mmdebstrap copies this machine's; resolv.conf is needed until the end
        (root / "etc" / name).unlink(missing_ok=True)
    shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")
    (root / "etc" / "hostname").write_text("web01\n", encoding="utf-8")


def _kernels(root: Path) -> tuple[str, str, str]:
    """The three newest kernel ABIs that the archive has, oldest first."""
    pattern = r"^linux-image-[0-9.]+-[0-9]+-cloud-amd64$"
    listed = checked(in_chroot(root, ["apt-cache", "search", "--names-only", pattern]), "looking for kernels").stdout
    releases = [line.split()[0].removeprefix("linux-image-") for line in listed.splitlines()]

    def older(left: str, right: str) -> int:
        done = run(["dpkg", "--compare-versions", left, "lt", right], timeout_s=10)
        return -1 if done.exit_code == 0 else 1

    newest = sorted(releases, key=cmp_to_key(older))[-3:]
    if len(newest) < 3:
        raise LabError("fewer than three kernel ABIs in the archive", where=SUITE, next_step="Check apt's sources.")
    return newest[0], newest[1], newest[2]


def _install_kernels(root: Path, releases: tuple[str, ...]) -> None:
    names = [f"linux-image-{release}" for release in releases]
    argv = ["apt-get", "-q", "-y", "--no-install-recommends", "install", *names]
    checked(in_chroot(root, argv, timeout_s=900), "installing kernels")


def _archives(root: Path, work: Path, kernels: tuple[str, str, str]) -> None:
    """/srv/archive: base (as Debian has them), updates and security (repacked as newer versions), loose .deb files."""
    download = work / "debs"
    download.mkdir()
    cached = root / "var/cache/apt/archives"
    for left_over in cached.glob("*.deb"):
        left_over.unlink()
    wanted = [*WANTED_LATER, f"linux-image-{kernels[2]}"]
    argv = ["apt-get", "-q", "-y", "--no-install-recommends", "--download-only", "install", *wanted]
    checked(in_chroot(root, argv, timeout_s=900), "downloading packages")
    archive.move_all(cached, download)
    again = [
        "openssh-server",
        "openssh-client",
        "openssh-sftp-server",
        "cron",
        "logrotate",
        f"linux-image-{kernels[1]}",
    ]
    argv = ["apt-get", "-q", "-y", "--reinstall", "--download-only", "install", *again]
    checked(in_chroot(root, argv, timeout_s=900), "downloading packages")
    originals = work / "originals"
    archive.move_all(cached, originals)
    target = root / "srv/archive"
    base, updates, security, loose = (target / name for name in ("base", "updates", "security", "loose"))
    for folder in (base, updates, security, loose):
        folder.mkdir(parents=True)
    archive.move_all(download, base)
    shutil.copy(archive.one(base, "hello_*.deb"), loose)
    archive.repack(archive.one(base, "hello_*.deb"), loose, suffix="+broken1", edit=_break_postinst)
    ssh = ("openssh-server", "openssh-client", "openssh-sftp-server")
    for name in ssh:
        edit = _loosen_sshd if name == "openssh-server" else None
        archive.repack(archive.one(originals, f"{name}_*.deb"), updates, suffix="+lab1", edit=edit, pin=ssh)
    kernel = archive.one(originals, f"linux-image-{kernels[1]}_*.deb")
    archive.repack(kernel, updates, suffix="+lab1", edit=_other_kernel)
    for name in ("cron", "logrotate"):
        archive.repack(archive.one(originals, f"{name}_*.deb"), security, suffix="+lab1", edit=None)
    for folder in (base, updates, security):
        archive.index(folder, label=folder.name)


def _break_postinst(tree: Path) -> None:
    script = tree / "DEBIAN" / "postinst"
    script.write_text("#!/bin/sh\necho 'postinst: a step of the vendor fails' >&2\nexit 3\n", encoding="utf-8")
    script.chmod(0o755)


def _loosen_sshd(tree: Path) -> None:
    """A new default configuration, so that ucf has to choose between the administrator's file and the vendor's."""
    config = tree / "usr/share/openssh/sshd_config"
    with config.open("a", encoding="utf-8") as stream:
        stream.write("\n# New default of this version\nPort 22\nPort 2222\nPermitRootLogin yes\n")


def _other_kernel(tree: Path) -> None:
    """The same ABI with other contents: a trailing note behind the image (loaders ignore it) and behind a module."""
    image = next(iter(sorted((tree / "boot").glob("vmlinuz-*"))))
    module = next(iter(sorted((tree / "lib/modules").glob("*/kernel/drivers/net/dummy.ko"))))
    for path in (image, module):
        with path.open("ab") as stream:
            stream.write(b"\x00bootkeep-lab: the next build of the same ABI\x00")


def install_salt(root: Path, packages: Path) -> None:
    """Salt's own Python at /opt/salt, as a bundle would bring it: an environment of Debian's interpreter."""
    checked(in_chroot(root, ["python3", "-m", "venv", "--without-pip", "/opt/salt"]), "making Salt's environment")
    site = next(iter((root / "opt/salt/lib").glob("python3.*"))) / "site-packages"
    shutil.copytree(packages, site, dirs_exist_ok=True, symlinks=True)
    for name, module in (("salt-call", "salt_call"), ("salt-minion", "salt_minion")):
        script = root / "opt/salt/bin" / name
        script.write_text(
            f"#!/opt/salt/bin/python3\nimport sys\nfrom salt.scripts import {module}\nsys.exit({module}())\n",
            encoding="utf-8",
        )
        script.chmod(0o755)
        link = root / "usr/bin" / name
        link.symlink_to(f"/opt/salt/bin/{name}")


def _settings(root: Path) -> None:
    """What the administrator of this host did before bootkeep came: fstab, hardened sshd, sources, Salt's configuration."""
    files = {
        "etc/fstab": f"UUID={ROOT_UUID} / ext4 errors=remount-ro 0 1\n",
        "etc/apt/sources.list": "".join(
            f"deb [trusted=yes] file:/srv/archive/{name} ./\n" for name in ("base", "updates", "security")
        ),
        "etc/apt/apt.conf.d/52lab": (
            'Unattended-Upgrade::Origins-Pattern { "origin=bootkeep-lab,label=security"; };\n'
            # apt gives dpkg its own PATH, without /usr/local: see _NOT_A_CONTAINER.
            'DPkg::Path "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";\n'
            'APT::Periodic::Unattended-Upgrade "0";\nAPT::Periodic::Update-Package-Lists "0";\n'
        ),
        "etc/salt/minion": (
            "id: web01\nfile_client: local\nmaster_type: disable\n"
            "file_roots: {base: [/srv/bootkeep/salt]}\npillar_roots: {base: [/srv/bootkeep/pillar]}\n"
        ),
        "etc/initramfs-tools/conf.d/resume": "RESUME=none\n",
        "usr/local/sbin/lab-proof": PROOF_SCRIPT,
        "usr/local/bin/systemd-detect-virt": _NOT_A_CONTAINER,
        "etc/systemd/system/lab-proof.service": PROOF_UNIT,
        # A server: menu and kernel messages on the serial line too.
        "etc/default/grub": (
            "GRUB_DEFAULT=0\nGRUB_TIMEOUT=5\nGRUB_DISTRIBUTOR=Debian\nGRUB_CMDLINE_LINUX_DEFAULT=\n"
            'GRUB_CMDLINE_LINUX="console=tty0 console=ttyS0,115200"\n'
            'GRUB_TERMINAL="console serial"\nGRUB_SERIAL_COMMAND="serial --speed=115200"\n'
        ),
    }
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name in ("usr/local/sbin/lab-proof", "usr/local/bin/systemd-detect-virt"):
        (root / name).chmod(0o755)
    checked(in_chroot(root, ["systemctl", "enable", "lab-proof.service"]), "enabling the proof")
    config = root / "etc/ssh/sshd_config"
    hardened = "PermitRootLogin no\nPasswordAuthentication no\n# hardened by hand, 2024-03-02, see change 4711\n"
    config.write_text(hardened + config.read_text(encoding="utf-8"), encoding="utf-8")
    (root / "etc/resolv.conf").unlink(missing_ok=True)
    (root / "etc/resolv.conf").write_text("", encoding="utf-8")
    answers = (
        "exim4-config exim4/dc_eximconfig_configtype select internet site; mail is sent and received directly using SMTP\n"
        "exim4-config exim4/dc_local_interfaces string \n"
        f"grub-pc grub-pc/install_devices multiselect /dev/disk/by-id/{DISK_LINK}\n"
    )
    (root / "srv/answers").write_text(answers, encoding="utf-8")
    checked(in_chroot(root, ["debconf-set-selections", "/srv/answers"]), "preseeding debconf")
    (root / "srv/answers").unlink()
    checked(in_chroot(root, ["apt-get", "-q", "update"]), "apt-get update")
    for deb in (root / "var/cache/apt/archives").glob("*.deb"):
        deb.unlink()


def _disk(root: Path, disk: Path) -> None:
    install = "grub-install --target=i386-pc $LAB_DISK && update-grub"
    make_disk(root, disk, size_bytes=DISK_BYTES, uuid=ROOT_UUID, script=install)
