"""``make bench``: side-by-side measurements on one disposable host, in one run, as ratios.

Each pair is what bootkeep does against what an administrator would use instead for the same knowledge. Runs alternate, so
that a busy machine slows both; the median of each is compared.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

from bench import hooks

from bootkeep.lab import highstate
from bootkeep.lab.host import DisposableHost, disposable_host
from bootkeep.lab.image import build
from bootkeep.lab.salt_python import staged

CHECKOUT = Path(__file__).parents[1]
CACHE = CHECKOUT / ".cache"
ROUNDS = 7


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


def row(name: str, ours: list[float], theirs: list[float], peer: str) -> dict[str, object]:
    """One line of the result."""
    mine, other = statistics.median(ours), statistics.median(theirs)
    line: dict[str, object] = {
        "what": name,
        "bootkeep_s": round(mine, 3),
        "peer": peer,
        "peer_s": round(other, 3),
        "ratio": round(mine / other, 2),
    }
    _say(json.dumps(line))  # at once: a run that is stopped has shown what it had
    return line


def main() -> int:
    """Build the host, measure, print a table and one JSON document."""
    image = build(CACHE, staged(CACHE), _say)
    binds = {f"/srv/bootkeep/{name}": CHECKOUT / name for name in ("salt", "pillar")}
    rows = []
    with disposable_host(image, work=CACHE / "work", binds=binds) as host:
        _say("applying the highstate")
        done = highstate.run(host)
        if done.failed or not done.results:
            sys.stderr.write(f"the highstate failed: {sorted(done.failed) or done.output[-1000:]}\n")
            return 1
        _say("installing the peers: needrestart, etckeeper, AIDE")
        hooks.install_peers(host, CACHE)
        installs = hooks.transactions(host, ROUNDS)
        cost = hooks.added(installs)
        for peer in ("etckeeper", "needrestart"):
            name = "added to apt-get install hello"
            rows.append(row(name, [cost["bootkeep"]], [cost[peer]], f"{peer}, its own addition"))
        rows.append(row("apt-get install hello", installs["bootkeep"], installs["nothing"], "the same without hooks"))
        article = "ps -ef >/tmp/ps.txt; ss -an >/tmp/netstat.txt; dpkg --verify >/tmp/verify.txt || true"
        snapshot = "bootkeep snapshot --json >/tmp/snapshot.json"
        rows.append(
            row("a full snapshot", *side_by_side(host, snapshot, article), peer="ps -ef; ss -an; dpkg --verify")
        )
        _say("AIDE makes its database")
        host.must(["sh", "-c", "aideinit -y -f >/dev/null 2>&1; test -s /var/lib/aide/aide.db"], timeout_s=600)
        aide = "aide --config /etc/aide/aide.conf --check >/tmp/aide.txt 2>&1 || true"
        rows.append(row("a full snapshot", *side_by_side(host, snapshot, aide, rounds=2), peer="aide --check"))
        sizes = {"peak_mib": round(hooks.peak_memory_mib(host), 1), "store_bytes": hooks.store_bytes(host)}
        listing = "for i in /boot/initrd.img-*; do lsinitramfs $i >/dev/null; done"
        times = side_by_side(host, "bootkeep check --json >/tmp/check.json || true", listing)
        rows.append(row("bootkeep check", *times, peer="lsinitramfs of the same images"))
    sys.stdout.write(
        f"a hook's largest process: {sizes['peak_mib']} MiB; the store grows {sizes['store_bytes']} bytes a transaction\n"
    )
    for line in rows:
        sys.stdout.write(
            f"{line['what']:45} {line['bootkeep_s']:>8} s   {line['peer']:35} {line['peer_s']:>8} s   x{line['ratio']}\n"
        )
    sys.stdout.write(json.dumps({"rows": rows, **sizes}) + "\n")
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
