"""``make fleet-faults``: a real master and a real minion fail in every way; each package that changed is on the master, once.

    python -m bootkeep.lab.fleet_faults [--small] [--only NAME]

The host is a disposable Debian with systemd; its transactions are real runs of dpkg with the hooks in force, a package of its own
in each. What is counted is not what anybody says of itself: the packages that were installed, against the packages that the
records in the master's store name. In none: lost. In two: recorded twice.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bootkeep.edges.run import run
from bootkeep.facts.errors import BootkeepError
from bootkeep.lab.chroot import LabError, checked
from bootkeep.lab.demonstration import Progress
from bootkeep.lab.fault_bench import Bench, Tally
from bootkeep.lab.faults import FAULTS
from bootkeep.lab.fleet_hosts import (
    DEBIAN,
    FleetHost,
    fleet_host,
    images,
    in_own_namespaces,
    master_of_checkout,
    protected,
    until_they_answer,
)
from bootkeep.lab.image import Image
from bootkeep.lab.salt_daemons import remove, scratch_folder

#: MiB of the small file systems that the store of the master and that of the host lie on.
MASTER_MIB, HOST_MIB = 400, 200


@contextlib.contextmanager
def small_file_system(place: Path, mib: int) -> Iterator[None]:
    """A file system of its own below ``place``; goes away with this process's mount namespace at the latest."""
    place.mkdir(parents=True, mode=0o700)
    argv = ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=700", "bootkeep-lab", str(place)]
    checked(run(argv, timeout_s=20), "mount")
    try:
        yield
    finally:
        run(["umount", "--lazy", str(place)], timeout_s=20)


@contextlib.contextmanager
def bench(image: Image, root: Path, work: Path, say: Progress) -> Iterator[Bench]:
    """A master and a host, each with its store on a small file system of its own; the formula is applied."""
    place = root / "master-data"
    fleet = master_of_checkout(
        root, engine={"status_every": 30.0, "free_mib": 4}, reactor_worker_hwm=100,
        bootkeep={"dsn": f"sqlite:///{place / 'fleet.sqlite'}", "limits": {"free": 1024 * 1024}},
    )  # fmt: skip
    with contextlib.ExitStack() as stack:
        stack.enter_context(small_file_system(place, MASTER_MIB))
        stack.callback(fleet.stop)
        fleet.master.start()
        fleet.wait_for_master()
        say("starting a Debian host with a minion")
        host = stack.enter_context(fleet_host(DEBIAN, 1, image, fleet, work))
        _small_store(host)
        until_they_answer(fleet, [host.name])
        say("salt '*' state.highstate")
        done = protected(fleet, {host.name: host}, say)[host.name]
        if done.failed:
            raise LabError(f"the highstate failed: {'; '.join(done.failed)}", where=host.name, next_step="Read it.")
        yield Bench(fleet, host, say)


def _small_store(host: FleetHost) -> None:
    host.host.must(["mkdir", "-p", "-m", "700", "/var/lib/bootkeep"])
    host.host.must(["mount", "-t", "tmpfs", "-o", f"size={HOST_MIB}m,mode=700", "lab", "/var/lib/bootkeep"])


def run_faults(names: list[str], under_test: Bench, *, small: bool) -> Iterator[Tally]:
    """One fault after the other on the same fleet."""
    for name in names:
        fault = FAULTS[name]
        count = max(4, fault.count // 8) if small else fault.count
        under_test.say(f"{fault.title}: {count} transactions")
        note = fault.play(under_test, count)
        yield under_test.tally(fault.title, note)


def _end(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run them in namespaces of their own; exit code 1 when a package was lost or came twice."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer transactions, for a quick look")
    parser.add_argument("--only", choices=sorted(FAULTS), action="append", help="this fault; may be repeated")
    parser.add_argument("--cache", type=Path, default=Path(".cache"), help="where the built host is kept")
    wanted = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    say = Progress()
    cache = wanted.cache.absolute()
    root = Path()
    tallies: list[Tally] = []
    try:
        built = images((DEBIAN,), cache, say)[DEBIAN.prefix]
        in_own_namespaces("bootkeep.lab.fleet_faults")
        root = scratch_folder("faults")
        with bench(built, root, cache / "work", say) as under_test:
            sys.stdout.write(Tally.head() + "\n")
            for tally in run_faults(wanted.only or list(FAULTS), under_test, small=wanted.small):
                sys.stdout.write(tally.line() + "\n")
                sys.stdout.flush()
                tallies.append(tally)
    except BootkeepError as error:
        sys.stderr.write(f"bootkeep: {error}\n")
        return 5
    except KeyboardInterrupt:
        sys.stderr.write("\nbootkeep: stopped; master and host are gone, nothing else was touched.\n")
        return 130
    finally:
        if root.name:
            remove(root)
    bad = sum(tally.bad for tally in tallies)
    made = sum(tally.made for tally in tallies)
    sys.stdout.write(
        f"{made} transactions; lost, twice or unconfirmed: {bad}; {time.strftime('%H:%M')}, {say.seconds:.0f} s\n"
    )
    return 1 if bad or not made else 0


if __name__ == "__main__":
    sys.exit(main())
