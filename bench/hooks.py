"""What a small transaction costs: with nothing, with needrestart, with etckeeper, and with bootkeep.

All four are installed on one host; before each timed ``apt-get install hello`` exactly one of them is switched on. The
variants alternate, so that a busy machine slows all of them.
"""

from __future__ import annotations

import shutil
import statistics
from pathlib import Path

from bootkeep.lab.fetching import fetch_for
from bootkeep.lab.host import DisposableHost

PEERS = ("needrestart", "etckeeper", "git", "aide", "aide-common")
#: What calls each of them.
SWITCHES = {
    "nothing": (),
    "needrestart": ("/etc/apt/apt.conf.d/99needrestart",),
    "etckeeper": ("/etc/apt/apt.conf.d/05etckeeper",),
    "bootkeep": ("/etc/apt/apt.conf.d/zz-bootkeep", "/etc/dpkg/dpkg.cfg.d/bootkeep"),
}
Times = dict[str, list[float]]

ASIDE = "/srv/bench"
#: Transactions: one that changes no configuration, and one that brings a daemon with some (etckeeper has something to commit then).
HELLO = ("hello",)
DAEMON = ("exim4-daemon-light", "exim4-base", "exim4-config")


def install(packages: tuple[str, ...]) -> str:
    """Shell command that installs the first package with what it needs."""
    return f"apt-get -q -y --no-install-recommends install {packages[0]} >/dev/null 2>&1"


def remove(packages: tuple[str, ...]) -> str:
    """Shell command that takes them away again, unseen by hooks."""
    return f"DPKG_FRONTEND_LOCKED=1 dpkg -P {' '.join(packages)} >/dev/null 2>&1"


#: Peak of the largest process below a command, in KiB (getrusage(2)).
PEAK = (
    "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, "
    "stderr=subprocess.DEVNULL); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)


def install_peers(host: DisposableHost, cache: Path) -> None:
    """Debian's own packages of the peers, with what they need there; fetched once, for the packages that this host has."""
    target = host.path("/srv/peers")
    target.mkdir(parents=True, exist_ok=True)
    for deb in fetch_for(host.path("/var/lib/dpkg/status"), cache / "debs" / "peers", PEERS):
        shutil.copy(deb, target / deb.name.replace("%3a", "."))
    host.must(["sh", "-c", "apt-get -q -y --no-install-recommends install /srv/peers/*.deb >/dev/null 2>&1"])
    host.must(["sh", "-c", "git config --global user.email root@web01; git config --global user.name root"])
    host.must(
        ["sh", "-c", "etckeeper init >/dev/null 2>&1; etckeeper commit first >/dev/null 2>&1; git -C /etc log -1"]
    )


def transactions(host: DisposableHost, rounds: int, packages: tuple[str, ...]) -> tuple[Times, Times]:
    """Seconds of one small ``apt-get install`` for each variant: by the clock, and of processor time."""
    every = [path for paths in SWITCHES.values() for path in paths]
    # mke2fs wrote the disk's files with change times of whole seconds, which are never trusted (edges.known_digests). A host
    # that was installed by writing its files has fractions.
    host.must(["find", "/etc", "/boot", "-xdev", "-type", "f", "-exec", "touch", "-ac", "{}", "+"])
    for path in every:
        host.must(["sh", "-c", f"mkdir -p {ASIDE}; cp -p {path} {ASIDE}/$(basename {path})"])
    wall: Times = {name: [] for name in SWITCHES}
    cpu: Times = {name: [] for name in SWITCHES}
    try:
        for _ in range(rounds):
            for name, paths in SWITCHES.items():
                off = "; ".join(f"rm -f {path}" for path in every)
                on = "; ".join(f"cp -p {ASIDE}/{Path(path).name} {path}" for path in paths) or "true"
                host.must(["sh", "-c", f"{off}; {on}; etckeeper commit switch >/dev/null 2>&1 || true"])
                # bash(1): of the command and everything that it waited for; what is detached does not hold apt up.
                said = host.must(["bash", "-c", f"TIMEFORMAT='%R %U %S'; {{ time {install(packages)}; }} 2>&1"])
                real, user, system = (float(word) for word in said.split())
                wall[name].append(real)
                cpu[name].append(user + system)
                host.must(["sh", "-c", remove(packages)])
    finally:
        for path in every:
            host.must(["cp", "-p", f"{ASIDE}/{Path(path).name}", path])
    return wall, cpu


def added(times: Times) -> dict[str, float]:
    """Median seconds that each variant adds to the same transaction with nothing."""
    plain = statistics.median(times["nothing"])
    return {name: statistics.median(some) - plain for name, some in times.items() if name != "nothing"}


def peak_memory_mib(host: DisposableHost) -> float:
    """The largest process of a hooked dpkg run: the hook's, unless dpkg itself is larger."""
    deb = "$(ls /srv/archive/base/hello_*.deb)"
    said = host.must(["sh", "-c", f"python3 -c '{PEAK}' dpkg -i {deb}"])
    host.must(["sh", "-c", remove(HELLO)])
    return int(said) / 1024


def store_bytes(host: DisposableHost, rounds: int = 4) -> int:
    """Bytes on disk that one small transaction leaves in the store, on average."""
    size = "du -s --block-size=1 /var/lib/bootkeep | cut -f1"
    before = int(host.must(["sh", "-c", size]))
    for _ in range(rounds):
        host.must(["sh", "-c", f"{install(HELLO)}; {remove(HELLO)}"])
    return (int(host.must(["sh", "-c", size])) - before) // rounds
