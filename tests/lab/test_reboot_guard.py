"""The reboot guard on a real host with systemd: it stays up on NO-GO, and really powers off on GO."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from bootkeep.lab import highstate
from bootkeep.lab.host import DisposableHost

pytestmark = pytest.mark.lab

#: As a person at a shell types it: root's own search path.
SHELL_PATH = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
PILLAR = "pillar={'bootkeep': {'lookup': {'reboot_guard': {'enabled': true}}}}"
BREAK = "mv /boot/initrd.img-* /root/"
HEAL = "mv /root/initrd.img-* /boot/"


@pytest.fixture(scope="module")
def host(lab_host: DisposableHost) -> Iterator[DisposableHost]:
    """With the formula applied, the guard switched on."""
    plain = highstate.run(lab_host)
    assert plain.results and not plain.failed, plain.output[-2000:]
    assert not lab_host.path("/usr/local/sbin/reboot").exists(), "off unless somebody asks for it"
    guarded = highstate.run(lab_host, PILLAR)
    assert guarded.changed == {"bootkeep-reboot-guard-in-force"} and not guarded.failed, guarded.output[-2000:]
    assert not highstate.run(lab_host, PILLAR).changed
    yield lab_host


def typed(host: DisposableHost, text: str) -> tuple[int, str]:
    """A line typed at root's shell."""
    done = host.run(["bash", "-c", text], timeout_s=200, environment=SHELL_PATH)
    return done.exit_code, done.stdout + done.stderr


def up(host: DisposableHost) -> bool:
    """Whether it is up and not on its way down."""
    return host.run(["systemctl", "is-system-running"], timeout_s=20).stdout.strip() in {"running", "degraded"}


#: Holds every orderly shutdown, as logind understands it.
LOCK = "systemd-run --quiet --unit=lab-lock systemd-inhibit --what=shutdown --mode=block --who=lab --why=test sleep 300; sleep 2; "


def test_a_lock_of_logind_is_asked_for_by_nobody_who_is_root(host: DisposableHost) -> None:
    """Why it is a shim: only with --check-inhibitors=yes does root's systemctl ask. The last test sees what it does without."""
    code, said = typed(host, LOCK + "systemd-inhibit --list; /usr/bin/systemctl --check-inhibitors=yes poweroff")
    assert code != 0 and "inhibited" in said, said
    assert up(host)


@pytest.mark.parametrize(
    "call", ["poweroff", "systemctl poweroff", "shutdown -h now", "reboot", "systemctl reboot", "halt"]
)
def test_a_host_that_would_not_boot_stays_up(host: DisposableHost, call: str) -> None:
    typed(host, BREAK)
    try:
        code, said = typed(host, call)
        assert code == 1 and "NO-GO" in said and "refused" in said, said
        time.sleep(1)
        assert up(host)
        log = host.path("/var/log/bootkeep/reboot-guard.log").read_text(encoding="utf-8")
        assert f"{call.split()[0]} refused: the verdict is NO-GO" in log
    finally:
        typed(host, HEAL)
    assert up(host)


def test_what_is_no_reboot_passes(host: DisposableHost) -> None:
    assert "bootkeep" not in typed(host, "systemctl is-active cron")[1]
    assert typed(host, "systemctl status cron >/dev/null")[0] == 0


def test_a_host_that_would_boot_powers_off(host: DisposableHost) -> None:
    """Last: the host is gone after this, although somebody holds logind's lock."""
    assert "lab" in typed(host, "systemd-inhibit --list")[1]
    typed(host, "poweroff")
    assert host._process.wait(60) is not None
