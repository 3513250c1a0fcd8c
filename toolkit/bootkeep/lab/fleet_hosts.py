"""Disposable hosts as minions of one real master: Debian with apt, EL 9 with dnf, SLES 15 with zypper.

The hosts are those of ``lab.host``: a disk, systemd as PID 1, the distribution's package manager. What is not the distribution's
own is said in the README's support table: the RPM hosts are Debian's files with rpm, dnf and zypper on them. All of them and the
master share one network namespace: nothing listens on this machine, and nothing reaches it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootkeep.edges.files import private_folder
from bootkeep.edges.store import Store
from bootkeep.facts.errors import BootkeepError
from bootkeep.lab.demonstration import CHECKOUT, Progress
from bootkeep.lab.host import DisposableHost, disposable_host
from bootkeep.lab.image import Image, build
from bootkeep.lab.rpm.disk import rpm_disk
from bootkeep.lab.rpm.root import rpm_root
from bootkeep.lab.salt_daemons import Fleet, new_fleet
from bootkeep.lab.salt_python import staged

#: Hooks may take so long here: several hosts share the two cores of one machine. On a host of its own it is five seconds.
HOOK_DEADLINE_S = 30.0
_UNIT = """[Unit]
Description=The Salt Minion
After=network.target
StartLimitIntervalSec=0

[Service]
ExecStart=/opt/salt/bin/python3 /usr/bin/salt-minion
KillMode=control-group
Restart=always

[Install]
WantedBy=multi-user.target
"""
_APT = "apt-get -q -y -o Dpkg::Use-Pty=0 --no-install-recommends"


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of host, and what is done with its packages: the manager's name, a line for the reader, the command."""

    prefix: str  # of the hosts' names
    flavour: str  # of lab.rpm; empty: Debian
    os_family: str  # Salt's grain
    provider: str  # Salt's module behind ``pkg``
    transactions: tuple[tuple[str, str, str], ...]


DEBIAN = Family(
    "deb", "", "Debian", "aptpkg",
    (
        ("dpkg", "dpkg -i hello", "dpkg -i /srv/archive/loose/hello_*-3_*.deb"),
        ("dpkg", "dpkg -P hello", "dpkg -P hello"),
        ("apt", "apt-get install openssh-server", f"{_APT} install openssh-server"),
    ),
)  # fmt: skip
EL9 = Family(
    "el", "el9", "RedHat", "yumpkg",
    (
        ("rpm", "rpm -U acmed", "rpm -U /srv/rpms/updates/acmed-*.rpm"),
        ("dnf", "dnf remove acmed", "dnf -y remove acmed"),
        ("dnf", "dnf install acmed", "dnf -y install acmed"),
    ),
)  # fmt: skip
SUSE15 = Family(
    "sles", "suse15", "Suse", "zypperpkg",
    (
        ("rpm", "rpm -U acmed", "rpm -U /srv/rpms/updates/acmed-*.rpm"),
        ("zypper", "zypper remove acmed", "zypper --non-interactive remove acmed"),
        ("zypper", "zypper install acmed", "zypper --non-interactive install acmed"),
    ),
)  # fmt: skip
FAMILIES = (DEBIAN, EL9, SUSE15)


@dataclass(slots=True)
class FleetHost:
    """One host of the fleet."""

    name: str
    family: Family
    host: DisposableHost

    @property
    def store(self) -> Store:
        """Its store, read from outside."""
        return Store(self.host.path("/var/lib/bootkeep"))


def in_own_namespaces(module: str) -> None:
    """Go on in a network and a mount namespace of our own, as a new process of this module; returns when this is that one.

    Whatever ends that process, its mounts are gone with it.
    """
    if os.environ.get("BOOTKEEP_OWN_NETWORK") != "1":
        again = ["unshare", "--net", "--mount", "--propagation", "private", sys.executable, "-m", module, *sys.argv[1:]]
        os.execvpe(again[0], again, {**os.environ, "BOOTKEEP_OWN_NETWORK": "1"})  # noqa: S606
    # A new network namespace has a loopback interface that is down (netdevice(7)).
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sh", b"lo", 0x1 | 0x40))  # SIOCSIFFLAGS: IFF_UP | IFF_RUNNING


def images(families: tuple[Family, ...], cache: Path, say: Progress) -> dict[str, Image]:
    """The built disk of each family, by its prefix."""
    salt = staged(cache)
    return {
        family.prefix: rpm_disk(rpm_root(cache, family.flavour, say), salt, cache, say)
        if family.flavour
        else build(cache, salt, say)
        for family in families
    }


