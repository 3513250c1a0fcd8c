"""Facts to compare with, and the sheet to write on."""

from __future__ import annotations

from bootkeep.facts.runbook import Blank, Item, Listing, Section, Table
from bootkeep.facts.typed import plain
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.remedies.toolset import RPM
from bootkeep.runbook.host import HostFacts
from bootkeep.runbook.steps import FACTS, LOG, section

NOT_READ = "could not be read when this was written"


def devices_list(facts: HostFacts) -> Listing:
    """The block devices, each with what does not move: its UUID, a disk's serial number, whole and in a line of its own."""
    title = "Devices: size, type, what it holds, where mounted; below it the UUID, of a disk the serial number"
    devices = facts.state.block_devices
    if isinstance(devices, (Absent, Unknown)):
        return Listing(title, (NOT_READ,))
    lines: list[str] = []
    for d in [d for d in devices if d.kind not in {"loop", "rom"}][:40]:
        mounted = " ".join(m for m in d.mountpoints if m)
        lines.append(plain(f"{d.name}  {_size(d.size_bytes)} {d.kind} {d.file_system} {mounted}"))
        # Two columns further in; a list's lines keep their inner blanks.
        lines += [f"  {plain(d.uuid or d.serial)}"] if d.uuid or d.serial else []
    return Listing(title, tuple(lines))


def facts_pages(facts: HostFacts) -> Section:
    """Devices, fstab, command line, kernels with digests, firmware entries, boot packages."""
    state = facts.state
    items: list[Item] = [devices_list(facts)]
    lines = state.fstab
    if isinstance(lines, (Absent, Unknown)):
        items.append(Listing("/etc/fstab", (NOT_READ,)))
    else:
        shown = [f"{li.spec} {li.target} {li.file_system} {','.join(li.options)} {li.passno}" for li in lines]
        items.append(Listing("/etc/fstab", tuple(plain(line) for line in (*shown, *state.fstab_not_understood))))
    arguments = state.running_arguments
    items.append(
        Listing(
            "Command line it last booted with",
            (NOT_READ if isinstance(arguments, (Absent, Unknown)) else plain(arguments),),
        )
    )
    items += [
        _kernels(facts),
        *_firmware(facts),
        *_packages(facts),
        *_in_hand(facts),
        *_transaction(facts),
        *_tables(facts),
    ]
    return section(FACTS, "Facts of this host", items, new_page=False)


def _kernels(facts: HostFacts) -> Item:
    kernels = facts.state.kernels
    if isinstance(kernels, (Absent, Unknown)):
        return Listing("Kernels", (NOT_READ,))
    lines: list[str] = []
    for kernel in kernels:
        owner = (
            "no package"
            if isinstance(kernel.package, (Absent, Unknown))
            else (f"{kernel.package.name} {kernel.package.version}")
        )
        lines.append(plain(f"{kernel.release}{' (preserved)' if kernel.preserved else ''}: {owner}"))
        files = [kernel.image]
        if not isinstance(kernel.initramfs, (Absent, Unknown)):
            files.append(kernel.initramfs.file)
        for file in files:
            digest = "sha256 not read" if isinstance(file.sha256, (Absent, Unknown)) else file.sha256
            lines.append(plain(f"{file.path} {_size(file.size_bytes)} {digest}"))
    return Listing("Kernels, newest first: package, files, sha256", tuple(lines))


def _firmware(facts: HostFacts) -> list[Item]:
    firmware = facts.state.firmware
    if isinstance(firmware, (Absent, Unknown)) or not isinstance(firmware.entries, tuple) or not firmware.entries:
        return []
    rows = [(plain(e.number), plain(e.label), plain(e.loader)) for e in firmware.entries[:12]]
    order = "Boot order " + plain(",".join(firmware.boot_order))
    return [Table(("Entry", order, "Loader"), tuple(rows), (0, 2, 3))]


