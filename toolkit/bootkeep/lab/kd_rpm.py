"""The rpm part of the story: K.D.'s command on a host that nobody protects, on one that bootkeep protects, and by the paper."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from bootkeep.edges.config import load_policy
from bootkeep.edges.qemu import powered_on
from bootkeep.edges.run import Completed
from bootkeep.edges.serial_console import SerialConsole
from bootkeep.edges.store import Store
from bootkeep.facts.codec import from_json
from bootkeep.facts.reading import Snapshot
from bootkeep.facts.runbook import Runbook
from bootkeep.flows.check import check_readings
from bootkeep.flows.report import build_report, render
from bootkeep.flows.runbook import make_runbook, render_runbook
from bootkeep.lab import highstate
from bootkeep.lab.chroot import LabError
from bootkeep.lab.claims import Chapter
from bootkeep.lab.host import DisposableHost, disposable_host
from bootkeep.lab.image import Image
from bootkeep.lab.scenarios import boot_digests
from bootkeep.lab.typist import MENU, PROMPT, follow
from bootkeep.lab.vm import Boot, boot, wait_for_proof

#: K.D.'s own command line, in a folder of packages.
COMMAND = "cd /srv/rpms/updates && rpm -Uvh *.rpm"
#: An emulated machine on a busy one: more than ten times what such a boot takes.
BOOT_S = 600.0
_PROMPT_S = 120.0
_DEADLINE_S = 60
#: A host with one kernel is never GO, and the state that says so fails: that is its purpose.
_VERDICT = "bootkeep-bootable-verdict"
Say = Callable[[str], None]


def play_unprotected(image: Image, *, work: Path, binds: Mapping[str, Path], say: Say) -> list[Chapter]:
    """First what happened to K.D.; then the same machine with the paper in hand."""
    story = Chapter("rpm, nobody protects the host: rpm -Uvh *.rpm; reboot")
    paper = Chapter("the same machine, with the runbook in hand: its own lines, typed over the serial line")
    with tempfile.TemporaryDirectory(dir=work, prefix="kd-") as folder:
        disk = Path(folder) / "unprotected.img"
        with disposable_host(image, work=work, binds=binds, keep=disk) as host:
            say("unprotected: the toolkit is there, the hooks are not")
            install_toolkit(host)
            say(f"unprotected: {COMMAND}")
            before = boot_digests(host)
            done = host.run(["sh", "-c", COMMAND], timeout_s=600)
            after = boot_digests(host)
            story.keep("1-unprotected-rpm.txt", done.stdout + done.stderr)
            story.claim("rpm -Uvh succeeds, without a word of warning", done.exit_code == 0, _last_line(done))
            gone = sorted(path for path in before if path not in after and path.startswith("/boot/vmlinuz-"))
            story.claim("the only kernel that ever booted here is gone", len(gone) == 1, ", ".join(gone))
            say("unprotected: bootkeep check, before the reboot that fails")
            check = host.run(["bootkeep", "check"], timeout_s=300)
            story.keep("1-unprotected-check.txt", check.stdout + check.stderr)
            named = re.findall(r"^\s+(\S+ \(B0[18]\))", check.stdout, re.MULTILINE)
            story.claim(
                "bootkeep check says NO-GO before the reboot, and names B01 and B08",
                check.exit_code == 1 and {"B01", "B08"} <= {one[-4:-1] for one in named},
                "NO-GO: " + ", ".join(named) if named else check.stdout + check.stderr,
            )
            runbook = paper_of(host, paper)
        say("unprotected: reboot")
        first = boot(disk, timeout_s=BOOT_S)
        story.keep("1-unprotected.console.txt", first.console)
        story.claim("it does not come up", not first.came_up and bool(first.died_of), first.died_of or _tail(first))
        say("unprotected: somebody sits down at the console with the runbook")
        _by_the_paper(disk, runbook, image, paper)
    return [story, paper]


def play_protected(image: Image, *, work: Path, binds: Mapping[str, Path], say: Say) -> Chapter:
    """The same command where the formula was applied before."""
    chapter = Chapter("rpm, bootkeep protects the host: the same command, the same reboot")
    with tempfile.TemporaryDirectory(dir=work, prefix="kd-") as folder:
        disk = Path(folder) / "protected.img"
        with disposable_host(image, work=work, binds=binds, keep=disk) as host:
            say("protected: salt-call --local state.highstate")
            done = highstate.run(host)
            failed = {line for line in done.failed if not line.startswith(_VERDICT)}
            chapter.claim(
                "the highstate protects the host", bool(done.results) and not failed, "; ".join(sorted(failed))
            )
            how = _hooks_in_force(host)
            chapter.claim("the hooks of rpm are in force", bool(how), how)
            before = boot_digests(host)
            say(f"protected: {COMMAND}")
            ran = host.run(["sh", "-c", COMMAND], timeout_s=600)
            after = boot_digests(host)
            chapter.keep("2-protected-rpm.txt", ran.stdout + ran.stderr)
            chapter.claim("rpm -Uvh succeeds", ran.exit_code == 0, _last_line(ran))
            said = [line for line in (ran.stdout + ran.stderr).splitlines() if line.startswith("bootkeep")]
            chapter.claim("it ends with bootkeep's word on the screen", bool(said), "\n".join(said))
            _both_kernels(host, image, before, after, chapter)
            _verdict_and_report(host, chapter)
        say("protected: reboot")
        done_boot = boot(disk, timeout_s=BOOT_S)
        chapter.keep("2-protected.console.txt", done_boot.console)
        facts = done_boot.facts
        chapter.claim(
            f"it comes up, on the kernel from before ({image.kernels[1]})",
            facts.get("release") == image.kernels[1]
            and facts.get("state") == "running"
            and facts.get("loads") == "yes",
            _boot_line(done_boot),
        )
    return chapter


def _hooks_in_force(host: DisposableHost) -> str:
    """Which package of hooks the formula installed; empty when it did not.

    Its deadline is made longer: this machine may have ten other things to do, and what is shown here is no benchmark.
    """
    done = host.run(["rpm", "-q", "bootkeep-hooks"])
    if done.exit_code != 0:
        return ""
    host.write("/etc/bootkeep/hooks.conf", f"python='/opt/salt/bin/python3'\ndeadline={_DEADLINE_S}\n")
    edit = f's/"hook_deadline_s": [0-9.]*/"hook_deadline_s": {_DEADLINE_S}/'
    host.must(["sed", "-i", edit, "/etc/bootkeep/config.json"])
    return f"{done.stdout.strip()}, installed by the formula"


def install_toolkit(host: DisposableHost) -> None:
    """The toolkit in Salt's Python, and nothing else of the formula: no hook, no preserved kernel."""
    host.must(["salt-call", "--local", "--out=quiet", "saltutil.sync_all"], timeout_s=300)
    host.must(["salt-call", "--local", "--retcode-passthrough", "state.apply", "bootkeep.install"], timeout_s=600)