def master_of_checkout(root: Path, *, engine: dict[str, Any] | None = None, **options: Any) -> Fleet:
    """A master with the checkout's formula, and its pillar with the delivery switched on; not started yet."""
    pillar = private_folder(root / "pillar")
    (pillar / "top.sls").write_text("base: {'*': [bootkeep, delivery]}\n", encoding="utf-8")
    sender = {"interval": 0.3, "status_every": 60.0, "free_mib": 64, **(engine or {})}
    lookup = {"delivery": {"enabled": True, "engine": sender}}
    ours = {"bootkeep": {"lookup": lookup, "policy": {"hook_deadline_s": HOOK_DEADLINE_S}}}
    (pillar / "delivery.sls").write_text(json.dumps(ours), encoding="utf-8")
    roots = {"base": [str(pillar), str(CHECKOUT / "pillar")]}
    return new_fleet(root, pillar_roots=roots, timeout=30, gather_job_timeout=30, **options)


@contextlib.contextmanager
def fleet_host(family: Family, number: int, image: Image, fleet: Fleet, work: Path) -> Iterator[FleetHost]:
    """One host with its minion running; it goes away with the body of the ``with``."""
    name = f"{family.prefix}{number}"
    with disposable_host(image, work=work, binds={}, name=name, own_network=False) as host:
        _start_minion(host, name, fleet)
        yield FleetHost(name, family, host)


def _start_minion(host: DisposableHost, name: str, fleet: Fleet) -> None:
    options = {
        "id": name, "master": "127.0.0.1", "master_port": fleet.master.options["ret_port"],
        "publish_port": fleet.master.options["publish_port"], "file_client": "remote", "log_level_logfile": "info",
        "acceptance_wait_time": 1, "random_reauth_delay": 1, "recon_default": 200, "recon_max": 1000,
    }  # fmt: skip
    host.must(["sh", "-c", "rm -rf /etc/salt/minion.d/*.conf /etc/salt/pki; mkdir -p /etc/salt/minion.d"])
    host.write("/etc/salt/minion", json.dumps(options), mode=0o640)
    host.write("/etc/hostname", name + "\n")
    host.write("/etc/systemd/system/salt-minion.service", _UNIT)
    host.must(["hostname", name])
    host.must(["systemctl", "daemon-reload"])
    host.must(["systemctl", "enable", "--now", "salt-minion"])


def until_they_answer(fleet: Fleet, names: list[str], seconds: float = 300.0) -> None:
    """Until every one of these minions answers a ping. Raises BootkeepError."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done = fleet.salt("-t", "20", "-L", ",".join(names), "test.ping", "--out=json", "--static", timeout_s=90)
        with contextlib.suppress(ValueError):
            if all(json.loads(done.stdout).get(name) is True for name in names):
                return
    raise BootkeepError("not every minion answers", where=", ".join(names), next_step=fleet.master.said(1500))


def ask(fleet: Fleet, names: list[str], *words: str, timeout_s: float = 600.0) -> dict[str, Any]:
    """One function on these minions, their answers by name. Raises BootkeepError when there is none."""
    argv = ("-t", str(int(timeout_s)), "-L", ",".join(names), *words, "--out=json", "--static")
    done = fleet.salt(*argv, timeout_s=timeout_s + 60)
    try:
        found: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        raise BootkeepError(
            f"no answer to {words[0]}", where="salt", next_step=(done.stdout + done.stderr)[-1500:]
        ) from None
    return found


@dataclass(frozen=True, slots=True)
class Applied:
    """How a state run went on one host."""

    rows: int
    changed: int
    failed: tuple[str, ...]


def apply(fleet: Fleet, names: list[str], *words: str, timeout_s: float = 900.0) -> dict[str, Applied]:
    """``state.highstate``, or ``state.apply`` of what is named, on these minions."""
    answers = ask(fleet, names, *(words or ("state.highstate",)), timeout_s=timeout_s)
    found = {}
    for name in names:
        rows = answers.get(name)
        if not isinstance(rows, dict):
            found[name] = Applied(0, 0, (str(rows)[:1500],))
            continue
        failed = tuple(
            f"{key.split('_|-')[1]}: {row.get('comment')}" for key, row in rows.items() if row.get("result") is False
        )
        found[name] = Applied(len(rows), sum(1 for row in rows.values() if row.get("changes")), failed)
    return found


def minion_since(host: DisposableHost) -> str:
    """When the minion of this host was started last, as systemd says it."""
    return host.must(["systemctl", "show", "--property=ExecMainStartTimestampMonotonic", "salt-minion"], timeout_s=60)


def protected(fleet: Fleet, hosts: dict[str, FleetHost], say: Progress) -> dict[str, Applied]:
    """The highstate on all of them, and the minions back after it: the delivery's state starts them anew."""
    names = list(hosts)
    since = {name: minion_since(host.host) for name, host in hosts.items()}
    fleet.salt("-t", "120", "-L", ",".join(names), "saltutil.sync_all", timeout_s=300)
    done = apply(fleet, names)
    say("waiting for the minions that the highstate starts anew")
    until = time.monotonic() + 120
    for name, host in hosts.items():
        while not done[name].failed and minion_since(host.host) == since[name] and time.monotonic() < until:
            time.sleep(0.5)
    until_they_answer(fleet, names)
    return done
