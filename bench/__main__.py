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
    host: DisposableHost, ours: str, theirs: str, between: str = "true"
) -> tuple[list[float], list[float]]:
    """Alternate the two; ``between`` puts the host back after each."""
    left: list[float] = []
    right: list[float] = []
    for _ in range(ROUNDS):
        for script, times in ((ours, left), (theirs, right)):
            times.append(timed(host, script))
            host.must(["sh", "-c", between])
    return left, right


def row(name: str, ours: list[float], theirs: list[float], peer: str) -> dict[str, object]:
    """One line of the result."""
    mine, other = statistics.median(ours), statistics.median(theirs)
    return {
        "what": name,
        "bootkeep_s": round(mine, 3),
        "peer": peer,
        "peer_s": round(other, 3),
        "ratio": round(mine / other, 2),
    }


def main() -> int:
    """Build the host, measure, print a table and one JSON document."""
    image = build(CACHE, staged(CACHE), _say)
    binds = {f"/srv/bootkeep/{name}": CHECKOUT / name for name in ("salt", "pillar")}
    rows = []
    with disposable_host(image, work=CACHE / "work", binds=binds) as host:
        install = "apt-get -q -y install hello >/dev/null 2>&1"
        remove = "dpkg -P hello >/dev/null 2>&1"
        quiet = repeated(host, install, remove)
        _say("applying the highstate")
        done = highstate.run(host)
        if done.failed or not done.results:
            sys.stderr.write(f"the highstate failed: {sorted(done.failed) or done.output[-1000:]}\n")
            return 1
        hooked = repeated(host, install, remove)
        rows.append(row("apt-get install hello, seen by the hooks", hooked, quiet, "the same without hooks"))
        article = "ps -ef >/tmp/ps.txt; ss -an >/tmp/netstat.txt; dpkg --verify >/tmp/verify.txt || true"
        times = side_by_side(host, "bootkeep snapshot --json >/tmp/snapshot.json", article)
        rows.append(row("a full snapshot", *times, peer="ps -ef; ss -an; dpkg --verify"))
        listing = "for i in /boot/initrd.img-*; do lsinitramfs $i >/dev/null; done"
        times = side_by_side(host, "bootkeep check --json >/tmp/check.json || true", listing)
        rows.append(row("bootkeep check", *times, peer="lsinitramfs of the same images"))
    for line in rows:
        sys.stdout.write(
            f"{line['what']:45} {line['bootkeep_s']:>8} s   {line['peer']:35} {line['peer_s']:>8} s   x{line['ratio']}\n"
        )
    sys.stdout.write(json.dumps(rows) + "\n")
    return 0


def repeated(host: DisposableHost, script: str, back: str) -> list[float]:
    """Times of a script that is taken back after each run."""
    times = []
    for _ in range(ROUNDS):
        times.append(timed(host, script))
        host.must(["sh", "-c", back])
    return times


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
