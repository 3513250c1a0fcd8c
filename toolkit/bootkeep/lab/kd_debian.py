"""The Debian part of the story: the running kernel is replaced in place by one that panics, and the preserved one comes up."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from bootkeep.edges.serial_console import SerialConsole
from bootkeep.edges.store import Store
from bootkeep.flows.report import build_report, render
from bootkeep.lab import archive, highstate
from bootkeep.lab.boots import Preserved, choose_preserved, preserved_problems
from bootkeep.lab.chroot import LabError
from bootkeep.lab.claims import Chapter
from bootkeep.lab.host import DisposableHost, disposable_host
from bootkeep.lab.image import Image
from bootkeep.lab.panicking import make_it_panic
from bootkeep.lab.scenarios import boot_digests
from bootkeep.lab.vm import boot

PANIC = "Kernel panic - not syncing"
#: An emulated machine on a busy one: more than ten times what such a boot takes.
BOOT_S = 600.0
#: The last words of the line after a transaction.
_JUDGED = r"GO: safe to reboot|[Dd]o not reboot|NO-GO|UNKNOWN"
_END_KEY = "\x05"  # Ctrl-E: GRUB's menu goes to its last entry


def play_debian(image: Image, *, work: Path, binds: Mapping[str, Path], say: Callable[[str], None]) -> Chapter:
    """The whole of it."""
    chapter = Chapter("Debian: the running kernel is replaced in place (same ABI) by one that panics")
    with tempfile.TemporaryDirectory(dir=work, prefix="kd-") as folder:
        disk = Path(folder) / "debian.img"
        with disposable_host(image, work=work, binds=binds, keep=disk) as host:
            say("Debian: the formula makes the host boot-safe (salt-call --local state.highstate)")
            done = highstate.run(host)
            chapter.claim("the highstate succeeds", bool(done.results) and not done.failed, str(sorted(done.failed)))
            preserved = _replace(host, image, Path(folder), chapter, say)
            title = _title(host)
        if preserved is None or not title:
            chapter.claim("the kernel from before is preserved, with a boot entry of its own", False, title)
            return chapter
        say("Debian: reboot into the new kernel")
        first = boot(disk, timeout_s=BOOT_S)
        chapter.keep("debian-1-new-kernel.console.txt", first.console)
        chapter.claim("the new kernel panics", PANIC in first.died_of, first.died_of or first.console[-600:])
        say("Debian: reboot; somebody at the console chooses the preserved entry")
        second = boot(disk, timeout_s=BOOT_S, at_console=lambda console: choose(console, title))
        chapter.keep("debian-2-preserved-entry.console.txt", second.console)
        problems = preserved_problems(second, preserved)
        facts = second.facts
        seen = f"{facts.get('release')}, {facts.get('version')}; modules: {facts.get('modules')}; {facts.get('state')}"
        chapter.claim(
            f"the entry {title!r} comes up: the same build as before, with its own modules",
            not problems,
            "\n".join(problems) if problems else seen,
        )
    return chapter


def choose(console: SerialConsole, title: str) -> None:
    """At GRUB's menu: go to the entry with this title, which is the last one, and start it."""
    if not console.wait_for("highlighted entry will be executed", timeout_s=120):
        raise LabError("GRUB's menu did not appear", where="serial console", next_step=console.seen[-400:])
    console.press(_END_KEY)
    if not console.wait_for(f"*{title[:40]}", timeout_s=60):
        raise LabError(f"the menu has no entry {title!r}", where="serial console", next_step=console.seen[-800:])
    console.press("\r")


def _replace(
    host: DisposableHost, image: Image, folder: Path, chapter: Chapter, say: Callable[[str], None]
) -> Preserved | None:
    """``dpkg -i`` of the next build of the running kernel; what of the old one is there afterwards."""
    release = image.kernels[1]
    say(f"Debian: building the next version of linux-image-{release}, one that panics")
    original = archive.one(host.path("/srv/archive/updates"), f"linux-image-{release}_*.deb")
    deb = archive.repack(original, folder, suffix="+panics1", edit=lambda tree: _edit(tree, folder))
    shutil.copy(deb, host.path("/root"))
    before = boot_digests(host)
    say("Debian: dpkg -i linux-image-*.deb")
    done = host.run(["sh", "-c", "exec dpkg -i /root/linux-image-*.deb"], timeout_s=600)
    after = boot_digests(host)
    store = Store(host.path("/var/lib/bootkeep"))
    newest = store.newest(1)
    report = build_report(store, newest[0].id) if newest else None
    chapter.claim("dpkg -i succeeds", done.exit_code == 0, done.stdout + done.stderr)
    line = next((line for line in reversed(done.stderr.splitlines()) if line.startswith("bootkeep:")), "")
    chapter.claim(
        "the transaction is recorded and judged on the screen",
        bool(newest) and f"recorded as {newest[0].id}; " in line and bool(re.search(_JUDGED, line)),
        line or done.stderr,
    )
    if report is not None:
        chapter.keep("debian-report.txt", render(report, "text"))
        chapter.keep("debian-report.html", render(report, "html"))
        words = (f"kernel {release}", "was replaced in place", "is preserved")
        chapter.claim(
            "the report says what became of the kernels: replaced in place, and the build from before is preserved",
            all(word in report.headline for word in words) and release in report.kernels.preserved,
            report.headline,
        )
    place = f"/boot/vmlinuz-{release}"
    chapter.claim(
        "the image was replaced in place",
        bool(before.get(place)) and bool(after.get(place)) and before[place] != after[place],
        place,
    )
    kept = _kept(before, after, release)
    chapter.claim(
        f"all {len(kept)} kernel files of the old build are kept, unchanged", bool(kept) and all(kept.values())
    )
    preserved = choose_preserved(host, once=False)
    chapter.keep("debian-bootkeep.cfg", host.path("/boot/grub/bootkeep.cfg").read_bytes())
    check = host.run(["bootkeep", "check"], timeout_s=120)
    chapter.keep("debian-check.txt", check.stdout + check.stderr)
    return preserved


def _edit(tree: Path, work: Path) -> None:
    make_it_panic(next(iter(sorted((tree / "boot").glob("vmlinuz-*")))), work)


def _kept(before: Mapping[str, str], after: Mapping[str, str], release: str) -> dict[str, bool]:
    """Every file of the old build -> whether a preserved copy with its digest is there."""
    copies = {digest for path, digest in after.items() if "/bootkeep/" in path}
    boot = tuple(f"/boot/{name}-{release}" for name in ("vmlinuz", "initrd.img", "System.map", "config"))
    prefixes = (*boot, f"/usr/lib/modules/{release}/kernel/")
    return {path: digest in copies for path, digest in before.items() if path.startswith(prefixes)}


def _title(host: DisposableHost) -> str:
    """The entry's title, as the menu shows it; empty when there is not exactly one."""
    found = re.findall(r"(?m)^menuentry '([^']+)'", host.path("/boot/grub/bootkeep.cfg").read_text(encoding="utf-8"))
    return found[0] if len(found) == 1 else ""
