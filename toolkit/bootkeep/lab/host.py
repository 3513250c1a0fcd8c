"""A disposable host: a copy of the image, booted with systemd as PID 1, and thrown away.

It has its own process, mount, network (loopback only), IPC and host name; its disk is a loop device that only it sees
mounted. Whatever ends this program ends the host: its outer process dies with ours, the mount with the namespace, and the
loop device detaches itself when nobody uses it any more.

What is not real here, and is said in the reports' support table: the kernel that runs is this machine's. So that the host
looks booted into one of its own kernels, three files of /proc (osrelease, version, cmdline) show what they would show then.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bootkeep.edges.run import SAFE_PATH, Completed, run
from bootkeep.lab.bootable import DISK_LINK
from bootkeep.lab.chroot import LabError, checked
from bootkeep.lab.disk import Loop, attach
from bootkeep.lab.image import ROOT_UUID, Image

_BOOT = """
set -eu
device=$1 root=$2 loop=$3; shift 3
mount "$device" "$root"
# From here on the device detaches itself with the last user: nothing stays attached even after kill -9.
losetup -d "$loop"
# 133: the host wants to start again (systemd-nspawn with --keep-unit leaves that to its caller).
while :; do
    code=0; systemd-nspawn "$@" || code=$?
    [ "$code" = 133 ] || exit "$code"
done
"""
#: Shows the host what a boot of its own kernel would show, also after it has started again by itself.
_SHOWN_UNIT = """[Unit]
Description=What a boot of this host's own kernel shows
ConditionVirtualization=container
DefaultDependencies=no
After=systemd-remount-fs.service
Before=sysinit.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /srv/booted/show

[Install]
WantedBy=sysinit.target
"""


class DisposableHost:
    """One running host. Made by :func:`disposable_host`."""

    def __init__(self, process: subprocess.Popen[bytes], leader: int, loop: Loop, log: Path) -> None:
        self._process = process
        self.leader = leader  # PID of the host's init, as this machine numbers it
        self.loop = loop
        self.log = log

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout_s: float = 300.0,
        environment: Mapping[str, str] | None = None,
        directory: str = "/root",
    ) -> Completed:
        """Run a command in the host as root; exit codes are values."""
        entered = ["nsenter", "-t", str(self.leader), "-m", "-p", "-u", "-i", "-n", "-C", "-r", f"--wdns={directory}"]
        extra = {"DEBIAN_FRONTEND": "noninteractive", "HOME": "/root", **(environment or {})}
        return run([*entered, "--", *argv], timeout_s=timeout_s, environment=extra)

    def must(
        self, argv: Sequence[str], *, timeout_s: float = 300.0, environment: Mapping[str, str] | None = None
    ) -> str:
        """Run a command that has to succeed and give its standard output."""
        done = self.run(argv, timeout_s=timeout_s, environment=environment)
        return checked(done, f"in the host: {' '.join(argv)[:80]}").stdout

    def path(self, path: str) -> Path:
        """A path of the host as this machine reaches it."""
        return Path(f"/proc/{self.leader}/root") / path.lstrip("/")

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """Write a file in the host."""
        target = self.path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(mode)

    def start_again(self) -> None:
        """Have it start again by its own ``reboot``: another boot id, the same disk, the same kernel shown. Raises LabError."""
        before = self.leader
        self.run(["systemctl", "reboot"], timeout_s=30)
        until = time.monotonic() + 90
        while Path(f"/proc/{before}").exists() and time.monotonic() < until:
            time.sleep(0.1)
        if Path(f"/proc/{before}").exists():
            raise LabError("the host did not go down", where=str(self.log), next_step="Read its console log.")
        self.leader = _wait_for_leader(self._process, self.log)
        _wait_until_up(self)

    def stop(self) -> None:
        """Power the host off; kill what does not go."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.leader, signal.SIGRTMIN + 4)  # systemd(1): poweroff.target
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(10)


@contextmanager
def disposable_host(
    image: Image,
    *,
    work: Path,
    binds: Mapping[str, Path],
    running: str = "",
    keep: Path | None = None,
    name: str = "web01",
    own_network: bool = True,
) -> Iterator[DisposableHost]:
    """Boot a copy of the image for the body of a ``with``.

    ``binds`` maps paths in the host to folders of this machine, read-only. ``running`` is the kernel release that the host
    shall look booted into; the newer installed one when empty. The copy, its mounts and its processes are gone afterwards;
    only where ``keep`` says so the disk is moved there once the host has powered off, to be booted for real. Without
    ``own_network`` it shares that of this process, which must be one of its own (lab.fleet_demo).
    """
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work, prefix="host-") as folder:
        disk = Path(folder) / "disk.img"
        checked(
            run(["cp", "--sparse=always", "--reflink=auto", image.path, str(disk)], timeout_s=300), "copying the disk"
        )
        network = ("--private-network",) if own_network else ()
        host = _boot(disk, Path(folder), binds, (*network, f"--machine={name}"))
        try:
            _pretend_booted(host, running or image.kernels[1])
            yield host
        finally:
            host.stop()
            _remove_control_groups()
        if keep is not None:
            # It may be another file system: copied there with its holes, as an image takes a tenth of its size.
            checked(
                run(["cp", "--sparse=always", "--reflink=auto", str(disk), str(keep)], timeout_s=300),
                "keeping the disk",
            )
            disk.unlink()


