"""The rpm part of the story: K.D.'s command on a host that nobody protects, on one that bootkeep protects, and by the paper."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from bootkeep.edges.config import load_policy
from bootkeep.edges.qemu import powered_on
from bootkeep.edges.run import Completed
from bootkeep.edges.serial_console import SerialConsole
from bootkeep.edges.store import Store
from bootkeep.facts.change import ChangeClass
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
from bootkeep.lab.paper import do_as_it_says, leads_to, row_for, texts
from bootkeep.lab.rpm.flavours import ROOT_UUID
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
_LAST, _UP = "\x05", "\x10"  # Ctrl-E and Ctrl-P: GRUB's menu goes to its last entry, to the one above
_CONFIG = "/etc/acmed"
_MINE = "# edited by hand, change 4711\nport = 8001\n"
_IMAGE = "/boot/vmlinuz-"
#: Debian's rpm tells everybody that it is on the wrong system.
_NOISE = ("rpm: RPM should not be used directly", "rpm: However assuming")
_LAST_WORD = r"^bootkeep: \d+ packages recorded as \S+; .*(?:GO: safe to reboot|[Dd]o not reboot|NO-GO)"
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
            words = [line for line in _said(done) if re.search(r"warn|error|bootkeep", line, re.IGNORECASE)]
            story.claim(
                "rpm -Uvh succeeds, without a word of warning",
                done.exit_code == 0 and not words,
                texts(words) or _last_line(done),
            )
            had, has = kernels_in(before), kernels_in(after)
            story.claim(
                "the only kernel that ever booted here is gone: image, initramfs and modules",
                had == {image.kernels[1]} and not [path for path in after if image.kernels[1] in path],
                f"before {', '.join(sorted(had))}; after {', '.join(sorted(has))}",
            )
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
            story.claim("no hook of bootkeep saw any of it", not Store(host.path("/var/lib/bootkeep")).newest(1))
        say("unprotected: reboot")
        first = boot(disk, timeout_s=BOOT_S)
        story.keep("1-unprotected.console.txt", first.console)
        gone = f"/boot/vmlinuz-{image.kernels[1]}"
        story.claim(
            "it does not come up: GRUB looks for the kernel that is gone",
            not first.came_up and f"file `{gone}' not found" in first.console,
            first.died_of or _tail(first),
        )
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
            for name in ("keep.conf", "replaced.conf"):
                host.write(f"{_CONFIG}/{name}", _MINE)
            before = boot_digests(host)
            say(f"protected: {COMMAND}")
            ran = host.run(["sh", "-c", COMMAND], timeout_s=600)
            after = boot_digests(host)
            chapter.keep("2-protected-rpm.txt", ran.stdout + ran.stderr)
            chapter.claim("rpm -Uvh succeeds", ran.exit_code == 0, _last_line(ran))
            said = _said(ran)
            chapter.claim(
                "it ends with bootkeep's word on the screen: what is on record, and whether to reboot",
                bool(said) and bool(re.search(_LAST_WORD, said[-1])),
                said[-1] if said else "nothing",
            )
            _both_kernels(host, image, before, after, chapter)
            _record_and_report(host, chapter)
            _verdict(host, image, chapter)
            title = _entry_in_menu(host, image.kernels[1], before.get(f"{_IMAGE}{image.kernels[1]}", "?")).partition(
                ": "
            )[0]
        say("protected: reboot")
        _reboots(disk, image, title, chapter, say)
    return chapter


def _reboots(disk: Path, image: Image, title: str, chapter: Chapter, say: Say) -> None:
    """Into what the menu starts by itself now, and into the kernel from before, chosen at the menu."""
    first = boot(disk, timeout_s=BOOT_S)
    chapter.keep("2-protected.console.txt", first.console)
    chapter.claim(
        f"it comes up, on the new kernel ({image.third_kernel})", _up(first, image.third_kernel), _boot_line(first)
    )
    if not title:
        chapter.claim("the kernel from before has an entry to choose", False)
        return
    say("protected: reboot; somebody at the console chooses the kernel from before")
    second = boot(disk, timeout_s=BOOT_S, at_console=lambda console: choose(console, title))
    chapter.keep("2-protected-kernel-from-before.console.txt", second.console)
    chapter.claim(
        f"the kernel from before ({image.kernels[1]}), chosen at the menu, comes up as well",
        _up(second, image.kernels[1]),
        _boot_line(second),
    )


def choose(console: SerialConsole, title: str) -> None:
    """At GRUB's menu: from its last entry upwards to the one with this title, and start it."""
    if not console.wait_for(MENU[0], timeout_s=_PROMPT_S):
        raise LabError("GRUB's menu did not appear", where="serial console", next_step=console.seen[-400:])
    for key in (_LAST, *(_UP,) * 4):
        console.press(key)
        if console.wait_for(f"*{title[:40]}", timeout_s=15):
            console.press("\r")
            return
    raise LabError(f"the menu has no entry {title!r}", where="serial console", next_step=console.seen[-800:])


