"""``make kd``: what happened to K.D., and what would have happened with bootkeep, in real boots.

Each disk is booted by its own firmware and GRUB in an emulated machine. Every claim of the summary is looked at on the disk or on
the machine's console; one that does not hold ends with exit code 1.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bootkeep.edges.files import replace_file
from bootkeep.facts.errors import BootkeepError
from bootkeep.lab.claims import Chapter
from bootkeep.lab.demonstration import CHECKOUT, Progress
from bootkeep.lab.image import build
from bootkeep.lab.kd_debian import play_debian
from bootkeep.lab.kd_rpm import play_protected, play_unprotected
from bootkeep.lab.rpm.root import rpm_root
from bootkeep.lab.salt_python import staged
from bootkeep.lab.static_menu import static_menu_disk

CHAPTERS = ("unprotected", "protected", "debian")


def main() -> int:
    """Parse the arguments, play, and say how it went."""
    parser = argparse.ArgumentParser(description="what happened to K.D., in real boots")
    parser.add_argument("--out", type=Path, default=Path("out/kd"), help="where consoles, reports and runbooks go")
    parser.add_argument("--cache", type=Path, default=Path(".cache"), help="where built hosts are kept")
    parser.add_argument(
        "--work", type=Path, help="where the disks lie while they are used; <cache>/work when not given"
    )
    parser.add_argument("--only", choices=CHAPTERS, action="append", help="one chapter only; may be given again")
    options = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _end)
    progress = Progress()
    cache = options.cache.absolute()
    work = (options.work or cache / "work").absolute()
    try:
        work.mkdir(parents=True, exist_ok=True)
        chapters = play(tuple(options.only or CHAPTERS), cache, work, progress)
        return tell(chapters, options.out.absolute(), progress.seconds)
    except BootkeepError as error:
        sys.stderr.write(f"bootkeep: {error}\n")
        return 5
    except KeyboardInterrupt:
        sys.stderr.write("\nbootkeep: stopped; the disposable machines are gone, nothing else was touched.\n")
        return 130


def _end(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def play(names: tuple[str, ...], cache: Path, work: Path, say: Callable[[str], None]) -> list[Chapter]:
    """The chapters, in their order."""
    chapters: list[Chapter] = []
    binds = {f"/srv/bootkeep/{name}": CHECKOUT / name for name in ("salt", "pillar")}
    salt = staged(cache)
    if {"unprotected", "protected"} & set(names):
        built = rpm_root(cache, "el9", say)
        with tempfile.TemporaryDirectory(dir=work, prefix="kd-el-") as folder:
            say("making the disk of an EL 9 host with one kernel and a static menu")
            image = static_menu_disk(built, salt, Path(folder) / "el.img")
            if "unprotected" in names:
                chapters += play_unprotected(image, work=work, binds=binds, say=say)
            if "protected" in names:
                chapters.append(play_protected(image, work=work, binds=binds, say=say))
    if "debian" in names:
        chapters.append(play_debian(build(cache, salt, say), work=work, binds=binds, say=say))
    return chapters


def tell(chapters: list[Chapter], out: Path, seconds: float) -> int:
    """Write what the chapters left, print the summary; 0 when every claim holds."""
    draft = out.with_name(f".{out.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for chapter in chapters:
        for name, content in chapter.files.items():
            replace_file(draft / name, content, mode=0o644)
    wrong = sum(chapter.wrong for chapter in chapters)
    lines = ["", "What happened to K.D.", "=" * 21]
    for chapter in chapters:
        lines += ["", *chapter.lines()]
    count = sum(len(chapter.claims) for chapter in chapters)
    ending = f"{wrong} of {count} claims do not hold" if wrong else f"All {count} claims were checked and hold"
    lines += ["", f"{ending}; {seconds:.0f} s. Consoles, reports and runbooks: {out}"]
    replace_file(draft / "summary.txt", "\n".join(lines).encode() + b"\n", mode=0o644)
    shutil.rmtree(out, ignore_errors=True)
    draft.rename(out)
    sys.stdout.write("\n".join(lines) + "\n")
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main())
