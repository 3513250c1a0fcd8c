"""Generated machines: whatever the layout and whatever the strings, the gates hold."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootkeep.facts.boot_entry import GrubConfig
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.machine import Identity
from bootkeep.facts.policy import Person, Policy, Site
from bootkeep.facts.typed import unwrap
from bootkeep.remedies.layout import layout_of, mount_order
from bootkeep.reports.runbook_html import runbook_html
from bootkeep.reports.runbook_text import runbook_text
from bootkeep.runbook.compose import compose
from bootkeep.runbook.fingerprint import fingerprint_of
from unit.runbook.gates import PLACEHOLDER, check_facts, check_graph, check_shells, check_words
from unit.runbook.machines import AT, GO, POLICY, disk, line, machine, mount, part

TARGETS = ("/boot", "/boot/efi", "/usr", "/usr/local", "/var", "/var/lib", "/var/log", "/var/lib/dpkg", "/home", "/srv")
#: Hostile on purpose: quotes, expansions, newlines, terminal escapes, markup, letters that no console has.
HOSTILE = st.text(
    st.one_of(st.sampled_from("'\"`$(){}[]<>|;&\\\n\t\x1b#*!~ \u00e9\u2013\udcff%^"), st.characters(codec="utf-8")),
    max_size=30,
).filter(lambda text: not PLACEHOLDER.search(text))  # a folder that is really called {A} is none of ours, forgotten


@st.composite
def layouts(draw: st.DrawFn) -> BootState:
    targets = ["/", *draw(st.lists(st.sampled_from(TARGETS), unique=True, max_size=6))]
    order = draw(st.permutations(targets))
    devices = [disk()]
    for number, target in enumerate(targets, start=1):
        file_system = "vfat" if "efi" in target else draw(st.sampled_from(("ext4", "xfs", "btrfs")))
        uuid = str(draw(st.uuids())) if file_system != "vfat" else "1A2B-3C4D"
        devices.append(part(number, file_system, uuid, target))
    by_target = {device.mountpoints[0]: device for device in devices[1:]}
    roots = {t: "/@" if d.file_system == "btrfs" else "/" for t, d in by_target.items()}
    mounts = tuple(mount(t, by_target[t].path, by_target[t].file_system, roots[t]) for t in order)
    fstab = tuple(
        line(n, f"UUID={by_target[t].uuid}", t, by_target[t].file_system) for n, t in enumerate(order, start=1)
    )
    return machine(
        mode=draw(st.sampled_from(("bios", "uefi"))),
        devices=tuple(draw(st.permutations(devices))),
        mounts=mounts,
        fstab=fstab,
        search=by_target.get("/boot", by_target["/"]).uuid,
    )


@given(st.lists(st.sampled_from(("/", *TARGETS)), unique=True))
def test_mount_order_is_a_topological_sort(targets: list[str]) -> None:
    order = mount_order(targets)
    assert sorted(order) == sorted(targets)
    for position, target in enumerate(order):
        for later in order[position + 1 :]:
            assert not target.startswith(later.rstrip("/") + "/"), (target, later)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(layouts())
def test_the_gates_hold_for_any_layout(state: BootState) -> None:
    runbook = compose(state, GO, POLICY, generated_at=AT)
    check_words(runbook)
    check_graph(runbook)
    check_facts(runbook, state)
    check_shells(runbook)
    wanted = [volume.target for volume in layout_of(state).volumes]
    rescue, verify = runbook.section("R"), runbook.section("V")
    assert rescue is not None
    assert verify is not None
    typed = [line for step in rescue.steps if step.step.say.startswith("Mount ") for line in unwrap(step.step.command)]
    places = [line.rpartition(" ")[2] for line in typed if line.startswith("mount ") and "--make" not in line]
    assert places == ["/mnt/target" + ("" if t == "/" else t) for t in wanted]
    out = [text for step in verify.steps for text in step.step.command if text.startswith("umount /mnt/target")]
    assert out == [f"umount {place}" for place in reversed(places)]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(layouts(), st.lists(HOSTILE, min_size=9, max_size=9))
def test_hostile_strings_break_no_block_and_leave_ascii(state: BootState, texts: list[str]) -> None:
    host, label, title, spec, target, person, place, release, arguments = texts
    assert isinstance(state.block_devices, tuple)
    assert isinstance(state.fstab, tuple)
    assert isinstance(state.grub, GrubConfig)
    assert isinstance(state.kernels, tuple)
    state = replace(
        state,
        identity=Identity(host, host, label, label, label, "x86_64"),
        block_devices=tuple(replace(d, label=label, serial=label, model=label) for d in state.block_devices),
        fstab=(*state.fstab, line(90, f"LABEL={spec}", "/" + target, "ext4"), line(91, spec, "/srv/" + target, spec)),
        grub=replace(
            state.grub,
            entries=tuple(replace(e, title=title, id=title, arguments=arguments) for e in state.grub.entries),
        ),
        kernels=(*state.kernels, replace(state.kernels[0], release=release)),
        running_release=release,
        running_arguments=arguments,
        root_drivers=(release, "ext4"),
    )
    policy = Policy(people=(Person(person, person, person),), site=Site(place, place, place, place, place))
    runbook = compose(state, GO, policy, generated_at=AT)
    check_words(runbook)
    check_graph(runbook)
    check_shells(runbook)
    text = runbook_text(runbook)
    assert text.isascii()
    assert max(len(row) for row in text.splitlines()) <= 72
    assert "\x1b" not in runbook_html(runbook)
    assert fingerprint_of(state, policy) == fingerprint_of(state, policy)
