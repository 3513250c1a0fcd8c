"""Disposable RPM hosts with bootkeep's hooks, one for each flavour in a run, put back to their first state for each test."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

import bootkeep
from bootkeep.edges.run import Completed, run
from bootkeep.facts.transaction import Outcome
from bootkeep.lab.chroot import checked, in_chroot
from bootkeep.lab.rpm.bootkeep_in import install_bootkeep, mark_good
from bootkeep.lab.rpm.flavours import FLAVOURS, KERNEL_ARGUMENTS
from bootkeep.lab.rpm.root import RpmRoot, rpm_root, unpacked
from bootkeep.lab.salt_python import staged
from records import Records

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
    "usr/lib/python3/dist-packages/dnf-plugins",
    "var/lib/dnf",
    "var/lib/zypp",
)

#: The kernel that runs is the outer machine's; what /proc says of it is shown as a boot of the host's own shows it.
BOOTED = "".join(
    f"mount --bind /srv/booted/{name} /proc/{path}\n"
    for name, path in (("osrelease", "sys/kernel/osrelease"), ("version", "version"), ("cmdline", "cmdline"))
)


#: What waits for the end of a package manager is a process of its own. Everything ends with the script, so that waits in turn.
UNTIL_CLOSED = """
code=$?
n=0
while pgrep -f '[b]ootkeep.hooks close' >/dev/null && [ $n -lt 240 ]; do
    n=$((n + 1)); sleep 0.5
done
exit $code
"""


@dataclass
class RpmMachine(Records):
    """One root."""

    root: Path
    built: RpmRoot
    saved: Path
    ran: list[str] = field(default_factory=list)  # what this test did, for the table of cases

    def __call__(self, script: str, *, timeout_s: float = 240.0, **environment: str) -> Completed:
        """Run a shell script as root inside. What Debian's rpm says about itself is left out of what it printed."""
        self.ran.append(" ".join(script.split()))
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
        # libsolv's copy of the database goes with it: it is brought up to date by the numbers of packages, and takes any database
        # in a file of the same inode for the same (repo_rpmdb_librpm.h, mkrpmdbcookie), which on a busy file system it may get.
        for name in ("var/lib/bootkeep", "var/log/bootkeep", "run/bootkeep", "var/cache/zypp/solv"):
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


@pytest.fixture(scope="session")
def fedora_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RpmMachine]:
    """Fedora 40, protected: its rpm database lies in /usr/lib/sysimage."""
    yield from _machine("fedora", tmp_path_factory.mktemp("rpm"))


@pytest.fixture
def fedora(fedora_root: RpmMachine, request: pytest.FixtureRequest) -> Iterator[RpmMachine]:
    """Fedora in its first state."""
    yield from _in_first_state(fedora_root, request.node.nodeid.rpartition("/")[2])


@pytest.fixture
def el9(el9_root: RpmMachine, request: pytest.FixtureRequest) -> Iterator[RpmMachine]:
    """EL 9 in its first state."""
    yield from _in_first_state(el9_root, request.node.nodeid.rpartition("/")[2])


@pytest.fixture
def suse15(suse15_root: RpmMachine, request: pytest.FixtureRequest) -> Iterator[RpmMachine]:
    """SLES 15 in its first state."""
    yield from _in_first_state(suse15_root, request.node.nodeid.rpartition("/")[2])


#: Modules without which no disk of these hosts is found: a tree that has fewer files than this is none.
_LEAST_MODULES = 20
#: What a row of the table shows of a script: the command that the case is about.
_COMMAND = re.compile(r"(?:cd \S+ && )?(?:setsid )?\b(?:rpm -[UieF]|dnf -|zypper -n)[^;]*")


def _in_first_state(machine: RpmMachine, case: str) -> Iterator[RpmMachine]:
    """The machine, and afterwards its case in .cache/rpm/cases.txt."""
    machine.reset()
    machine.ran.clear()
    before = machine.kernel(machine.built.installed)
    yield machine
    with (CACHE / "rpm/cases.txt").open("a", encoding="utf-8") as stream:
        stream.write("\n".join(_case(machine, case, before)) + "\n\n")


def _case(machine: RpmMachine, case: str, before: dict[str, str]) -> list[str]:
    """What was done, which kernels can be booted, what was refused in which words, what is on record and how it is marked."""
    commands = [found[0].strip() for script in machine.ran for found in [_COMMAND.search(script)] if found]
    lines = [f"{machine.built.flavour}: {case}"]
    lines += [
        f"  command   {command.partition(chr(32) + 'code=')[0][:150]}" for command in dict.fromkeys(commands)
    ] or ["  command   none"]
    for image in sorted((machine.root / "boot").glob("vmlinuz-*")):
        release = image.name.removeprefix("vmlinuz-")
        lines.append(f"  kernel    {release}: {_standing(machine, release, before)}")
    lines += [
        f"  kernel    preserved copy {path.name}" for path in sorted((machine.root / "boot/bootkeep").glob("[!.]*"))
    ]
    records = machine.transactions()
    for item in records:
        marks = [f"hook missed: {item.hook_missed}"] if item.hook_missed else []
        marks += [f"override: {item.override.reason}"] if item.override else []
        marks += [item.outcome_detail] if item.outcome_detail else []
        packages = ", ".join(f"{change.action.value} {change.name}" for change in item.changes)
        word = "REFUSED  " if item.outcome is Outcome.REFUSED else "record   "
        lines.append(f"  {word} {item.caller.manager}: {item.outcome.value}; {packages or 'no package'}")
        lines += [f"            {mark}" for mark in marks]
        lines += [f"            instead: {item.advice}"] if item.advice else []
    return [*lines, *([] if records else ["  record    none"])]


def _standing(machine: RpmMachine, release: str, before: dict[str, str]) -> str:
    now = machine.kernel(release)
    modules = sum("/kernel/" in path for path in now)
    if release == machine.built.installed:
        missing = [path for path in before if path not in now]
        other = [path for path in before if path in now and now[path] != before[path]]
        if not missing and not other:
            return f"bootable, all {len(before)} files with the checksums from before"
        return f"NOT as before: {len(missing)} gone, {len(other)} differ, first {(missing + other)[0]}"
    has_initramfs = any("/init" in path for path in now)
    if modules < _LEAST_MODULES or not has_initramfs:
        return f"incomplete: {modules} modules, {'an' if has_initramfs else 'no'} initramfs"
    return f"bootable: image, initramfs, {modules} modules"
