"""Makes and records machines in virtual machines: real disks, real layers, their own firmware and boot loader.

    python3 tests/machines/_vm/stacks.py --work DIR make NAME ...     the disks, in User-mode Linux: md, device mapper, vfat
    python3 tests/machines/_vm/stacks.py --work DIR record NAME ...   boots them in QEMU by their own boot loader and reads them

Needs root, a network, and user-mode-linux, qemu-system-x86, ovmf, mmdebstrap and e2fsprogs. ``stories.py`` says what each stack
is and what is done to it while it runs: one run gives the healthy machine and every broken one that can be taken back.
Everything is done in ``DIR`` (about 15 GB) and in a mount namespace of its own.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(ROOT / "toolkit"), str(ROOT / "tests")]

from machines._vm.keep import keep  # noqa: E402
from machines._vm.stories import BASE, MAKER, STACKS, Stack  # noqa: E402

UML_MODULES = Path("/usr/lib/uml/modules")
OVMF = Path("/usr/share/OVMF")
PASSPHRASE = "correct horse"


def tool(*argv: str, timeout_s: float = 1500.0, text: str = "") -> str:
    """Run a tool to its good end, or stop with what it said."""
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=timeout_s)  # noqa: TID251
    if done.returncode != 0:
        raise SystemExit(
            f"{' '.join(argv)} ended with {done.returncode}:\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}"
        )
    return done.stdout


def inside(root: Path, command: str) -> str:
    """Run shell in a root."""
    return tool(
        "chroot", str(root), "/usr/bin/env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "/bin/sh", "-ec", command
    )


def sources(suite: str, components: str) -> list[str]:
    """Lines for mmdebstrap."""
    updates = [f"deb http://deb.debian.org/debian {suite}{part} {components}" for part in ("", "-updates")]
    return [*updates, f"deb http://deb.debian.org/debian-security {suite}-security {components}"]


def base(work: Path, suite: str) -> Path:
    """A system that every stack of a suite begins with, made once."""
    root = work / f"base-{suite}"
    if not (root / ".ready").exists():
        shutil.rmtree(root, ignore_errors=True)
        excluded = [f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man")]
        tool(
            *("mmdebstrap", "--variant=minbase", '--aptopt=APT::Install-Recommends "false"', "--mode=root"),
            *(f"--include={','.join(BASE[suite])}", *excluded, '--setup-hook=mkdir -p "$1/etc"; : > "$1/etc/fstab"'),
            *(f'--customize-hook=sh {HERE / "customize.sh"} "$1"', suite, str(root)),
            *sources(suite, "main contrib non-free-firmware"),
        )
        (root / ".ready").touch()
    return root


def overlay(lower: Path, work: Path, name: str) -> Path:
    """A writable view of a root; the changes of an earlier run are dropped."""
    shutil.rmtree(work / name, ignore_errors=True)
    for part in ("upper", "work", "root"):
        (work / name / part).mkdir(parents=True)
    place = work / name
    tool(
        "mount",
        "-t",
        "overlay",
        "overlay",
        "-o",
        f"lowerdir={lower},upperdir={place}/upper,workdir={place}/work",
        f"{place}/root",
    )
    return place / "root"


def install(root: Path, work: Path, packages: tuple[str, ...]) -> None:
    """Packages into a root, from a cache of archives that all stacks share; images of the initramfs are left for later."""
    if not packages:
        return
    debs = work / "debs"
    debs.mkdir(exist_ok=True)
    with (work / "debs.lock").open("w") as lock:  # apt takes its own lock there, and does not wait
        fcntl.flock(lock, fcntl.LOCK_EX)
        _install(root, debs, packages)


def _install(root: Path, debs: Path, packages: tuple[str, ...]) -> None:
    for source, place in ((debs, "var/cache/apt/archives"), (Path("/proc"), "proc"), (Path("/sys"), "sys")):
        tool("mount", "--bind", str(source), str(root / place))
    for name in ("null", "zero", "urandom", "random", "full", "tty"):
        if not (root / "dev" / name).exists():
            tool("cp", "-a", f"/dev/{name}", str(root / "dev" / name))
    later = root / "etc/initramfs-tools/update-initramfs.conf"
    before = later.read_text() if later.exists() else ""
    if before:
        later.write_text("update_initramfs=no\nbackup_initramfs=no\n")
    inside(root, f"apt-get -q update; apt-get -q -y --no-install-recommends install {' '.join(packages)}")
    if before and later.parent.is_dir():
        later.write_text(before)
    for target in ("var/cache/apt/archives", "proc", "sys"):
        tool("umount", str(root / target))
    inside(root, "rm -rf /var/lib/apt/lists/* /var/log/*.log")


def maker(work: Path) -> Path:
    """The root that User-mode Linux runs: the tools of every layer, and its modules."""
    root = work / "maker"
    if not (root / ".made").exists():
        shutil.rmtree(root, ignore_errors=True)
        tool("cp", "-a", str(base(work, "bookworm")), str(root))
        install(root, work, MAKER)
        tool("cp", "-a", *map(str, UML_MODULES.iterdir()), str(root / "usr/lib/modules/"))
        (root / "src").mkdir()
        (root / "target").mkdir()
        (root / ".made").touch()
    return root


def make(name: str, work: Path) -> None:
    """The disks of a stack."""
    stack = STACKS[name]
    source = overlay(base(work, stack.suite), work, name)
    try:
        install(source, work, stack.packages)
        inside_native(source, stack)
        disks = []
        for serial, megabytes in stack.disks.items():
            image = work / name / f"{serial}.img"
            with image.open("wb") as stream:
                stream.truncate(megabytes << 20)
            disks.append(image)
        root = maker(work)
        script = root / f"make-{name}.sh"
        links = "\n".join(
            f"ln -s ../../vd{chr(97 + number)} /dev/disk/by-id/virtio-{serial}"
            for number, serial in enumerate(stack.disks)
        )
        common, own = (HERE / "uml_common.sh").read_text(), stack.script()
        brought = carrier_folder(work, stack, name)
        script.write_text(
            f"SRC={source}\n{common}\n{links}\nEXTRA='{stack.arguments}'\n{own}\n{_session(stack, brought)}"
        )
        log = work / name / "make.log"
        started = time.monotonic()
        with log.open("wb") as stream:
            argv = ["linux.uml", "mem=1536M", "root=/dev/root", "rootfstype=hostfs", f"rootflags={root}", "rw"]
            argv += [f"ubd{chr(97 + number)}={image}" for number, image in enumerate(disks)]
            argv += ["init=/bin/sh", "con=null", "con0=null,fd:1", "quiet", "--", f"/make-{name}.sh"]
            subprocess.run(  # noqa: TID251 - it has the terminal of nobody
                argv, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, timeout=1500, start_new_session=True
            )
        if b"\nMADE" not in log.read_bytes().replace(b"\r", b""):
            raise SystemExit(f"{name} was not made: {log}")
        print(f"{name}: made in {time.monotonic() - started:.0f} s", flush=True)
        if not stack.booted:
            for path in (brought / "out").glob("*.json"):
                shutil.copy(path, work / name / path.name)
            keep(name, work / name)
    finally:
        tool("umount", str(source))


def _session(stack: Stack, brought: Path) -> str:
    """What is read there and then; nothing of a machine that will be booted."""
    lines = [] if stack.booted else [f"session {brought}"]
    for each in stack.breaks:
        if each.outside:
            lines += ["umount -R /target", each.do, f"session_only {brought} {each.name}"]
    return "\n".join([*lines, "sync", "umount -R /target", "echo MADE", ""])


def inside_native(source: Path, stack: Stack) -> None:
    """What is quicker on the host than in User-mode Linux and the same there: DKMS builds, images that name no device."""
    if not stack.native:
        return
    for name in ("proc", "sys"):
        tool("mount", "--bind", f"/{name}", str(source / name))
    try:
        inside(source, stack.native)
    finally:
        for name in ("proc", "sys"):
            tool("umount", str(source / name))


def carrier_folder(work: Path, stack: Stack, name: str) -> Path:
    """What the session needs: bootkeep, and what is to be done."""
    folder = work / name / "carrier"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "toolkit", folder / "toolkit", ignore=shutil.ignore_patterns("__pycache__"))
    tool("python3.11", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", str(folder / "toolkit"))
    for script in ("run.sh", "session.py"):
        shutil.copy(HERE / script, folder / script)
    for extra in stack.brings:
        shutil.copy(work / extra, folder / Path(extra).name)
    (folder / "session.json").write_text(
        json.dumps([stack.prepare, [[each.name, each.do, each.undo] for each in stack.breaks if not each.outside]])
    )
    (folder / "out").mkdir()
    return folder


def carrier(work: Path, stack: Stack, name: str) -> Path:
    """The disk that brings the session into the machine, and takes the readings out."""
    folder, image = carrier_folder(work, stack, name), work / name / "carrier.img"
    image.unlink(missing_ok=True)
    with image.open("wb") as stream:
        stream.truncate((64 + sum((work / extra).stat().st_size for extra in stack.brings) // 1_000_000) << 20)
    tool("mkfs.ext4", "-q", "-F", "-L", "bkdisk", "-d", str(folder), str(image))
    return image


def machine(work: Path, stack: Stack, name: str, bring: Path) -> list[str]:
    """QEMU's command line: emulated, writes to the disks are thrown away (``snapshot=on``), those to the carrier are not."""
    argv = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "Haswell-v4", "-m", "1536", "-smp", "2"]
    argv += ["-display", "none", "-serial", "stdio", "-monitor", "none"]
    argv += ["-nic", "user,model=virtio-net-pci"]
    if stack.firmware == "bios":
        argv += ["-machine", "pc"]
    else:
        secure = stack.firmware == "secure"
        variables = work / name / "vars.fd"
        shutil.copy(OVMF / ("OVMF_VARS_4M.ms.fd" if secure else "OVMF_VARS_4M.fd"), variables)
        code = OVMF / ("OVMF_CODE_4M.secboot.fd" if secure else "OVMF_CODE_4M.fd")
        argv += ["-machine", "q35,smm=on" if secure else "q35"]
        argv += ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={code}"]
        argv += ["-drive", f"if=pflash,unit=1,format=raw,file={variables}"]
        guard = ["-global", "driver=cfi.pflash01,property=secure,value=on", "-global", "ICH9-LPC.disable_s3=1"]
        argv += guard if secure else []
    for serial in stack.disks if not stack.devices else ():
        argv += ["-drive", f"if=none,id={serial},format=raw,cache=unsafe,snapshot=on,file={work / name / serial}.img"]
        argv += ["-device", f"virtio-blk-pci,drive={serial},serial={serial}"]
    argv += [word.format(folder=work / name) for word in stack.devices]
    argv += ["-drive", f"if=none,id=bk,format=raw,cache=unsafe,file={bring}"]
    return [*argv, "-device", "virtio-blk-pci,drive=bk,serial=bkdisk"]