def paper_of(host: DisposableHost, chapter: Chapter) -> Runbook:
    """The host's runbook, as the host's own readings make it."""
    taken = host.must(["bootkeep", "snapshot", "--boot", "--json"], timeout_s=300)
    snapshot = from_json(Snapshot, taken, where="bootkeep snapshot --boot --json")
    policy = load_policy(host.path("/"))
    runbook = make_runbook(check_readings(snapshot.readings, policy, taken_at=snapshot.taken_at), policy)
    chapter.keep("3-runbook.txt", render_runbook(runbook, "text"))
    return runbook


def _by_the_paper(disk: Path, runbook: Runbook, image: Image, chapter: Chapter) -> None:
    with powered_on(disk) as console:
        said = console.wait_for("Press any key to continue", timeout_s=BOOT_S)
        chapter.claim("the screen shows what section W has a line for", bool(said), _error_line(console.seen))
        to_the_prompt(console)
        typed = follow(console, runbook, "H")
        facts = wait_for_proof(console, timeout_s=BOOT_S)
        chapter.keep("3-by-the-runbook.console.txt", console.seen)
        chapter.keep("3-typed.txt", "\n".join(typed) + "\n")
        chapter.claim(
            "section H, typed line by line, brings it up",
            facts.get("release") == image.third_kernel and facts.get("state") == "running",
            _boot_line(Boot(facts, console.seen, 0.0)),
        )


