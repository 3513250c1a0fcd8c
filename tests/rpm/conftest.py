"""Disposable RPM hosts with bootkeep's hooks, one for each flavour in a run, put back to their first state for each test."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import bootkeep
from bootkeep.edges.run import Completed, run
from bootkeep.edges.store import Store
from bootkeep.facts.transaction import Transaction
from bootkeep.lab.chroot import checked, in_chroot
from bootkeep.lab.rpm.bootkeep_in import install_bootkeep, mark_good
from bootkeep.lab.rpm.flavours import FLAVOURS, KERNEL_ARGUMENTS
from bootkeep.lab.rpm.root import RpmRoot, rpm_root, unpacked
from bootkeep.lab.salt_python import staged

CACHE = Path(bootkeep.__file__).parents[2] / ".cache"
#: Generous: these tests are about what hooks do, on machines that do other things as well.
DEADLINE_S = 60
#: What a transaction may change; all of it is put back for each test.
CHANGING = (
    "boot",
    "etc",
    "usr/lib/modules",
    "usr/lib/bootkeep",
    "usr/lib/zypp",
    "usr/lib/kernel",
    "var/lib/dnf",
    "var/lib/zypp",
)

#: The kernel that runs is the outer machine's; what /proc says of it is shown as a boot of the host's own shows it.
BOOTED = "".join(
    f"mount --bind /srv/booted/{name} /proc/{path}\n"
    for name, path in (("osrelease", "sys/kernel/osrelease"), ("version", "version"), ("cmdline", "cmdline"))
)


@dataclass
class RpmMachine:
    """One root."""

    root: Path
    built: RpmRoot
    saved: Path

    def __call__(self, script: str, *, timeout_s: float = 240.0, **environment: str) -> Completed:
        """Run a shell script as root inside. What Debian's rpm says about itself is left out of what it printed."""
        done = in_chroot(self.root, ["/bin/sh", "-c", BOOTED + script], timeout_s=timeout_s, environment=environment)
        noise = ("rpm: RPM should not be used directly", "rpm: However assuming")
        lines = [line for line in done.stderr.splitlines() if not line.startswith(noise)]
        return replace(done, stderr="\n".join(lines))

    @property
    def changing(self) -> tuple[str, ...]:
        """What is put back for each test."""
        own = FLAVOURS[self.built.flavour].database.lstrip("/")
        files = (
            "usr/bin/acmed",
            "usr/bin/acme-helper",
            "usr/lib/systemd/system/acmed.service",
            "usr/bin/lab-initramfs",
        )
        return (*CHANGING, own, *files)

    @property
    def store(self) -> Store:
        """Its store, read from outside."""
        return Store(self.root / "var/lib/bootkeep")

    def transactions(self) -> list[Transaction]:
        """All records, oldest first; a damaged one fails the test."""
        items = self.store.transactions()
        for item in items:
            assert isinstance(item, Transaction), item
        return [item for item in items if isinstance(item, Transaction)]

    def only(self) -> Transaction:
        """The one transaction there is."""
        items = self.transactions()
        assert len(items) == 1, (items, self.log())
        return items[0]

    def log(self) -> str:
        """What the hooks logged."""
        path = self.root / "var/log/bootkeep/hook.log"
        return path.read_text() if path.exists() else ""

    def kernel(self, release: str) -> dict[str, str]:
        """sha256 of everything that this kernel boots with, by path: image, initramfs, entry, every module."""
        boot = self.root / "boot"
        tree = self.root / "usr/lib/modules" / release / "kernel"
        paths = [boot / f"vmlinuz-{release}", boot / f"initramfs-{release}.img", boot / f"initrd-{release}"]
        paths += [*boot.glob(f"loader/entries/*-{release}.conf"), *tree.rglob("*.ko*")]
        return {
            str(path.relative_to(self.root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(paths)
            if path.is_file()
        }

    def installed(self, name: str) -> str:
        """Versions of a package in the database, oldest first."""
        return " ".join(
            self(f"rpm -q --qf '%{{VERSION}}-%{{RELEASE}}\\n' {name} | grep -v installed | sort -V").stdout.split()
        )

    def reset(self) -> None:
        """Everything as after the installation."""
        for name in self.changing:
            target = self.root / name
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink(missing_ok=True)
        for name in ("var/lib/bootkeep", "var/log/bootkeep", "run/bootkeep"):
            shutil.rmtree(self.root / name, ignore_errors=True)
        checked(
            run(["tar", "-C", str(self.root), "--numeric-owner", "-xf", str(self.saved)], timeout_s=120), "resetting"
        )

    def save(self) -> None:
        """Remember the first state."""
        there = [name for name in self.changing if (self.root / name).exists()]
        argv = ["tar", "-C", str(self.root), "--numeric-owner", "-cf", str(self.saved), "var/lib/bootkeep", *there]
        checked(run(argv, timeout_s=120), "saving")


def _machine(flavour: str, folder: Path) -> Iterator[RpmMachine]:
    built = rpm_root(CACHE, flavour, print)
    root = unpacked(built, folder / flavour)
    install_bootkeep(root, staged(CACHE), deadline_s=DEADLINE_S)
    (root / "etc/bootkeep/config.json").write_text(json.dumps({"hook_deadline_s": DEADLINE_S}))
    mark_good(root, built.installed)
    _show_booted(root, built.installed)
    machine = RpmMachine(root, built, folder / f"{flavour}.tar")
    machine.save()
    yield machine
    shutil.rmtree(root, ignore_errors=True)


def _show_booted(root: Path, release: str) -> None:
    image = (root / f"boot/vmlinuz-{release}").read_bytes()
    built = re.search(rb"%s \([^\0]*#1 SMP[^\0]*" % re.escape(release.encode()), image)
    assert built
    place = root / "srv/booted"
    place.mkdir(parents=True)
    (place / "osrelease").write_text(release + "\n")
    (place / "version").write_text(f"Linux version {built.group().decode('ascii', 'replace')}\n")
    (place / "cmdline").write_text(f"BOOT_IMAGE=(hd0,gpt2)/boot/vmlinuz-{release} {KERNEL_ARGUMENTS}\n")


@pytest.fixture(scope="session")
def el9_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RpmMachine]:
    """EL 9, protected."""
    yield from _machine("el9", tmp_path_factory.mktemp("rpm"))


@pytest.fixture(scope="session")
def suse15_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RpmMachine]:
    """SLES 15, protected."""
    yield from _machine("suse15", tmp_path_factory.mktemp("rpm"))


@pytest.fixture
def el9(el9_root: RpmMachine, request: pytest.FixtureRequest) -> Iterator[RpmMachine]:
    """EL 9 in its first state."""
    yield from _in_first_state(el9_root, request.node.name)


@pytest.fixture
def suse15(suse15_root: RpmMachine, request: pytest.FixtureRequest) -> Iterator[RpmMachine]:
    """SLES 15 in its first state."""
    yield from _in_first_state(suse15_root, request.node.name)


def _in_first_state(machine: RpmMachine, case: str) -> Iterator[RpmMachine]:
    """The machine, and afterwards one line in .cache/rpm/cases.txt: what became of the kernel, and what is on record."""
    machine.reset()
    before = machine.kernel(machine.built.installed)
    yield machine
    after = machine.kernel(machine.built.installed)
    kernel = "bootable, checksums as before" if after == before else "gone" if not after else "changed"
    records = [
        f"{item.caller.manager}: {item.outcome.value}" + (" (hook missed)" if item.hook_missed else "")
        for item in machine.transactions()
    ]
    with (CACHE / "rpm/cases.txt").open("a", encoding="utf-8") as stream:
        stream.write(f"{case:64} | {kernel:30} | {'; '.join(records) or 'no record'}\n")
