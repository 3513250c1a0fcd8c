"""What stands between a preserved kernel and its next boot: the modules' bind mount, the proof of a boot, the self-test."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bootkeep.edges.run import run
from bootkeep.facts.kernel import LastGood

from .conftest import CHECKOUT, Machine

pytestmark = pytest.mark.lab
FILES = CHECKOUT / "toolkit/bootkeep/hooks/files"
RELEASE = os.uname().release


def asked(machine: Machine, code: str, before: str = "true") -> dict[str, object]:
    """Run Python of the machine's own; what it printed, or the error it ended with."""
    script = machine.root / "tmp/ask.py"
    script.write_text(
        "import json\nfrom bootkeep.facts.codec import to_plain\nfrom bootkeep.facts.errors import BootkeepError\n"
        f"try:\n    {code}\nexcept BootkeepError as error:\n    answer = {{'error': str(error)}}\n"
        "print(json.dumps(to_plain(answer)))\n"
    )
    done = machine(f"{before} && python3 -I /tmp/ask.py")
    assert done.exit_code == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("unit", ["bootkeep-modules.service", "bootkeep-booted.service"])
def test_units_are_sound(unit: str, tmp_path: Path) -> None:
    text = (FILES / unit).read_text().replace("@PYTHON@", "/usr/bin/python3")
    (tmp_path / unit).write_text(text.replace("/usr/lib/bootkeep/preserved-modules", "/bin/true"))
    done = run(["systemd-analyze", "verify", "--man=no", str(tmp_path / unit)], timeout_s=60)
    complaints = [line for line in done.stderr.splitlines() if unit in line]
    assert done.exit_code == 0, done.stderr
    assert complaints == []


def test_the_grub_snippet_is_sound(tmp_path: Path) -> None:
    done = run([str(FILES / "42_bootkeep")], timeout_s=10)
    (tmp_path / "x.cfg").write_text(done.stdout)
    assert run(["grub-script-check", str(tmp_path / "x.cfg")], timeout_s=10).exit_code == 0
    assert "source ${config_directory}/bootkeep.cfg" in done.stdout


def boot_with(machine: Machine, key: str) -> tuple[int, str]:
    """The unit's program in a boot with this key; exit code and what /lib/modules then shows."""
    tree = machine.root / f"usr/lib/bootkeep/preserved/{RELEASE}_1/modules/kernel"
    tree.mkdir(parents=True, exist_ok=True)
    (tree / "kept.ko").write_text("kept")
    (machine.root / "tmp/cmdline").write_text(f"root=/dev/x ro bootkeep.preserved={key} quiet\n")
    (machine.root / "usr/lib/bootkeep/preserved-modules").write_bytes((FILES / "preserved-modules").read_bytes())
    done = machine(
        "mount --bind /tmp/cmdline /proc/cmdline && sh /usr/lib/bootkeep/preserved-modules; code=$?;"
        f"ls /lib/modules/{RELEASE}/kernel; exit $code"
    )
    return done.exit_code, done.stdout + done.stderr


def test_a_preserved_kernel_finds_its_own_modules(machine: Machine) -> None:
    code, seen = boot_with(machine, f"{RELEASE}_1")
    assert code == 0, seen
    assert "kept.ko" in seen


@pytest.mark.parametrize("key", ["", "..", "../../etc", f"{RELEASE}_2", "5.0_1", "a;reboot", f"{RELEASE}_1/../x"])
def test_another_key_leaves_the_modules_alone(machine: Machine, key: str) -> None:
    code, seen = boot_with(machine, key)
    assert code == 1
    assert "kept.ko" not in seen


def test_packages_are_not_unpacked_into_preserved_modules(machine: Machine) -> None:
    boot_with(machine, f"{RELEASE}_1")
    path = machine.deb("modules", "1", files={f"/lib/modules/{RELEASE}/kernel/kept.ko": "packaged"})
    done = machine(
        "mount --bind /tmp/cmdline /proc/cmdline && sh /usr/lib/bootkeep/preserved-modules && "
        f"apt-get -qy install {path} && cat /lib/modules/{RELEASE}/kernel/kept.ko && "
        f"umount /lib/modules/{RELEASE} && cat /lib/modules/{RELEASE}/kernel/kept.ko"
    )
    assert done.exit_code == 0, done.stderr + machine.log()
    assert done.stdout.endswith("keptpackaged")
    kept = machine.root / f"usr/lib/bootkeep/preserved/{RELEASE}_1/modules/kernel/kept.ko"
    assert kept.read_text() == "kept"
    machine("dpkg -P modules", DPKG_FRONTEND_LOCKED="1")