def _boot(disk: Path, folder: Path, binds: Mapping[str, Path], options: Sequence[str]) -> DisposableHost:
    root = folder / "root"
    root.mkdir()
    loop = attach(disk)
    log = folder / "console.log"
    nspawn = [
        *("--quiet", "--register=no", "--keep-unit", "--boot", "--console=pipe", f"--directory={root}"),
        *(*options, "--kill-signal=SIGRTMIN+4", "--link-journal=no", "--resolv-conf=off"),
        *("--timezone=off", "--capability=CAP_SYS_ADMIN,CAP_MKNOD,CAP_SYS_RAWIO"),
        *(f"--bind={node}" for node in loop.nodes.split()),
        *(f"--property=DeviceAllow={node} rw" for node in loop.nodes.split()),
        *(f"--bind-ro={outer}:{inner}" for inner, outer in binds.items()),
    ]
    # setpriv: unshare dies with this process, also when that is killed. Its child is the first process of a PID namespace
    # and dies with it, and so the kernel ends everything in there: nspawn alone would leave the host's init running.
    argv = [
        *("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
        *("--propagation", "private", "sh", "-c", _BOOT, "boot", loop.partition(2), str(root), loop.path, *nspawn),
    ]
    with log.open("wb") as stream:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={"PATH": SAFE_PATH, "LC_ALL": "C", "SYSTEMD_NSPAWN_LOCK": "0"},
        )
    try:
        leader = _wait_for_leader(process, log)
        host = DisposableHost(process, leader, loop, log)
        _wait_until_up(host)
    except BaseException:
        process.kill()
        process.wait(10)
        run(["losetup", "-d", loop.path], timeout_s=10)
        raise
    return host


def _wait_for_leader(process: subprocess.Popen[bytes], log: Path) -> int:
    """The host's init: the child of nspawn, which is a descendant of the process that we started."""
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        generation = [process.pid]
        while generation:
            found = [pid for pid in generation if _command_name(pid) == "systemd"]
            if found:
                return found[0]
            generation = [child for pid in generation for child in _children(pid)]
        time.sleep(0.05)
    said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
    raise LabError(f"the host did not start\n{said}", where="systemd-nspawn", next_step="Read the lines above.")


def _command_name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:  # it ended
        return ""


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except OSError:
        return []


def _wait_until_up(host: DisposableHost) -> None:
    until = time.monotonic() + 60
    state = ""
    while time.monotonic() < until:
        state = host.run(["systemctl", "is-system-running"], timeout_s=20).stdout.strip()
        if state in {"running", "degraded"}:
            return
        time.sleep(0.2)
    raise LabError(f"the host did not come up: {state}", where=str(host.log), next_step="Read its console log.")


def _pretend_booted(host: DisposableHost, release: str) -> None:
    """Show in /proc and /dev what a boot of this kernel shows, now and after each start of the host.

    The texts of /proc come from the kernel's image and its boot entry; the links in /dev are those that udev would have made
    (no udev runs in a container).
    """
    image = host.path(f"/boot/vmlinuz-{release}").read_bytes()
    built = re.search(rb"%s \([^\0]*#1 SMP[^\0]*" % re.escape(release.encode()), image)
    if built is None:
        raise LabError(
            "no version text in the kernel image", where=f"/boot/vmlinuz-{release}", next_step="Rebuild the image."
        )
    texts = {
        "/proc/sys/kernel/osrelease": release,
        "/proc/version": f"Linux version {built.group().decode('ascii', 'replace')}",
        "/proc/cmdline": _command_line(host, release),
    }
    lines = ["set -eu"]
    for link in host.loop.links(ROOT_UUID, 2, DISK_LINK).split():
        name, target = link.split("=")
        lines.append(f'mkdir -p "/dev/$(dirname {name})"; ln -sf "{target}" "/dev/{name}"')
    for path, text in texts.items():
        source = f"/srv/booted{path.replace('/', '-')}"
        host.write(source, text + "\n", mode=0o444)
        lines.append(f"mount --bind {source} {path}")
    host.write("/srv/booted/show", "\n".join(lines) + "\n")
    host.write("/etc/systemd/system/lab-booted.service", _SHOWN_UNIT)
    host.must(["systemctl", "daemon-reload"])
    host.must(["systemctl", "enable", "--now", "lab-booted.service"])


def _command_line(host: DisposableHost, release: str) -> str:
    """The kernel's command line as GRUB's menu, or an entry of the Boot Loader Specification, gives it."""
    menu = host.path("/boot/grub/grub.cfg").read_text(encoding="utf-8")
    line = re.search(rf"(?m)^\s*linux\s+(/boot/vmlinuz-{re.escape(release)})\s+(.*?)\s*$", menu)
    if line is not None:
        return f"BOOT_IMAGE={line.group(1)} {line.group(2)}"
    for entry in host.path("/boot/loader/entries").glob(f"*-{release}.conf"):
        fields = dict(line.split(maxsplit=1) for line in entry.read_text(encoding="utf-8").splitlines() if " " in line)
        return f"BOOT_IMAGE=(hd0,gpt2){fields['linux']} {fields['options']}"
    raise LabError(f"no boot entry for {release}", where="/boot", next_step="Rebuild the image.")


def _remove_control_groups() -> None:
    """nspawn leaves its two empty control groups behind; this machine is left as it was."""
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        number, names, path = line.split(":", 2)
        mount = "systemd" if names == "name=systemd" else "unified" if number == "0" else ""
        bases = [Path("/sys/fs/cgroup") / mount] if mount else []
        if number == "0":
            bases.append(Path("/sys/fs/cgroup"))
        for base in bases:
            for name in ("payload", "supervisor"):
                _remove_tree_of_groups(base / path.lstrip("/") / name)


def _remove_tree_of_groups(folder: Path) -> None:
    if not folder.is_dir():
        return
    for inner in sorted((entry for entry in folder.rglob("*") if entry.is_dir()), key=lambda entry: -len(entry.parts)):
        with contextlib.suppress(OSError):
            inner.rmdir()
    with contextlib.suppress(OSError):
        folder.rmdir()