#: What the machine asks on its console, and what is typed: a prompt of GRUB or of the initramfs for a passphrase.
ASKS = re.compile(rb"(Please unlock disk|Enter passphrase for)[^\n]*:\s*$")


def watch(argv: list[str], log: Path, *, limit_s: float = 1500.0) -> None:
    """Run QEMU until it ends, answer its questions, and keep what it said."""
    started, answered = time.monotonic(), 0
    child = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    assert child.stdin is not None and child.stdout is not None
    said = b""
    try:
        with log.open("wb") as stream:
            while time.monotonic() - started < limit_s:
                ready, _, _ = select.select([child.stdout], [], [], 5.0)
                piece = os.read(child.stdout.fileno(), 65536) if ready else b""
                if ready and not piece:
                    return
                stream.write(piece)
                stream.flush()
                said += piece
                if ASKS.search(said[answered:]):
                    answered = len(said)
                    time.sleep(2)
                    for letter in PASSPHRASE + "\r":  # GRUB's serial line takes sixteen bytes at a time
                        child.stdin.write(letter.encode())
                        child.stdin.flush()
                        time.sleep(0.05)
        raise SystemExit(f"no end after {limit_s:.0f} s: {log}")
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def record(name: str, work: Path) -> None:
    """Boot a stack, read it, and write the folders of its machines."""
    stack = STACKS[name]
    bring = carrier(work, stack, name)
    started = time.monotonic()
    log = work / name / "record.log"
    watch(machine(work, stack, name, bring), log)
    if b"RECORDED" not in log.read_bytes():
        raise SystemExit(f"{name} was not recorded: {log}")
    print(f"{name}: booted and recorded in {time.monotonic() - started:.0f} s", flush=True)
    for each in ("healthy", *(entry.name for entry in stack.breaks)):
        target = work / name / f"{each}.json"
        target.unlink(missing_ok=True)
        tool("debugfs", "-R", f"dump /out/{each}.json {target}", str(bring))
        if not target.exists() or not target.stat().st_size:
            print(f"{name}: {each} left no readings, see {log}", flush=True)
    keep(name, work / name)


def main() -> None:
    """Make or record the named stacks, or all."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    arguments.add_argument("--work", type=Path, required=True)
    arguments.add_argument("what", choices=("make", "record", "keep"))
    arguments.add_argument("names", nargs="*")
    arguments.add_argument("--only", default="", help="of what is done to them only this, comma-separated")
    chosen = arguments.parse_args()
    work = chosen.work.resolve()
    if os.environ.get("BOOTKEEP_RECORD") != "1":  # a mount namespace of our own: nothing of this machine is touched
        os.environ["BOOTKEEP_RECORD"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])
    for name in chosen.names or list(STACKS):
        if chosen.only:
            wanted = chosen.only.split(",")
            STACKS[name] = replace(
                STACKS[name], breaks=tuple(each for each in STACKS[name].breaks if each.name in wanted), rescued=False
            )
        if chosen.what == "make":
            make(name, work)
        elif chosen.what == "record":
            record(name, work)
        else:
            keep(name, work / name)


if __name__ == "__main__":
    main()
