"""The last-good kernel survives: removal refused, in-place replacement preserved, with a way out that is logged."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator

import pytest

from bootkeep.edges.clock import now_utc
from bootkeep.edges.run import run
from bootkeep.facts.kernel import LastGood
from bootkeep.facts.transaction import Outcome, Override

from .conftest import Machine

pytestmark = pytest.mark.lab
RELEASE = "6.1.0-99-cloud-amd64"
IMAGE = f"boot/vmlinuz-{RELEASE}"
MODULE = f"lib/modules/{RELEASE}/kernel/fs/ext4.ko"
GRUB_CFG = f"""
function load_video {{
  insmod all_video
}}
menuentry 'Debian GNU/Linux' --class debian $menuentry_id_option 'gnulinux-simple-1' {{
	load_video
	insmod ext2
	search --no-floppy --fs-uuid --set=root 1111-2222
	echo	'Loading Linux {RELEASE} ...'
	linux	/boot/vmlinuz-{RELEASE} root=UUID=1111-2222 ro quiet
	echo	'Loading initial ramdisk ...'
	initrd	/boot/initrd.img-{RELEASE}
}}
"""


def kernel_deb(machine: Machine, version: str) -> str:
    """A package as linux-image-* are: image in /boot, modules, an initramfs made by its postinst."""
    return machine.deb(
        f"linux-image-{RELEASE}",
        version,
        files={f"/{IMAGE}": f"kernel {version}\n" * 100, f"/{MODULE}": f"module {version}\n" * 100},
        scripts={
            "postinst": f"echo initramfs {version} >/boot/initrd.img-{RELEASE}\n"
            f"echo index {version} >/lib/modules/{RELEASE}/modules.dep",
            "postrm": f'[ "$1" = upgrade ] || rm -f /boot/initrd.img-{RELEASE} /lib/modules/{RELEASE}/modules.dep',
        },
    )


@pytest.fixture
def patched(machine: Machine) -> Iterator[Machine]:
    """The machine with a kernel that booted well, its headers, and GRUB's menu."""
    root = machine.root
    (root / "boot/grub").mkdir(parents=True, exist_ok=True)
    (root / "boot/grub/grub.cfg").write_text(GRUB_CFG)
    headers = machine.deb(f"linux-headers-{RELEASE}", "1", files={f"/lib/modules/{RELEASE}/build/x": "y"})
    done = machine(f"dpkg -i {kernel_deb(machine, '6.1.100-1')} {headers}", DPKG_FRONTEND_LOCKED="1")
    assert done.exit_code == 0, done.stderr
    digest = hashlib.sha256((root / IMAGE).read_bytes()).hexdigest()
    machine.store.save_last_good(LastGood(RELEASE, "6.1.100-1", digest, "boot", "2026-11-23T17:00:00Z"))
    yield machine
    machine(f"dpkg --force-all -P linux-image-{RELEASE} linux-headers-{RELEASE}", DPKG_FRONTEND_LOCKED="1")
    shutil.rmtree(root / "boot", ignore_errors=True)
    (root / "boot").mkdir()
    shutil.rmtree(root / "usr/lib/bootkeep/preserved", ignore_errors=True)


@pytest.mark.parametrize("command", ["apt-get -qy remove", "apt-get -qy purge", "dpkg -r", "dpkg --force-all -P"])
def test_removing_the_last_good_kernel_is_refused(patched: Machine, command: str) -> None:
    status = (patched.root / "var/lib/dpkg/status").read_bytes()
    done = patched(f"{command} linux-image-{RELEASE}")
    assert done.exit_code == (100 if command.startswith("apt") else 2)
    assert (patched.root / IMAGE).exists()
    assert (patched.root / "var/lib/dpkg/status").read_bytes() == status
    item = patched.only()
    assert item.outcome is Outcome.REFUSED
    assert RELEASE in item.outcome_detail
    assert f"apt-mark hold linux-image-{RELEASE}" in done.stderr
    assert "BOOTKEEP_OVERRIDE" in done.stderr


def test_removing_its_headers_is_nobodys_danger(patched: Machine) -> None:
    assert patched(f"apt-get -qy purge linux-headers-{RELEASE}").exit_code == 0
    assert patched.only().outcome is Outcome.DONE


def test_a_refusal_names_what_may_go(patched: Machine) -> None:
    patched(f"dpkg -i {patched.deb('lambda', '1')}", DPKG_FRONTEND_LOCKED="1")
    done = patched(f"apt-get -qy purge lambda linux-image-{RELEASE}")
    assert done.exit_code == 100
    assert patched.state("lambda") == "ii 1"
    assert "apt-get purge lambda" in done.stderr
    assert patched("apt-get -qy purge lambda").exit_code == 0


