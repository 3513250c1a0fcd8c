"""Records the machines of this folder again: real roots, real kernels, a real update-grub, on a real partitioned disk.

Needs root and a Debian 12 machine with mmdebstrap, e2fsprogs, dosfstools, fdisk and network. It works in private mount
namespaces and in a working directory of its own (``--work``), and detaches exactly the loop devices that it attached:

    python3 tests/machines/record.py --work /var/tmp/machines [NAME ...]

What no chroot can have is composed, the same for all machines, and each README says so: /proc/sys/kernel/osrelease,
/proc/version, /proc/cmdline and /proc/modules (as the installed kernel prints them), the DMI names, the drivers of a virtio
disk, the names of the devices (loop7p1 becomes vda1) and, for UEFI, /sys/firmware/efi and efibootmgr.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOOLKIT = HERE.parents[1] / "toolkit"
sys.path[:0] = [str(TOOLKIT), str(HERE.parent)]

from bootkeep.edges.run import run  # noqa: E402
from bootkeep.facts.codec import from_plain, to_plain  # noqa: E402
from bootkeep.facts.policy import Policy  # noqa: E402
from bootkeep.facts.reading import Reading, Readings, Status  # noqa: E402
from bootkeep.flows.check import check_readings  # noqa: E402
from machines.surroundings import surroundings  # noqa: E402

OLD, MIDDLE, NEW = (f"6.1.0-{abi}-cloud-amd64" for abi in (47, 50, 56))
TAKEN_AT = "2026-11-23T18:00:00Z"
SERIAL = "virtio-bootkeep0"
SOURCES = "\n".join(
    f"deb http://deb.debian.org/{path} main"
    for path in ("debian bookworm", "debian bookworm-updates", "debian-security bookworm-security")
)
PACKAGES = (
    "systemd-sysv,udev,kmod,initramfs-tools,zstd,efibootmgr,e2fsprogs,util-linux,python3-minimal,libpython3-stdlib"
)


@dataclass(frozen=True)
class Machine:
    """One recording: the disk's layout, what is done to it, and what is composed."""

    story: str
    layout: str = "plain"  # plain, boot (own /boot), uefi (ESP)
    kernels: tuple[str, ...] = (OLD, NEW)
    runs: str = NEW
    damage: Callable[[Path], None] | None = None
    composed: dict[str, str] = field(default_factory=dict)


def tool(*argv: str, timeout_s: float = 900.0) -> str:
    """Run a tool to its good end, or stop with what it said."""
    done = run(argv, timeout_s=timeout_s)
    if done.exit_code != 0:
        raise SystemExit(f"{' '.join(argv)} ended with {done.exit_code}:\n{done.stdout[-1500:]}\n{done.stderr[-3000:]}")
    return done.stdout


def inside(root: Path, command: str) -> str:
    """Run one line of shell in the root."""
    return tool("chroot", str(root), "/usr/bin/env", "DEBIAN_FRONTEND=noninteractive", "/bin/sh", "-ec", command)


def base_root(work: Path, kernels: tuple[str, ...], loader: str) -> Path:
    """A Debian root with these kernels, made once a set."""
    root = work / ("root-" + loader + "-" + "-".join(kernel.split("-")[1] for kernel in kernels))
    if not (root / ".ready").exists():
        images = ",".join(f"linux-image-{kernel}" for kernel in kernels)
        tool("rm", "-rf", str(root))
        tool(
            *("mmdebstrap", "--variant=minbase", '--aptopt=APT::Install-Recommends "false"', "--mode=root"),
            *(f"--include={PACKAGES},{loader},{images}", "--dpkgopt=path-exclude=/usr/share/doc/*"),
            *("--dpkgopt=path-exclude=/usr/share/locale/*", '--setup-hook=mkdir -p "$1/etc"; : > "$1/etc/fstab"'),
            *("bookworm", str(root), *SOURCES.splitlines()),
        )
        (root / ".ready").touch()
    return root