def _up(done: Boot, release: str) -> bool:
    facts = done.facts
    return facts.get("release") == release and facts.get("state") == "running" and facts.get("loads") == "yes"


def _hooks_in_force(host: DisposableHost) -> str:
    """Which package of hooks the formula installed, whole and with its triggers; empty when it did not.

    Its deadline is made longer: this machine may have ten other things to do, and what is shown here is no benchmark.
    """
    done = host.run(["rpm", "-q", "bootkeep-hooks"])
    whole = host.run(["rpm", "-V", "bootkeep-hooks"])
    triggers = host.run(["rpm", "-q", "--filetriggers", "bootkeep-hooks"])
    works = host.run(["/opt/salt/bin/python3", "-I", "-c", "import bootkeep.hooks.entry"])
    if done.exit_code or whole.exit_code or works.exit_code or "transfiletriggerun" not in triggers.stdout:
        return ""
    host.write("/etc/bootkeep/hooks.conf", f"python='/opt/salt/bin/python3'\ndeadline={_DEADLINE_S}\n")
    edit = f's/"hook_deadline_s": [0-9.]*/"hook_deadline_s": {_DEADLINE_S}/'
    host.must(["sed", "-i", edit, "/etc/bootkeep/config.json"])
    return f"{done.stdout.strip()}, installed by the formula, as it was packaged"


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
        console.wait_for("Press any key to continue", timeout_s=BOOT_S)
        row = row_for(runbook, console.seen)
        start = next(iter(re.findall(r"^[A-Z]\b", row[2])), "") if row else ""
        chapter.claim(
            "the screen shows what section W has a line for, and the paper leads from there to section H",
            bool(row) and leads_to(runbook, start, "H"),
            f"{_error_line(console.seen)}\nW: {row[0]} -> {row[2]}" if row else _error_line(console.seen),
        )
        to_the_prompt(console)
        typed = follow(console, runbook, "H")
        facts = wait_for_proof(console, timeout_s=BOOT_S)
        chapter.keep("3-by-the-runbook.console.txt", console.seen)
        chapter.keep("3-typed.txt", "\n".join(typed) + "\n")
        chapter.claim(
            "section H, typed line by line, brings it up",
            _up(Boot(facts, "", 0.0), image.third_kernel),
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
    wrong = sorted(path for path, digest in wanted.items() if after.get(path) != digest)
    names = {path.rsplit("/", 1)[-1] for path in wanted}
    least = {f"vmlinuz-{old}", f"initramfs-{old}.img", f"System.map-{old}", f"config-{old}"}
    chapter.claim(
        f"every file of kernel {old} ({len(wanted)}: image, initramfs, System.map, config, boot entry, modules) has the "
        "checksum from before",
        least <= names and len(wanted) > len(least) + 30 and not wrong,
        f"{len(wrong)} differ or are gone, first {wrong[:3]}" if wrong else "",
    )
    tree = f"/usr/lib/modules/{new}"
    packaged = host.run(["sh", "-c", f"sha256sum {tree}/vmlinuz /boot/vmlinuz-{new} | cut -d' ' -f1 | uniq | wc -l"])
    modules = [path for path in after if path.startswith(f"{tree}/kernel/")]
    chapter.claim(
        f"kernel {new} came beside it, whole: its image is the package's, with initramfs and modules",
        packaged.stdout.strip() == "1" and f"/boot/initramfs-{new}.img" in after and len(modules) > 30,
        f"{len(modules)} modules",
    )
    entry = _entry_in_menu(host, old, before.get(f"/boot/vmlinuz-{old}", "?"))
    chapter.claim(
        f"GRUB's menu has an entry that loads {old}, the very image, with its initramfs and this host's root=",
        bool(entry),
        entry,
    )


def _entry_in_menu(host: DisposableHost, release: str, image_sha256: str) -> str:
    """An entry of the menu whose files are there and are those from before; empty when there is none."""
    plain = json.loads(host.run(["bootkeep", "check", "--json"], timeout_s=300).stdout)
    for entry in plain["state"]["grub"]["entries"]:
        kernel = host.path(entry["kernel_path"]) if entry["kernel_path"] else None
        if kernel is None or release not in entry["kernel_path"] or not kernel.is_file():
            continue
        same = hashlib.sha256(kernel.read_bytes()).hexdigest() == image_sha256
        initramfs = [host.path(path).is_file() for path in entry["initramfs_paths"]]
        if same and initramfs and all(initramfs) and f"root=UUID={ROOT_UUID}" in entry["arguments"]:
            return f"{entry['title']}: {entry['kernel_path']}"
    return ""


def _verdict(host: DisposableHost, image: Image, chapter: Chapter) -> None:
    first = host.run(["bootkeep", "check"], timeout_s=300)
    chapter.keep("2-protected-check.txt", first.stdout + first.stderr)
    names = re.findall(r"^\d+\. \S+ (.*)$", first.stdout, re.MULTILINE)
    out = do_as_it_says(host)
    chapter.keep("2-protected-typed.txt", texts(out.typed) + "\n")
    last = host.run(["bootkeep", "check"], timeout_s=300)
    chapter.keep("2-protected-check-afterwards.txt", last.stdout + last.stderr)
    chapter.claim(
        "the verdict is GO, or names exactly what to do: typed as printed, it is GO",
        out.go and not out.failed and last.exit_code == 0,
        texts([*out.words[:1], *names, *(f"typed: {line}" for line in out.typed), *out.words[1:], *out.failed]),
    )
    entry = _entry_in_menu(host, image.third_kernel, _digest(host, f"/boot/vmlinuz-{image.third_kernel}"))
    chapter.claim("then the menu leads to both kernels", bool(entry), entry)


def _digest(host: DisposableHost, path: str) -> str:
    place = host.path(path)
    return hashlib.sha256(place.read_bytes()).hexdigest() if place.is_file() else "not there"


def _record_and_report(host: DisposableHost, chapter: Chapter) -> None:
    store = Store(host.path("/var/lib/bootkeep"))
    newest = store.newest(1)
    if not newest:
        chapter.claim("the transaction is on record", False)
        return
    report = build_report(store, newest[0].id)
    text = render(report, "text")
    chapter.keep("2-protected-report.txt", text)
    chapter.keep("2-protected-report.html", render(report, "html"))
    asked = host.must(
        [
            "sh",
            "-c",
            "cd /srv/rpms/updates && rpm -qp --qf '%{NAME} %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\\n' *.rpm",
        ]
    )
    wanted = {tuple(line.split()) for line in asked.splitlines() if len(line.split()) == 2}
    recorded = {(change.name, change.new_version) for change in newest[0].changes}
    chapter.claim(
        "the record names every package of the folder, in its version, and no other",
        bool(wanted) and recorded == wanted,
        ", ".join(sorted(" ".join(one) for one in recorded)),
    )
    told = {
        change.key: change for section in report.sections for change in section.changes if change.package == "acmed"
    }
    replaced, kept = told.get(f"{_CONFIG}/replaced.conf"), told.get(f"{_CONFIG}/keep.conf.rpmnew")
    chapter.claim(
        "the report lists what else they changed: the configuration of acmed, replaced and kept, with the package's name",
        replaced is not None
        and replaced.change_class is ChangeClass.CONFIG_REPLACED
        and kept is not None
        and kept.change_class is ChangeClass.CONFIG_KEPT
        and all(change.key in text for change in (replaced, kept)),
        texts(change.sentence for change in (replaced, kept) if change is not None) or texts(sorted(told)),
    )
    back = host.run(["bootkeep", "restore-config", "last", f"{_CONFIG}/replaced.conf", "--apply"], timeout_s=120)
    chapter.claim(
        "restore-config puts the administrator's file back",
        back.exit_code == 0 and host.path(f"{_CONFIG}/replaced.conf").read_text(encoding="utf-8") == _MINE,
        _last_line(back),
    )


def kernels_in(digests: Mapping[str, str]) -> set[str]:
    """Releases of the kernels that stand in /boot, ours not counted."""
    return {path.removeprefix(_IMAGE) for path in digests if path.startswith(_IMAGE)}


def _said(done: Completed) -> list[str]:
    """What was on the screen, without what Debian's rpm says about itself."""
    lines = (line.strip() for line in (done.stdout + done.stderr).splitlines())
    return [line for line in lines if line and not line.startswith(_NOISE)]


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
