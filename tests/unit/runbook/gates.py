"""What must hold for every runbook, whatever the machine: used by the fixed machines and by the generated ones."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.codec import to_json
from bootkeep.facts.kernel import Initramfs
from bootkeep.facts.remedy import Place
from bootkeep.facts.runbook import BOOTS, CALL, ENDS, Runbook, RunbookStep
from bootkeep.facts.typed import COMMAND_WIDTH, unwrap
from bootkeep.remedies.layout import devices_of, layout_of
from bootkeep.runbook.cover import NEVER as COVER_NEVER

SHELLS = {Place.INITRAMFS, Place.EMERGENCY, Place.RESCUE, Place.TARGET, Place.LIVE}
GRUBS = {Place.GRUB, Place.GRUB_RESCUE}
UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|\b[0-9A-F]{4}-[0-9A-F]{4}\b")
#: Commands that have destroyed data which was still there. None of them may be on paper outside the stop box.
NEVER = re.compile(
    r"\bmkfs|\bwipefs|mdadm (?:--create|--zero-superblock)|luksFormat|cryptsetup reencrypt|removemissing|fsck -y|xfs_repair -L"
    r"|btrfs check --repair|zpool import -F"
    r"|\brm (?:-\w+ )*/boot/\*|zap-all|\bdd\b"
    r"|grub-reboot|grub-set-default [0-9]|GRUB_DEFAULT=[0-9]"
)
#: The same from the paper's own list, so that nothing is forbidden on page 1 and typed on page 5.
NEVER_PRINTED = re.compile(
    "|".join(
        r"(?<![\w-])" + re.escape(each).replace(re.escape("..."), ".*").replace(r"\ ", r"\s+(?:\S+\s+)*?")
        for each in COVER_NEVER
        if each != "reinstalling the system"
    )
)
#: Angle brackets and braces that somebody forgot to fill in. ${x} and $x belong to the shells.
PLACEHOLDER = re.compile(r"<[a-z_ -]+>|(?<!\$)\{[A-Za-z_]+\}|\bTODO\b|\bXXX\b|\bNone\b|/dev/sd[a-z]|Unknown\(|Absent\(")


def typed(steps: Iterable[RunbookStep], places: set[Place]) -> list[str]:
    return ["\n".join(step.step.command) for step in steps if step.step.place in places and step.step.command]


def accepted_by(argv: list[str], block: str) -> str:
    """What a parser says against a block; empty when it takes it."""
    done = subprocess.run(argv, input=block + "\n", text=True, capture_output=True, timeout=20)  # noqa: TID251
    return "" if done.returncode == 0 else f"{done.stderr}\n{block}"


def check_shells(runbook: Runbook) -> None:
    """Every shell block, and every undo, is a program that bash can parse; every GRUB block one that GRUB can."""
    blocks = typed(runbook.steps(), SHELLS)
    undo = ["\n".join(step.step.undo) for step in runbook.steps() if step.step.undo]
    for block in blocks + undo:
        # Each in a function of its own: one bash for all of them keeps the tests quick.
        assert block.strip()
    program = "\n".join(f"f() {{\n{block}\n:\n}}" for block in blocks + undo)
    problem = accepted_by(["bash", "-n"], program)
    if problem:
        for block in blocks + undo:
            assert not accepted_by(["bash", "-n"], block)
    assert not problem
    grub = typed(runbook.steps(), GRUBS)
    if grub:  # it refuses an empty file
        assert not accepted_by(["grub-script-check"], "\n".join(grub))


def check_words(runbook: Runbook) -> None:
    """ASCII, width, no placeholder, nothing from the never-list, the kernel release named."""
    for step in runbook.steps():
        for line in (*step.step.command, *step.step.undo):
            assert all(" " <= char <= "~" for char in line), (step.id, line)
            assert len(line) <= COMMAND_WIDTH, (step.id, line)
            assert not NEVER.search(line) and not NEVER_PRINTED.search(line), (step.id, line)
            assert not PLACEHOLDER.search(line), (step.id, line)
        for line in unwrap(step.step.command):
            if line.startswith("update-initramfs"):
                assert re.search(r" -k (?:\$K|[0-9])", line), (step.id, line)
                assert "K=" in "".join(step.step.command), step.id
            assert not re.match(r"(mkinitramfs|dracut|depmod -a)\s*$", line), (step.id, line)
            assert not re.match(r"\s*dracut\b(?!.* --kver \$K )", line), (step.id, line)
            assert not re.search(r"mkconfig -o \S*/EFI/", line), (step.id, "the stub on the ESP is never a target")
            assert not re.search(r"rpm -U\S* .*kernel", line), (step.id, "a kernel is installed beside, never over one")
            assert "uname -r" not in line or step.step.place is Place.LIVE, (step.id, line)
        if step.step.writes:
            assert step.step.undo, (step.id, "writes and cannot be taken back")
        if step.step.command and not step.blanks:
            assert step.step.expect, (step.id, "what should be seen?")


def check_graph(runbook: Runbook) -> None:
    """Every place that a step sends to exists, and from every section one gets to an end."""
    ids = {section.id for section in runbook.sections}
    edges = {section.id: section.leads_to for section in runbook.sections}
    for section in runbook.sections:
        assert section.leads_to <= ids | ENDS, (section.id, section.leads_to - ids - ENDS)
        for step in section.steps:
            assert step.otherwise, step.id
    lookups = {"X", "N"}
    for start in ids - lookups:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            here = waiting.pop()
            if here not in seen:
                seen.add(here)
                waiting.extend(edges.get(here, ()))
        assert seen & ENDS, f"no way out of section {start}"
    for start in ids - lookups:
        check_luck(runbook, start)
        for failing in range(4):
            check_misfortune(runbook, start, failing)
    numbers = [step.id for step in runbook.steps()]
    assert len(numbers) == len(set(numbers))
    assert len(ids) == len(runbook.sections)


def check_luck(runbook: Runbook, start: str) -> None:
    """Whoever sees at every step what it says gets to a boot, or to a call where the paper covers no more; never in a circle."""
    here, way = start, [start]
    while here not in ENDS:
        found = runbook.section(here)
        assert found is not None
        here = found.then[0]
        assert here not in way, f"in a circle although all goes well: {way} {here}"
        way.append(here)
    assert here in {BOOTS, CALL}, way
    assert here == BOOTS or runbook.not_covered, way


def check_misfortune(runbook: Runbook, start: str, failing: int) -> None:
    """Nobody is sent in a circle by 'IF NOT', whichever step of each section fails.

    By the rule of section S: sent back to a section that was worked through, one goes to R, and from R on one calls.
    """
    here, way = start, [start]
    while here not in ENDS:
        found = runbook.section(here)
        assert found is not None
        steps = found.steps
        there = steps[min(failing, len(steps) - 1)].otherwise if steps else found.then[0]
        if steps and there in way:
            if "R" in way:
                return
            there = "R"
        assert there not in way, f"in a circle: {way} {there}"
        way.append(there)
        here = there


def check_grub_files(runbook: Runbook, state: BootState) -> None:
    """What GRUB is told to load is a kernel, an initramfs or the menu of this host, as GRUB names its path."""
    layout = layout_of(state)
    kernels = state.kernels if isinstance(state.kernels, tuple) else ()
    images = [image.file.path for k in kernels if isinstance(image := k.initramfs, Initramfs)]
    files = {layout.in_loader(path) for path in (*(kernel.image.path for kernel in kernels), *images)}
    values: dict[str, str] = {}
    for step in runbook.steps():
        if step.step.place is not Place.GRUB or step.blanks:
            continue
        for line in step.step.command:
            for name, value in values.items():
                line = line.replace(f"${{{name}}}", value).replace(f"${name}", value)
            word, _, rest = line.partition(" ")
            if word == "set":
                name, _, value = rest.partition("=")
                values[name] = value.strip('"')
            elif word == "read":
                values[rest] = "READ"
            elif word in {"linux", "initrd"} and "READ" not in rest.split(" ")[0]:
                assert rest.split(" ")[0] in files, (step.id, line)


def check_devices(runbook: Runbook, state: BootState) -> None:
    """Every device that a command names is one of this host's: /dev/sda means another one on the rescue medium."""
    devices = devices_of(state)
    known = {path for d in devices for path in (d.path, f"/dev/mapper/{d.name}", *d.persistent_links)}
    crypttab = state.stacks.crypttab if isinstance(state.stacks.crypttab, tuple) else ()
    known |= {f"/dev/mapper/{line.name}" for line in crypttab} | {"/dev/null"}
    texts = to_json(state)
    for step in runbook.steps():
        for line in (*unwrap(step.step.command), *unwrap(step.step.undo)):
            for path in re.findall(r"(?<![\w/])/dev/[\w./:+@-]*\w", line):
                named = path.startswith("/dev/disk/by-uuid") or path in known or path == "/dev/disk/by-id"  # ls
                # A logical volume by its group's folder: dashes are doubled in the mapper's name.
                group, _, volume = path.removeprefix("/dev/").partition("/")
                mapped = f"{group.replace('-', '--')}-{volume.replace('-', '--')}"
                assert named or any(d.name == mapped for d in devices) or f'"{path}"' in texts, (step.id, path)