@contextmanager
def disk(work: Path, layout: str) -> Iterator[tuple[str, dict[str, str]]]:
    """A partitioned disk on a loop device: its name and the partition of each mount point."""
    image = work / "disk.img"
    image.unlink(missing_ok=True)
    with image.open("wb") as stream:
        stream.truncate(3 << 30)
    tables = {
        "plain": ("label: dos\n,,L,*\n", ["/"]),
        "boot": ("label: dos\n,256M,L,*\n,,L\n", ["/boot", "/"]),
        "uefi": ("label: gpt\n,64M,U\n,,L\n", ["/boot/efi", "/"]),
    }
    table, targets = tables[layout]
    done = run(["sfdisk", "-q", str(image)], timeout_s=30, input_text=table)
    if done.exit_code != 0:
        raise SystemExit(done.stderr)
    device = tool("losetup", "-f", "--show", str(image)).strip()
    try:
        tool("partx", "-u", device)  # -u: also when the last user of this number left its partitions behind
        parts = {target: f"{device}p{number}" for number, target in enumerate(targets, start=1)}
        for part in parts.values():
            # The recording kernel may have no vfat: the ESP is ext4 here, and its type is composed.
            tool("mkfs.ext4", "-q", "-F", part)
        yield device, parts
    finally:
        run(["partx", "-d", device], timeout_s=30)
        tool("losetup", "-d", device)
        image.unlink(missing_ok=True)


def uuid_of(part: str) -> str:
    """UUID of the file system on a partition, read from the partition itself."""
    return tool("blkid", "-p", "-s", "UUID", "-o", "value", part).strip()


def populate(root: Path, base: Path, device: str, parts: dict[str, str]) -> None:
    """Mount the disk below ``root``, copy the system, and give it what a running one has: /dev, /proc, /sys, fstab, grub."""
    order = sorted(parts)
    for target in order:
        (root / target.lstrip("/")).mkdir(parents=True, exist_ok=True)
        tool("mount", parts[target], str(root / target.lstrip("/")))
    tool("cp", "-a", f"{base}/.", str(root))
    kinds = {"/boot/efi": "vfat umask=0077 0 1", "/": "ext4 errors=remount-ro 0 1", "/boot": "ext4 defaults 0 2"}
    lines = [f"UUID={uuid_of(parts[target])} {target} {kinds[target]}" for target in order]
    (root / "etc/fstab").write_text("\n".join(lines) + "\n")
    (root / "etc/hostname").write_text("web1\n")
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    tool("mount", "-t", "proc", "proc", str(root / "proc"))
    tool("mount", "-t", "sysfs", "sysfs", str(root / "sys"))
    tool("mount", "-t", "tmpfs", "tmpfs", str(root / "dev"))
    for name in ("null", "zero", "urandom", "random", "full", "tty"):
        tool("cp", "-a", f"/dev/{name}", str(root / "dev" / name))
    for path in (device, *parts.values()):
        tool("cp", "-a", path, str(root / path.lstrip("/")))
    for folder in ("by-uuid", "by-id"):
        (root / "dev/disk" / folder).mkdir(parents=True)
    for part in parts.values():
        (root / "dev/disk/by-uuid" / uuid_of(part)).symlink_to(f"../..{part.removeprefix('/dev')}")
    (root / "dev/disk/by-id" / SERIAL).symlink_to(f"../..{device.removeprefix('/dev')}")
    (root / "bk").mkdir()
    tool("mount", "--bind", str(TOOLKIT), str(root / "bk"))
    inside(
        root, f"echo 'grub-pc grub-pc/install_devices multiselect /dev/disk/by-id/{SERIAL}' | debconf-set-selections"
    )
    inside(root, "mkdir -p /boot/grub; grub-editenv /boot/grub/grubenv create; update-grub")


COLLECT = """
import sys; sys.path.insert(0, '/bk'); sys.dont_write_bytecode = True
from bootkeep.edges.collect import collect
from bootkeep.edges.host import LiveHost
from bootkeep.facts.codec import to_json
from bootkeep.probes.boot_probes import BOOT_PROBES
print(to_json(collect(LiveHost(), BOOT_PROBES)))
"""


