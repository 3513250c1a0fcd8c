"""From what a session left to the folders of this suite: three files a machine, with what had to be composed laid over."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bootkeep.facts.codec import from_json, to_plain
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.flows.check import check_readings
from machines._vm.stack import NEW, Break, Stack
from machines._vm.stories import STACKS
from machines.meant import MEANT, written

MACHINES = Path(__file__).resolve().parents[1]
TAKEN_AT = "2026-11-25T18:00:00Z"
_DMI = {
    "bios": "Standard PC (i440FX + PIIX, 1996)\n",
    "uefi": "Standard PC (Q35 + ICH9, 2009)\n",
    "secure": "Standard PC (Q35 + ICH9, 2009)\n",
}
#: What shim 16.1 wrote into OVMF's variable when a machine with Microsoft's keys was started by it.
_SBAT_LEVEL = "sbat,1,2025021800\nshim,4\ngrub,5\n"
_SETUP = {"number": "0000", "label": "UiApp", "active": True, "partition": "", "loader": ""}


def keep(name: str, folder: Path) -> None:
    """Write the machines of one stack, and say what was found on each."""
    stack = STACKS[name]
    taken: list[tuple[str, Break | None]] = [(f"healthy-{name}" if stack.healthy else name, None)]
    taken += [(each.name, each) for each in stack.breaks]
    if stack.rescued:
        taken.append(
            (
                f"rescue-{name}",
                Break("rescue", "Looked at from a rescue shell, by --root; udev has no database there.", ""),
            )
        )
    for machine, broken in taken:
        source = folder / f"{broken.name if broken else 'healthy'}.json"
        if source.exists() and source.stat().st_size:
            print(write(machine, name, stack, broken, source), flush=True)
        else:
            print(f"{machine}: not recorded", flush=True)


def write(machine: str, name: str, stack: Stack, broken: Break | None, source: Path) -> str:
    """One folder. ``expected.json`` is a draft of what was found: read it before committing."""
    answers = dict(from_json(Readings, source.read_bytes(), where=str(source)).answers)
    outside = broken is not None and broken.name == "rescue"
    composed = {} if stack.booted or outside else surroundings(answers, stack)
    answers = {
        key: Reading(each.status, _named(key, each.text), each.exit_code, _devices(each.detail))
        for key, each in answers.items()
    }
    answers = {_devices(key): reading for key, reading in answers.items() if key not in composed} | composed
    answers.pop("file:/sys/class/dmi/id/product_serial", None)
    if not stack.booted:
        answers = {key: _with_serials(key, reading, stack) for key, reading in answers.items()}
    readings = Readings(answers)
    folder = MACHINES / machine
    folder.mkdir(exist_ok=True)
    (folder / "readings.json").write_text(json.dumps(to_plain(readings), indent=0, sort_keys=True) + "\n")
    verdict = check_readings(readings, Policy(), taken_at=TAKEN_AT).verdict
    found = [{"id": f.id, "severity": f.severity.value, "subject": f.subject} for f in verdict.findings]
    expected = {"judgement": verdict.judgement.value, "findings": found}
    (folder / "expected.json").write_text(json.dumps(expected, indent=2) + "\n")
    (folder / "README.md").write_text(_readme(machine, name, stack, broken, sorted(composed)))
    return (
        f"{machine}: {verdict.judgement.value} {[f'{f.id} {f.severity.value} {f.subject}' for f in verdict.findings]}"
    )


def _readme(machine: str, name: str, stack: Stack, broken: Break | None, composed: list[str]) -> str:
    story = f"{broken.story} {stack.story}" if broken else stack.story
    lines = [f"# {machine}", "", story, ""]
    if broken and broken.do:
        lines += ["What was done to it, in the running system:", "", "```sh", *broken.do.split("; "), "```", ""]
    packages = ", ".join(stack.packages)
    how = (
        "booted in QEMU (emulated) by its own firmware and boot loader, and read there by bootkeep"
        if stack.booted
        else "read by bootkeep from inside, in User-mode Linux: a real kernel with real device mapper, md and file systems"
    )
    lines += [
        f"Debian ({stack.suite}) with {packages}; disks made by `_vm/layouts/{stack.layout}.sh`; {how}.",
        f"Made again with `python3 tests/machines/_vm/stacks.py --work DIR make {name}`"
        + (f" and `... record {name}`." if stack.booted else "."),
        "",
    ]
    if composed:
        lines += [
            "Only the kernel's own lists call its disks ubda: vda is put there, and their serial numbers. Composed, because it is",
            "none of the installed ones and has neither PCI nor a network card"
            + (" nor a firmware:" if stack.firmware != "bios" else ":"),
            "",
            *(f"* `{key}`" for key in composed),
            "",
        ]
    lines += ["Shortened: dpkg's status to four fields, modules.builtin to disk drivers, debconf to grub-pc's answer."]
    text = "\n".join(lines) + "\n"
    return written(text, MEANT[machine]) if machine in MEANT else text


def _with_serials(key: str, reading: Reading, stack: Stack) -> Reading:
    """The disks' serial numbers, as the links in /dev/disk/by-id have them: that kernel's disks have no place for one."""
    if not key.startswith("command:lsblk") or not reading.text:
        return reading
    tree = json.loads(reading.text)
    serials = {f"vd{chr(97 + number)}": serial for number, serial in enumerate(stack.disks)}
    tree["blockdevices"] = [{**row, "serial": serials.get(row["name"], row["serial"])} for row in tree["blockdevices"]]
    return Reading(reading.status, json.dumps(tree), reading.exit_code, reading.detail)


def _devices(text: str) -> str:
    """User-mode Linux's names for disks, as virtio has them."""
    return re.sub(r"\bubd(?=[a-h]\d*\b)", "vd", text)


