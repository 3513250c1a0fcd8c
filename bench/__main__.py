"""``make bench``: side-by-side measurements on one disposable host, in one run, as ratios.

Each pair is what bootkeep does against what an administrator would use instead for the same knowledge. Runs alternate, so
that a busy machine slows both; the median of each is compared. ``python -m bench --only check`` runs one part.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench import boot_check, fleet, hooks, preserving

from bootkeep.edges.run import run
from bootkeep.lab import highstate
from bootkeep.lab.chroot import checked
from bootkeep.lab.host import DisposableHost, disposable_host
from bootkeep.lab.image import Image, build
from bootkeep.lab.salt_python import staged

CHECKOUT = Path(__file__).parents[1]
CACHE = CHECKOUT / ".cache"
ROUNDS = 7

Row = dict[str, object]


def timed(host: DisposableHost, script: str) -> float:
    """Seconds of wall time of one shell script in the host; it has to succeed."""
    started = time.monotonic()
    host.must(["sh", "-c", script])
    return time.monotonic() - started


def side_by_side(
    host: DisposableHost, ours: str, theirs: str, between: str = "true", rounds: int = 0
) -> tuple[list[float], list[float]]:
    """Alternate the two; ``between`` puts the host back after each."""
    left: list[float] = []
    right: list[float] = []
    for _ in range(rounds or ROUNDS):
        for script, times in ((ours, left), (theirs, right)):
            times.append(timed(host, script))
            host.must(["sh", "-c", between])
    return left, right


def row(name: str, ours: list[float], theirs: list[float], peer: str, unit: str = "s") -> Row:
    """One line of the result."""
    mine, other = statistics.median(ours), statistics.median(theirs)
    line: Row = {
        "what": name,
        f"bootkeep_{unit}": round(mine, 3),
        "peer": peer,
        f"peer_{unit}": round(other, 3),
        "ratio": round(mine / other, 2),
        "unit": unit,
    }
    _say(json.dumps(line))  # at once: a run that is stopped has shown what it had
    return line


def hooks_part(host: DisposableHost, _image: Image) -> list[Row]:
    """What a hook adds to a small transaction, beside the peers' hooks."""
    _say("installing the peers: needrestart, etckeeper, AIDE")
    hooks.install_peers(host, CACHE)
    rows = []
    for packages in (hooks.HELLO, hooks.DAEMON):
        wall, processor = hooks.transactions(host, ROUNDS, packages)
        command = f"apt-get install {packages[0]}"
        for name, times in ((f"added to {command}", wall), ("the same, processor time", processor)):
            cost = hooks.added(times)
            rows += [
                row(name, [cost["bootkeep"]], [cost[peer]], f"{peer}, its own addition")
                for peer in ("etckeeper", "needrestart")
            ]
        rows.append(row(command, wall["bootkeep"], wall["nothing"], "the same without hooks"))
    sizes: Row = {"peak_mib": round(hooks.peak_memory_mib(host), 1), "store_bytes": hooks.store_bytes(host)}
    _say(json.dumps(sizes))
    return [*rows, sizes]


def snapshot_part(host: DisposableHost, _image: Image) -> list[Row]:
    """A full snapshot, beside the article's commands and AIDE."""
    hooks.install_peers(host, CACHE)
    article = "ps -ef >/tmp/ps.txt; ss -an >/tmp/netstat.txt; dpkg --verify >/tmp/verify.txt || true"
    snapshot = "bootkeep snapshot --json >/tmp/snapshot.json"
    rows = [row("a full snapshot", *side_by_side(host, snapshot, article), peer="ps -ef; ss -an; dpkg --verify")]
    _say("AIDE makes its database")
    host.must(["sh", "-c", "aideinit -y -f >/dev/null 2>&1; test -s /var/lib/aide/aide.db"], timeout_s=600)
    aide = "aide --config /etc/aide/aide.conf --check >/tmp/aide.txt 2>&1 || true"
    rows.append(row("a full snapshot", *side_by_side(host, snapshot, aide, rounds=2), peer="aide --check"))
    return rows


def check_part(host: DisposableHost, image: Image) -> list[Row]:
    """The verdict on a host with three kernels, beside lsinitramfs of the same images; then with one image of 300 MiB."""
    _say(boot_check.add_third_kernel(host, image).rstrip())
    rows = []
    for name, peer, rounds in (
        ("check, 3 kernels", "lsinitramfs of the same images", ROUNDS),
        ("check, one image has 300 MiB more", "lsinitramfs of the same images", 2),
    ):
        rows.append(row(name, *side_by_side(host, boot_check.CHECK, boot_check.LISTING, rounds=rounds), peer=peer))
        ours, theirs = (boot_check.usage(host, script) for script in (boot_check.CHECK, boot_check.LISTING))
        rows.append(row(f"{name}: peak memory", [ours[0]], [theirs[0]], peer=peer, unit="MiB"))
        rows.append(row(f"{name}: processor time", [ours[1]], [theirs[1]], peer=peer))
        if name.startswith("check, 3"):
            boot_check.grow_image(host, image)
    return rows


PARTS: dict[str, Callable[[DisposableHost, Image], list[Row]]] = {
    "hooks": hooks_part,
    "snapshot": snapshot_part,
    "check": check_part,
    "fleet": lambda _host, _image: fleet.measure(
        hosts=(500, 1500, 5000), events=1000
    ),  # alone, without the host: python -m bench.fleet
}


def main(arguments: list[str]) -> int:
    """Build the host, measure, print a table and one JSON document."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Side-by-side measurements on one host.")
    parser.add_argument("--only", choices=sorted(PARTS), action="append", help="run this part (may be given again)")
    wanted = parser.parse_args(arguments).only or list(PARTS)
    tool = [sys.executable, str(CHECKOUT / "tools" / "build_wheels.py")]
    checked(run(tool, timeout_s=300, directory=str(CHECKOUT)), "building the wheel that the highstate installs")
    CACHE.mkdir(exist_ok=True)
    sys.stdout.write(preserving.main(CACHE))
    image = build(CACHE, staged(CACHE), _say)
    binds = {f"/srv/bootkeep/{name}": CHECKOUT / name for name in ("salt", "pillar")}
    rows: list[Row] = []
    with disposable_host(image, work=CACHE / "work", binds=binds) as host:
        _say("applying the highstate")
        done = highstate.run(host)
        if done.failed or not done.results:
            sys.stderr.write(f"the highstate failed: {sorted(done.failed) or done.output[-1000:]}\n")
            return 1
        for name in PARTS:
            if name in wanted:
                rows += PARTS[name](host, image)
    for line in rows:
        sys.stdout.write(_as_text(line))
    sys.stdout.write(json.dumps({"rows": rows}) + "\n")
    return 0


def _as_text(line: Row) -> str:
    if "what" not in line:
        return f"a hook's largest process: {line['peak_mib']} MiB; the store grows {line['store_bytes']} bytes a transaction\n"
    if "unit" not in line:  # the fleet's rows have no peer beside each number
        return json.dumps(line) + "\n"
    unit = line["unit"]
    ours, theirs = f"{line[f'bootkeep_{unit}']} {unit}", f"{line[f'peer_{unit}']} {unit}"
    return f"{line['what']:50} {ours:>12}   {line['peer']:34} {theirs:>12}   x{line['ratio']}\n"


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