def scrub(readings: dict[str, Reading], device: str, runs: str, root: Path) -> dict[str, Reading]:
    """Compose what a chroot cannot know, and leave out what decides nothing."""
    name = device.removeprefix("/dev/")
    text = (root / f"boot/vmlinuz-{runs}").read_bytes()[: 1 << 16] if (root / f"boot/vmlinuz-{runs}").exists() else b""
    match = re.search(rb"6\.1\.0-[^\0]+", text)
    version = match[0].decode() if match else f"{runs} (debian-kernel@lists.debian.org) #1 SMP PREEMPT_DYNAMIC"
    release, builder, build = version.split(" ", 2)
    uuid = next(line.split()[0] for line in (root / "etc/fstab").read_text().splitlines() if line.split()[1] == "/")
    composed = {
        "file:/proc/sys/kernel/osrelease": f"{release}\n",
        "file:/proc/version": f"Linux version {release} {builder} (gcc-12 (Debian 12.2.0-14) 12.2.0) {build}\n",
        "file:/proc/cmdline": f"BOOT_IMAGE=/boot/vmlinuz-{release} root={uuid} ro console=ttyS0,115200\n",
        "file:/proc/modules": "virtio_blk 28672 2 - Live 0x0\next4 983040 1 - Live 0x0\n",
        "native:root-drivers": json.dumps({"modules": ["ext4", "virtio_blk"], "problem": ""}),
        "file:/sys/class/dmi/id/sys_vendor": "QEMU\n",
        "file:/sys/class/dmi/id/product_name": "Standard PC (i440FX + PIIX, 1996)\n",
    }
    kept: dict[str, Reading] = {}
    for key, reading in readings.items():
        if key == "file:/sys/class/dmi/id/product_serial":
            continue
        plain = composed.get(key, _shorter(key, reading.text, name))
        kept[key] = Reading(reading.status, plain.replace(f"{name}p", "vda").replace(name, "vda"), reading.exit_code)
    for key in composed:
        kept[key] = Reading(Status.OK, composed[key])
    installed = tuple(sorted(path.parent.name for path in (root / "usr/lib/modules").glob("*/modules.dep")))
    return kept | surroundings(kept, installed)


def _shorter(key: str, text: str, name: str) -> str:
    if key == "file:/var/lib/dpkg/status":
        wanted = ("Package:", "Status:", "Architecture:", "Version:")
        paragraphs = (p for p in text.split("\n\n") if p.strip())
        return "\n\n".join("\n".join(w for w in p.splitlines() if w.startswith(wanted)) for p in paragraphs) + "\n"
    if key == "file:/var/cache/debconf/config.dat":
        return "\n\n".join(p for p in text.split("\n\n") if "Name: grub-pc/install_devices\n" in p) + "\n"
    if key.endswith("/modules.builtin"):
        return "".join(f"{w}\n" for w in text.splitlines() if re.search(r"ext4|virtio|nvme|ahci|vfat|xfs|loop", w))
    if key.startswith("command:lsblk"):
        tree = json.loads(text)
        tree["blockdevices"] = [{**row, "type": "disk"} for row in tree["blockdevices"] if row["name"] == name]
        return json.dumps(tree)
    if key == "file:/proc/self/mountinfo":
        return "".join(f"{line}\n" for line in text.splitlines() if " /bk " not in line)
    if key == "listing:/*":
        return json.dumps([row for row in json.loads(text) if row["path"] not in ("/bk", "/.ready")])
    if key.startswith("command:blkid"):
        return "\n\n".join(p for p in text.split("\n\n") if f"/dev/{name}" in p) + "\n"
    return text


def _esp_is_vfat(key: str, reading: Reading) -> Reading:
    if key == "file:/proc/self/mountinfo":
        return Reading(reading.status, re.sub(r"( /boot/efi .* - )ext4", r"\1vfat", reading.text))
    if key.startswith("command:blkid"):
        return Reading(reading.status, re.sub(r"(DEVNAME=/dev/vda1\n(?:.+\n)*?TYPE=)ext4", r"\1vfat", reading.text))
    return reading