@pytest.mark.parametrize("mount", ["-o size=4k", "-o ro"])
def test_a_store_that_cannot_be_written_does_not_open_the_door(patched: Machine, mount: str) -> None:
    bind = f"cp -a /var/lib/bootkeep /tmp/kept; mount -t tmpfs {mount} tmpfs /var/lib/bootkeep"
    done = patched(f"{bind}; apt-get -qy purge linux-image-{RELEASE}; code=$?; rm -rf /tmp/kept; exit $code")
    # Without a last-good record the running kernel and the default entry's stand in.
    assert done.exit_code == 100, done.stderr
    assert (patched.root / IMAGE).exists()


def test_an_override_in_the_environment_is_logged(patched: Machine) -> None:
    done = patched(f"apt-get -qy purge linux-image-{RELEASE}", BOOTKEEP_OVERRIDE="moving to 6.12", SUDO_USER="ada")
    assert done.exit_code == 0, done.stderr
    item = patched.only()
    assert item.override is not None
    assert (item.override.reason, item.override.by) == ("moving to 6.12", "ada")
    assert "moving to 6.12" in done.stderr


def test_an_override_that_waits_serves_one_session_even_with_doubled_hooks(patched: Machine) -> None:
    twice = (patched.root / "etc/apt/apt.conf.d/zz-bootkeep").read_text()
    (patched.root / "etc/apt/apt.conf.d/zy-other").write_text(twice)
    patched.store.save_override(Override("told so", "ada", now_utc()))
    done = patched(f"apt-get -qy purge linux-image-{RELEASE}")
    assert done.exit_code == 0, done.stderr
    item = patched.only()
    assert item.override is not None
    assert item.override.reason == "told so"
    assert patched.store.take_override() is None


def test_an_override_that_came_too_late_is_none(patched: Machine) -> None:
    patched.store.save_override(Override("told so", "ada", "2026-01-01T00:00:00Z"))
    assert patched(f"apt-get -qy purge linux-image-{RELEASE}").exit_code == 100
    assert patched.store.take_override() is None


def test_same_abi_upgrade_in_place_keeps_the_old_kernel(patched: Machine) -> None:
    root = patched.root
    before = {path: (root / path).read_bytes() for path in (IMAGE, MODULE, f"boot/initrd.img-{RELEASE}")}
    inode = (root / IMAGE).stat().st_ino
    done = patched(f"apt-get -qy install {kernel_deb(patched, '6.1.101-1')}")
    assert done.exit_code == 0, done.stderr
    assert (root / IMAGE).read_bytes() != before[IMAGE]
    key = f"{RELEASE}_6.1.100-1"
    kept = root / "boot/bootkeep" / key
    assert (kept / "vmlinuz").read_bytes() == before[IMAGE]
    assert (kept / "vmlinuz").stat().st_ino == inode  # no space: the package's own old file
    assert (kept / "initrd.img").read_bytes() == before[f"boot/initrd.img-{RELEASE}"]
    tree = root / "usr/lib/bootkeep/preserved" / key / "modules"
    assert (tree / "kernel/fs/ext4.ko").read_bytes() == before[MODULE]
    assert (tree / "modules.dep").read_text() == "index 6.1.100-1\n"
    menu = (root / "boot/grub/bootkeep.cfg").read_text()
    assert f"/boot/bootkeep/{key}/vmlinuz root=UUID=1111-2222 ro quiet bootkeep.preserved={key}" in menu
    assert run(["grub-script-check", str(root / "boot/grub/bootkeep.cfg")], timeout_s=10).exit_code == 0
    item = patched.only()
    assert item.outcome is Outcome.DONE
    assert item.preserved == (key,)
    # The last-good build lives on in the copy, but its package still owns the modules that run.
    assert patched(f"apt-get -qy purge linux-image-{RELEASE}").exit_code == 100
    assert (kept / "vmlinuz").read_bytes() == before[IMAGE]
    assert f"bootkeep-{key}" in (root / "boot/grub/bootkeep.cfg").read_text()


def test_no_room_to_preserve_is_refused_with_why(patched: Machine) -> None:
    path = kernel_deb(patched, "6.1.101-1")
    small = "mkdir -p /boot/bootkeep; mount -t tmpfs -o size=64k tmpfs /boot/bootkeep"
    done = patched(f"{small}; apt-get -qy install {path}")
    assert done.exit_code == 100, done.stderr + patched.log()
    assert "cannot be preserved first" in done.stderr
    assert "free" in done.stderr
    assert patched.state(f"linux-image-{RELEASE}") == "ii 6.1.100-1"
    assert patched.only().outcome is Outcome.REFUSED
    done = patched(f"{small}; apt-get -qy install {path}", BOOTKEEP_OVERRIDE="I have a rescue medium")
    assert done.exit_code == 0


def test_the_guard_can_be_switched_off(patched: Machine) -> None:
    from .conftest import policy

    policy(patched, guard=False)
    assert patched(f"apt-get -qy purge linux-image-{RELEASE}").exit_code == 0