def _packages(facts: HostFacts) -> list[Item]:
    packages = facts.state.packages
    if isinstance(packages, (Absent, Unknown)):
        return [Listing("Packages", (NOT_READ,))]
    stems = (
        "grub",
        "shim",
        "linux-image",
        "initramfs-tools",
        *(("kernel", "glibc") if facts.family in RPM else ()),
        "dracut",
        "systemd-boot",
        "lvm2",
        "mdadm",
        "cryptsetup",
        "btrfs-progs",
        "xfsprogs",
        "libc6",
    )
    chosen = [p for p in packages if p.name.startswith(stems) and p.state not in {"config-files", "not-installed"}]
    return [
        Listing("Packages that take part in booting", ("; ".join(plain(f"{p.name} {p.version}") for p in chosen[:40]),))
    ]


def _in_hand(facts: HostFacts) -> list[Item]:
    found = facts.paper.in_hand
    tools = facts.tools
    title = f"Packages in hand, IN TARGET: cd {tools.packages}; sha256sum FILE; compare; {tools.kernel_from_file} FILE"
    if isinstance(found, (Absent, Unknown)):
        return [Listing(title, (NOT_READ,))]
    names = [package.path.removeprefix(f"{tools.packages}/") for package in found[:12]]
    lines = [f"{plain(name)} {plain(package.sha256)}" for name, package in zip(names, found, strict=False)]
    if len(found) > 12:
        lines.append(f"and {len(found) - 12} more there")
    return [Listing(title, tuple(lines) or (f"none: bring the .{tools.suffix} files on a stick, or have a network",))]


def _transaction(facts: HostFacts) -> list[Item]:
    last = facts.paper.last_transaction
    if isinstance(last, (Absent, Unknown)):
        return []
    shown = last.changes[:10]
    more = (
        [f"and {len(last.changes) - len(shown)} more: bootkeep report {last.id}"]
        if len(last.changes) > len(shown)
        else []
    )
    head = f"{last.started_at} {last.outcome}: {last.command}"
    return [Listing("Last package transaction", tuple(plain(text) for text in (head, "; ".join(shown), *more)))]


def _tables(facts: HostFacts) -> list[Item]:
    """Of the disks below /boot and the ESPs: a lost table can be typed in again."""
    tables = facts.paper.partition_tables
    title = "Partition tables (sfdisk -d). To write one back needs the approver"
    if isinstance(tables, (Absent, Unknown)):
        return [Listing(title, (NOT_READ,))]
    lowest = {disk.serial for disk in (*facts.layout.boot_disks, *facts.layout.esp_disks, *facts.layout.root_disks)}
    ours = [table for table in tables if table.disk in lowest] or list(tables)
    return [Listing(f"{title}: disk {plain(table.disk)}", _short(table.lines)) for table in ours[:4]]


def _short(lines: tuple[str, ...]) -> tuple[str, ...]:
    """The head in one line (each part of it is a line for sfdisk), without what sfdisk works out by itself."""
    head = [
        line for line in lines if " : " not in line and not line.startswith(("unit:", "last-lba:", "sector-size: 512"))
    ]
    return tuple(plain(line) for line in (" / ".join(head), *(line for line in lines if " : " in line)))


def log_sheet() -> Section:
    """Empty lines for what happened."""
    return section(
        LOG,
        "Log sheet",
        (
            Table(
                ("Time", "Step", "What the screen showed, what was done", "Initials"),
                tuple(("", "", "", "") for _ in range(6)),
                (2, 2, 10, 2),
            ),
            Blank("Got up at (time), with kernel, by card", 1),
            Blank("What was wrong with this paper", 1),
        ),
        new_page=False,
    )


def _size(size: int) -> str:
    value = float(size)
    for unit in ("B", "K", "M", "G"):
        if value < 1024:
            return f"{value:.3g}{unit}"
        value /= 1024
    return f"{value:.3g}T"
