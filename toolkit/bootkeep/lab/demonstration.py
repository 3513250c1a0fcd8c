"""``make run``: a disposable Debian 12 host is made boot-safe, patched in eight ways, judged, and its pages are written.

Everything on the host is done as an administrator would: ``salt-call --local state.highstate``, ``apt-get``, ``dpkg``,
``unattended-upgrade``. Every claim of the summary is checked on the host; a claim that does not hold ends with exit code 1.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bootkeep.edges.files import replace_file
from bootkeep.edges.store import Store
from bootkeep.facts.errors import BootkeepError
from bootkeep.lab import pages
from bootkeep.lab.boots import Boots, boot_for_real, choose_preserved
from bootkeep.lab.highstate import Highstate, apply_three_times
from bootkeep.lab.host import DisposableHost, disposable_host
from bootkeep.lab.image import Image, build
from bootkeep.lab.salt_python import staged
from bootkeep.lab.scenarios import Scene, play, problems, scenarios
from bootkeep.reports.index import IndexEntry

CHECKOUT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True)
class Told:
    """One line of the summary."""

    letter: str
    what: str
    said: str
    wrong: tuple[str, ...]
    entries: tuple[IndexEntry, ...]


class Progress:
    """Says what is going on, with the time since the start, on standard error."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def __call__(self, text: str) -> None:
        """One line."""
        sys.stderr.write(f"[{time.monotonic() - self._start:6.1f} s] {text}\n")
        sys.stderr.flush()

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return time.monotonic() - self._start


def main() -> int:
    """Parse the arguments, run, and say how it went."""
    parser = argparse.ArgumentParser(description="bootkeep's main job on a disposable Debian host")
    parser.add_argument("--out", type=Path, default=Path("out"), help="where reports and runbook go")
    parser.add_argument("--cache", type=Path, default=Path(".cache"), help="where the built host is kept")
    parser.add_argument("--work", type=Path, help="where the running host's disk lies; <cache>/work when not given")
    options = parser.parse_args()
    # The host is taken down on the way out. Explicitly for SIGINT too: a shell's background job starts with it ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    progress = Progress()
    try:
        work = options.work or options.cache / "work"
        return demonstrate(options.out.absolute(), options.cache.absolute(), work.absolute(), progress)
    except BootkeepError as error:
        sys.stderr.write(f"bootkeep: {error}\n")
        return 5
    except KeyboardInterrupt:
        sys.stderr.write("\nbootkeep: stopped; the disposable host is gone, nothing else was touched.\n")
        return 130


def _end(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def demonstrate(out: Path, cache: Path, work: Path, progress: Progress) -> int:
    """The whole of it; 0 when every claim holds."""
    image = build(cache, staged(cache), progress)
    draft = _fresh_folder(out)
    binds = {f"/srv/bootkeep/{name}": CHECKOUT / name for name in ("salt", "pillar")}
    progress(f"starting the host: kernels {' and '.join(image.kernels)}, systemd, sshd, cron; loopback only")
    disk = work / "patched.img"
    with disposable_host(image, work=work, binds=binds, keep=disk) as host:
        highstate = apply_three_times(host, progress)
        told = _transactions(host, image, progress, draft)
        progress("the verdict, and the runbook as text, HTML and PDF")
        verdict = pages.verdict_and_runbook(host, draft)
        preserved = choose_preserved(host)
    try:
        boots = boot_for_real(disk, image, preserved, progress)
    finally:
        disk.unlink(missing_ok=True)
    pages.write_index(draft, highstate, [entry for item in told for entry in item.entries], verdict)
    lines = summary(highstate, told, verdict, boots, progress.seconds)
    replace_file(draft / "summary.txt", "\n".join(lines).encode() + b"\n", mode=0o644)
    _swap(draft, out)
    sys.stdout.write("\n".join(lines) + f"\n\nopen {out / 'index.html'}\n")
    return 1 if _wrong(highstate, told, verdict, boots) else 0


def _fresh_folder(out: Path) -> Path:
    draft = out.with_name(f".{out.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    return draft


def _swap(draft: Path, out: Path) -> None:
    """The new results replace the old ones as a whole."""
    shutil.rmtree(out, ignore_errors=True)
    draft.rename(out)


def _transactions(host: DisposableHost, image: Image, progress: Callable[[str], None], out: Path) -> list[Told]:
    scene = Scene(host, image, Store(host.path("/var/lib/bootkeep")))
    told = []
    for scenario in scenarios(image):
        progress(f"({scenario.letter}) {scenario.title}")
        played = play(scene, scenario)
        wrong = problems(scene, played)
        entries = pages.write_reports(scene, played, out)
        said = "\n      ".join(entry.headline for entry in entries)
        told.append(Told(scenario.letter, scenario.title, said, tuple(wrong), tuple(entries)))
        for line in wrong:
            progress(f"    DOES NOT HOLD: {line}")
    return told


def _wrong(highstate: Highstate, told: list[Told], verdict: pages.Judged, boots: Boots) -> int:
    """How many claims do not hold."""
    return sum(len(item.wrong) for item in told) + len(highstate.problems) + len(verdict.wrong) + len(boots.problems)


def summary(highstate: Highstate, told: list[Told], verdict: pages.Judged, boots: Boots, seconds: float) -> list[str]:
    """What a person reads at the end."""
    lines = ["", "bootkeep on a disposable Debian 12 host", "=" * 39, "", "Highstate"]
    lines += [f"  {line}" for line in highstate.lines]
    lines += ["", "Transactions, each with a report in out/reports"]
    for item in told:
        lines += [f"  ({item.letter}) {item.what}", f"      {item.said}"]
        lines += [f"      DOES NOT HOLD: {line}" for line in item.wrong]
    lines += ["", "May this host be rebooted?", *(f"  {line}" for line in verdict.lines)]
    lines += ["", "And booted for real (its own disk and GRUB, in an emulated machine)"]
    lines += [f"  {line}" for line in boots.lines]
    lines += ["", "If it does not come up: out/runbook.pdf (print it), .txt, .html"]
    wrong = _wrong(highstate, told, verdict, boots)
    holds = f"{wrong} claims do not hold" if wrong else "Every claim above was checked on the host and holds"
    return [*lines, "", f"{holds}; {seconds:.0f} s."]


if __name__ == "__main__":
    sys.exit(main())