def record(name: str, machine: Machine, work: Path) -> None:
    """Make one machine, read it, and write its folder."""
    base = base_root(work, machine.kernels, "grub-efi-amd64" if machine.layout == "uefi" else "grub-pc")
    root = work / "mnt"
    root.mkdir(exist_ok=True)
    with disk(work, machine.layout) as (device, parts):
        try:
            populate(root, base, device, parts)
            if machine.damage:
                machine.damage(root)
            plain = json.loads(tool("chroot", str(root), "/usr/bin/python3", "-c", COLLECT))
            readings = from_plain(Readings, plain, where=name)
            answers = scrub(dict(readings.answers), device, machine.runs, root)
        finally:
            tool("umount", "-R", str(root))
    if machine.layout == "uefi":
        answers = {key: _esp_is_vfat(key, reading) for key, reading in answers.items()}
    for key, text in machine.composed.items():
        answers[key] = Reading(Status.OK, text.replace("ESP-PARTUUID", _esp_partition(answers)))
    write(name, machine, Readings(answers))


def _esp_partition(answers: dict[str, Reading]) -> str:
    """PARTUUID of the first partition, for the firmware's entries."""
    text = "".join(reading.text for key, reading in answers.items() if key.startswith("command:blkid"))
    match = re.search(r"DEVNAME=/dev/vda1\n(?:.+\n)*?PARTUUID=(\S+)", text)
    return match[1] if match else ""


_ESP = " The ESP was an ext4 file system while recording, and is called vfat: the recording kernel had no vfat."


def write(name: str, machine: Machine, readings: Readings) -> None:
    """The three files of a machine's folder. ``expected.json`` is a draft of what was found: read it before committing."""
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    (folder / "readings.json").write_text(json.dumps(to_plain(readings), indent=0, sort_keys=True) + "\n")
    verdict = check_readings(readings, Policy(), taken_at=TAKEN_AT).verdict
    found = [{"id": f.id, "severity": f.severity.value, "subject": f.subject} for f in verdict.findings]
    expected = {"judgement": verdict.judgement.value, "findings": found}
    (folder / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")
    composed = "".join(f"\n* `{key}`" for key in sorted(machine.composed))
    (folder / "README.md").write_text(
        f"# {name}\n\n{machine.story}\n\n"
        f"Debian 12 from mmdebstrap, kernels {', '.join(machine.kernels)}, layout `{machine.layout}` on a partitioned disk, "
        "`update-grub` run in it. Made again with `python3 tests/machines/record.py --work DIR " + name + "`.\n\n"
        "Composed, because a chroot has none of its own: release, version, arguments and modules of the running kernel "
        f"({machine.runs}), DMI names, the drivers of a virtio disk, device names (loop partitions are called vda), and what "
        "`surroundings.py` lays over every recording (network card, first program, boot sector, what lies on the ESP). "
        "Shortened: dpkg's status to four fields, modules.builtin to disk drivers, debconf to grub-pc's answer."
        f"{_ESP if machine.layout == 'uefi' else ''}"
        f"{' Also composed:' + composed if composed else ''}\n"
    )


def main() -> None:
    """Record the named machines, or all."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    arguments.add_argument("--work", type=Path, required=True, help="directory for roots and the disk (about 4 GB)")
    arguments.add_argument("names", nargs="*", help="machines to record; all when none is named")
    chosen = arguments.parse_args()
    if os.environ.get("BOOTKEEP_RECORD") != "1":  # a mount namespace of our own: nothing of this machine is touched
        os.environ["BOOTKEEP_RECORD"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])
    # By this name only: the module that runs is called __main__, and its Machine would be another class.
    from machines.story import MACHINES

    chosen.work.mkdir(parents=True, exist_ok=True)
    for name in chosen.names or MACHINES:
        record(name, MACHINES[name], chosen.work.resolve())
        print(f"{name}: {json.loads((HERE / name / 'expected.json').read_text())}", flush=True)


if __name__ == "__main__":
    main()