def fake_systemctl(machine: Machine, word: str) -> None:
    tool = machine.root / "usr/local/sbin/systemctl"
    tool.write_text(
        f'#!/bin/sh\ncase "$1" in is-system-running) echo {word} ;; *) echo x.service loaded failed ;; esac\n'
    )
    tool.chmod(0o755)


@pytest.mark.parametrize("word", ["running", "degraded", "starting", "maintenance"])
def test_only_a_healthy_boot_proves_its_kernel(machine: Machine, word: str) -> None:
    image = machine.root / f"boot/vmlinuz-{RELEASE}"
    image.write_text("image")
    fake_systemctl(machine, word)
    try:
        answer = asked(
            machine,
            "from bootkeep.edges.store import Store; from bootkeep.flows.last_good import mark_last_good;"
            " answer = mark_last_good(Store())",
        )
    finally:
        image.unlink()
        (machine.root / "usr/local/sbin/systemctl").unlink()
    good = machine.store.last_good()
    if word in {"running", "degraded"}:
        assert isinstance(good, LastGood), answer
        assert good.release == RELEASE
        assert answer["failed_units"] == (["x.service"] if word == "degraded" else [])
    else:
        assert "not healthy" in str(answer["error"])
        assert not isinstance(good, LastGood)


def test_a_boot_without_its_image_proves_nothing(machine: Machine) -> None:
    fake_systemctl(machine, "running")
    answer = asked(
        machine,
        "from bootkeep.edges.store import Store; from bootkeep.flows.last_good import mark_last_good;"
        " answer = mark_last_good(Store())",
    )
    (machine.root / "usr/local/sbin/systemctl").unlink()
    assert "no image" in str(answer["error"])


SELFTEST = "from bootkeep.flows.selftest import selftest; answer = {test.name: test for test in selftest()}"


def passed(answer: dict[str, object]) -> dict[str, bool]:
    return {name: bool(test["passed"]) for name, test in answer.items() if isinstance(test, dict)}


def test_the_selftest_passes_where_all_is_in_place(machine: Machine) -> None:
    answer = asked(machine, SELFTEST)
    assert all(passed(answer).values()), answer
    assert len(answer) == 7


@pytest.mark.parametrize(
    ("breakage", "name"),
    [
        ("rm /usr/lib/bootkeep/apt-hook", "apt-hook"),
        ("chmod 644 /usr/lib/bootkeep/dpkg-hook", "dpkg-hook"),
        ("sed -i s,/usr/bin/python3,/nonexistent, /usr/lib/bootkeep/apt-hook", "apt-hook"),
        ("echo '#clear DPkg::Post-Invoke;' >/etc/apt/apt.conf.d/zzz-clear", "apt.conf"),
        ("echo '#clear DPkg::Tools::Options;' >/etc/apt/apt.conf.d/zzz-clear", "apt.conf"),
        ("mount -t tmpfs tmpfs /etc/dpkg/dpkg.cfg.d", "dpkg.cfg"),
        ("mkdir -p /var/lib/bootkeep && mount -t tmpfs -o ro tmpfs /var/lib/bootkeep", "store"),
        ("mkdir -p /boot/grub && : >/boot/grub/grub.cfg", "boot menu"),
    ],
)
def test_the_selftest_finds_what_is_broken(machine: Machine, breakage: str, name: str) -> None:
    try:
        answer = asked(machine, SELFTEST, breakage)
    finally:
        (machine.root / "etc/apt/apt.conf.d/zzz-clear").unlink(missing_ok=True)
        (machine.root / "boot/grub/grub.cfg").unlink(missing_ok=True)
    assert [test for test, good in passed(answer).items() if not good] == [name], answer
    found = answer[name]
    assert isinstance(found, dict)
    assert found["next_step"]