def _named(key: str, text: str) -> str:
    text = _devices(text)
    if key == "file:/var/lib/dpkg/status":
        wanted = ("Package:", "Status:", "Architecture:", "Version:")
        paragraphs = (p for p in text.split("\n\n") if p.strip())
        return "\n\n".join("\n".join(w for w in p.splitlines() if w.startswith(wanted)) for p in paragraphs) + "\n"
    if key == "file:/var/cache/debconf/config.dat":
        return "\n\n".join(p for p in text.split("\n\n") if "Name: grub-pc/install_devices\n" in p) + "\n"
    if key.endswith("/modules.builtin"):
        wanted_drivers = r"ext4|virtio|nvme|ahci|vfat|xfs|btrfs|loop|raid|dm-|md"
        return "".join(f"{w}\n" for w in text.splitlines() if re.search(wanted_drivers, w))
    if key == "file:/proc/self/mountinfo":
        return "".join(f"{line}\n" for line in text.splitlines() if " - hostfs " not in line)
    if key.startswith("command:lsblk"):
        tree = json.loads(text)
        tree["blockdevices"] = [row for row in tree["blockdevices"] if not row["name"].startswith(("loop", "sr", "fd"))]
        return json.dumps(tree)
    return text


def surroundings(answers: dict[str, Reading], stack: Stack) -> dict[str, Reading]:
    """What User-mode Linux cannot answer about the machine that it stands for."""
    release, version = _kernel(answers)
    arguments = next(
        (line.split(None, 2)[2] for line in _text(answers, "file:/boot/grub/grub.cfg").splitlines() if _boots(line)), ""
    )
    arguments = arguments or f"root=UUID={_root_uuid(answers)} ro console=ttyS0,115200"
    drivers = json.loads(_text(answers, "native:root-drivers"))
    own = [name for name in drivers["modules"] if not name.startswith("ubd")]
    composed = {
        "file:/proc/sys/kernel/osrelease": f"{release}\n",
        "file:/proc/version": f"Linux version {version}\n",
        "file:/proc/cmdline": f"BOOT_IMAGE=/boot/vmlinuz-{release} {arguments}\n",
        "file:/proc/modules": "virtio_blk 28672 2 - Live 0x0\nvirtio_net 77824 0 - Live 0x0\n",
        "native:root-drivers": json.dumps({**drivers, "modules": [*own, "virtio_blk", "virtio_pci"]}),
        "native:network-drivers": json.dumps({"cards": {"eth0": "virtio_net"}, "missing": {}}),
        "file:/sys/class/dmi/id/sys_vendor": "QEMU\n",
        "file:/sys/class/dmi/id/product_name": _DMI[stack.firmware],
    }
    if stack.firmware != "bios":
        loader = (
            "\\EFI\\debian\\shimx64.efi" if "shim-signed" in stack.packages else "\\EFI\\systemd\\systemd-bootx64.efi"
        )
        label = "debian" if "shim-signed" in stack.packages else "Linux Boot Manager"
        entry = {**_SETUP, "number": "0001", "label": label, "loader": loader, "partition": _first_partition(answers)}
        composed |= {
            "listing:/sys/firmware/efi/*": json.dumps([{"path": "/sys/firmware/efi/efivars", "type": "dir"}]),
            "native:efi-variables": json.dumps(
                {"order": ["0001", "0000"], "next": "", "current": "0001", "entries": [_SETUP, entry]}
            ),
            "native:secure-boot": "true" if stack.firmware == "secure" else "false",
        }
        if stack.firmware == "secure":
            composed["native:sbat-level"] = _SBAT_LEVEL
    return {key: Reading(Status.OK, text) for key, text in composed.items()}


def _boots(line: str) -> bool:
    return line.strip().startswith("linux") and "vmlinuz" in line


def _kernel(answers: dict[str, Reading]) -> tuple[str, str]:
    """The newest kernel that is there, and what its header says of itself: that one is taken to be running."""
    rows = json.loads(_text(answers, "native:kernel-images") or "[]")
    named = {row["path"]: str(row.get("version") or "") for row in rows}
    for path in sorted(named, reverse=True):
        if named[path].count(" ") >= 2:
            release, builder, build = named[path].split(" ", 2)
            return release, f"{release} {builder} (gcc-12 (Debian 12.2.0-14) 12.2.0) {build}"
    return NEW, f"{NEW} (debian-kernel@lists.debian.org) (gcc-12) #1 SMP PREEMPT_DYNAMIC Debian"


def _text(answers: dict[str, Reading], key: str) -> str:
    reading = answers.get(key)
    return reading.text if reading is not None else ""


def _tree(answers: dict[str, Reading]) -> list[dict[str, str]]:
    text = next((reading.text for key, reading in answers.items() if key.startswith("command:lsblk")), "")
    waiting = list(json.loads(text)["blockdevices"]) if text else []
    found = []
    while waiting:
        found.append(waiting.pop(0))
        waiting += found[-1].get("children", [])
    return found


def _root_uuid(answers: dict[str, Reading]) -> str:
    return next((row["uuid"] for row in _tree(answers) if "/" in (row.get("mountpoints") or ())), "")


def _first_partition(answers: dict[str, Reading]) -> str:
    return next((row["partuuid"] for row in _tree(answers) if row["name"] in ("ubda1", "vda1")), "")