def check_facts(runbook: Runbook, state: BootState) -> None:
    """No UUID, no device, no file for GRUB and no path below /boot is on paper that the facts do not have."""
    check_grub_files(runbook, state)
    check_devices(runbook, state)
    facts = to_json(state)
    loader_files = {"/boot/grub/grub.cfg", "/boot/grub/grubenv", "/boot/efi"}
    loader_files |= {"/boot/grub2/grub.cfg", "/boot/grub2/grubenv", "/boot/loader/entries"}
    for step in runbook.steps():
        text = "\n".join((*unwrap(step.step.command), step.step.expect, *unwrap(step.step.undo)))
        for uuid in UUID.findall(text):
            assert uuid in facts, (step.id, uuid)
        for found in re.finditer(r"(?<![\w$])/boot/[A-Za-z0-9_.+~/-]*[A-Za-z0-9]", text):
            path = found[0]
            if text.startswith("-$K", found.end()):  # a kernel's file; its release is checked where K is set
                continue
            known = any(path.rstrip("/") in facts for _ in (0,)) or path in loader_files or path.endswith((f"-{'$K'}",))
            generic = re.fullmatch(r"/boot/(vmlinuz|initrd\.img|initramfs|initrd)", path) or path in {
                "/boot/grub",
                "/boot/grub2",
                "/boot/efi/EFI",
                "/boot/grub.cfg",
            }
            new_image = re.fullmatch(r"/boot/(?:initrd\.img-|initrd-|initramfs-)(.+?)(?:\.img)?", path)
            on_esp = re.fullmatch(r"(/boot/efi\w*)/EFI(?:/[A-Za-z]+/[A-Za-z0-9]+\.(?:efi|EFI))?", path)
            assert known or generic or (new_image and new_image[1] in facts) or (on_esp and on_esp[1] in facts), (
                step.id,
                path,
            )


def pages_of(pdf: bytes) -> list[str]:
    """The text of each page, laid out as on paper."""
    done = subprocess.run(["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True)  # noqa: TID251
    return done.stdout.decode().split("\f")[:-1]


def check_pdf(runbook: Runbook, pages: Iterable[str]) -> None:
    """Every command and every undo is on paper as it is typed: a line there is a line here, its spaces included."""
    lines = [line.strip() for page in pages for line in page.splitlines()]
    text = "\n".join(lines)
    for step in runbook.steps():
        for line in (*step.step.command, *step.step.undo):
            # Beside a short command stands what one should see, after a gap; before an undo stands its label.
            wanted = re.escape(line.strip())
            assert re.search(rf"(?m)(?:^|[ ]){wanted}(?:$|  )", text), (step.id, line)


def check_all(runbook: Runbook, state: BootState) -> None:
    check_words(runbook)
    check_graph(runbook)
    check_facts(runbook, state)
    check_shells(runbook)