def to_the_prompt(console: SerialConsole) -> None:
    """From GRUB's error to its prompt, as the paper's section P says: any key, the menu, c."""
    console.press(" ")
    console.wait_for(*MENU, timeout_s=_PROMPT_S)
    console.press("c")
    if not console.wait_for(PROMPT, timeout_s=_PROMPT_S):
        raise LabError("GRUB's prompt did not come", where="serial console", next_step=console.seen[-600:])


def _both_kernels(
    host: DisposableHost, image: Image, before: Mapping[str, str], after: Mapping[str, str], chapter: Chapter
) -> None:
    old, new = image.kernels[1], image.third_kernel
    wanted = {path: digest for path, digest in before.items() if old in path and "bootkeep" not in path}
    # /boot/config-* and System.map-* are for people to read: no boot needs them, and they are not kept.
    readable = ("/boot/loader/", "/boot/config-", "/boot/System.map-")
    wanted = {path: digest for path, digest in wanted.items() if not path.startswith(readable)}
    wrong = sorted(path for path, digest in wanted.items() if after.get(path) != digest)
    chapter.claim(
        f"image, initramfs and modules of kernel {old} ({len(wanted)} files) have the checksums from before",
        bool(wanted) and not wrong,
        f"{len(wrong)} differ or are gone, first {wrong[:3]}" if wrong else "",
    )
    there = [f"/boot/vmlinuz-{new}", f"/boot/initramfs-{new}.img"]
    chapter.claim(f"kernel {new} came beside it", all(path in after for path in there), ", ".join(there))
    menu = "".join(
        host.path(path).read_text(encoding="utf-8")
        for path in ("/boot/grub2/grub.cfg", "/boot/grub2/bootkeep.cfg")
        if host.path(path).exists()
    )
    chapter.claim(f"GRUB's menu leads to {old}", f"vmlinuz-{old}" in menu or f"bootkeep/{old}" in menu)


def _verdict_and_report(host: DisposableHost, chapter: Chapter) -> None:
    check = host.run(["bootkeep", "check"], timeout_s=300)
    chapter.keep("2-protected-check.txt", check.stdout + check.stderr)
    names = re.findall(r"^\d+\. \S+ (.*)$", check.stdout, re.MULTILINE)
    told = check.exit_code == 0 or (check.exit_code in {1, 3} and bool(names) and "     " in check.stdout)
    first = (check.stdout.splitlines() or [""])[0]
    chapter.claim("the verdict is GO, or names exactly what to do", told, "\n".join([first, *names]))
    store = Store(host.path("/var/lib/bootkeep"))
    newest = store.newest(1)
    if not newest:
        chapter.claim("the transaction is on record", False)
        return
    report = build_report(store, newest[0].id)
    chapter.keep("2-protected-report.txt", render(report, "text"))
    chapter.keep("2-protected-report.html", render(report, "html"))
    names = [change.name for change in newest[0].changes]
    chapter.claim(
        "the record names all packages", {"kernel-core", "acmed", "grub2-tools"} <= set(names), ", ".join(names)
    )
    text = render(report, "text")
    chapter.claim("the report lists what else they changed (acmed)", "acmed" in text, report.headline)


def _last_line(done: Completed) -> str:
    return f"exit code {done.exit_code}" if done.exit_code == 0 else done.stdout + done.stderr


def _tail(done: Boot) -> str:
    return done.console[-600:]


def _error_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if "error:" in line), text[-300:])


def _boot_line(done: Boot) -> str:
    facts = done.facts
    if not facts:
        return done.died_of or _tail(done)
    return f"{facts.get('release')} came up {facts.get('state')}; its modules load: {facts.get('loads')}"
