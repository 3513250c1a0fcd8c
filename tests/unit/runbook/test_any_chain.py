"""Generated storage chains: disk, partition, md, LUKS, LVM, file system, stacked in any order that can exist."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootkeep.facts.boot_state import BootState
from bootkeep.facts.storage import BlockDevice
from bootkeep.facts.typed import unwrap
from bootkeep.remedies.assembly import ARRAY, assembly_of, topological
from bootkeep.remedies.layout import layout_of
from bootkeep.runbook.compose import compose
from bootkeep.runbook.fingerprint import fingerprint_of
from unit.runbook.gates import check_facts, check_graph, check_shells, check_words
from unit.runbook.machines import AT, GO, POLICY, disk, line, machine, mount, part
from unit.runbook.stacked_machines import made_device

TARGETS = ("/boot", "/usr", "/var", "/var/lib")


@st.composite
def chains(draw: st.DrawFn) -> BootState:
    """Two disks; each file system on its own pile of up to four layers, volume groups shared between some of them."""
    devices: list[BlockDevice] = [disk("sda", serial="S1"), disk("sdb", serial="S2")]
    targets = ["/", *draw(st.lists(st.sampled_from(TARGETS), unique=True, max_size=3))]
    shared: dict[str, str] = {}  # volume group -> its physical volume's device
    mounts = []
    lines = []
    for number, target in enumerate(targets, start=1):
        tops: list[str] = []
        pile = draw(st.lists(st.sampled_from(("md", "luks", "lvm")), max_size=4))
        for name in ("sda", "sdb") if pile[:1] == ["md"] else (draw(st.sampled_from(("sda", "sdb"))),):
            devices.append(part(number, "", "", "", parent=name))
            tops.append(f"{name}{number}")
        for depth, layer in enumerate(pile):
            label = f"{number}{depth}"
            uuid = str(draw(st.uuids()))
            if layer == "lvm" and draw(st.booleans()) and shared:
                group = draw(st.sampled_from(sorted(shared)))
                tops = [shared[group]]
            else:
                group = f"vg-{label}"
            holds = {"md": "linux_raid_member", "luks": "crypto_LUKS", "lvm": "LVM2_member"}[layer]
            devices = [
                replace(d, file_system=holds, uuid=uuid) if d.name in tops and not d.file_system else d for d in devices
            ]
            if layer == "lvm":
                shared.setdefault(group, tops[0])
            name = {"md": f"md{label}", "luks": f"crypt{label}", "lvm": f"{group.replace('-', '--')}-lv{label}"}[layer]
            kind = {"md": "raid1", "luks": "crypt", "lvm": "lvm"}[layer]
            devices.append(made_device(name, kind, "", "", "", *tops, mapper=layer != "md"))
            tops = [name]
        uuid = str(draw(st.uuids()))
        file_system = draw(st.sampled_from(("ext4", "xfs", "btrfs")))
        devices = [
            replace(d, file_system=file_system, uuid=uuid, mountpoints=(target,)) if d.name == tops[0] else d
            for d in devices
        ]
        path = next(d.path for d in devices if d.name == tops[0])
        mounts.append(mount(target, path, file_system, "/@" if file_system == "btrfs" else "/"))
        lines.append(line(number, f"UUID={uuid}", target, file_system))
    return machine(devices=tuple(draw(st.permutations(devices))), mounts=tuple(mounts), fstab=tuple(lines))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(chains())
def test_every_layer_comes_after_what_it_stands_on(state: BootState) -> None:
    layout = layout_of(state)
    assert layout.covered, layout.not_covered
    assert isinstance(state.block_devices, tuple)
    layers = layout.assembly.layers
    position = {layer.key: number for number, layer in enumerate(layers)}
    assert len(position) == len(layers)
    for layer in layers:
        assert all(position[need] < position[layer.key] for need in layer.needs)
    # Whatever is neither a disk nor a partition below a volume is made by a layer that is opened.
    by_name = {d.name: d for d in state.block_devices}
    opened = {name for layer in layers for name in layer.devices}
    for volume in layout.volumes:
        assert volume.device is not None
        waiting = [volume.device.name]
        while waiting:
            device = by_name[waiting.pop()]
            assert device.kind in {"disk", "part"} or device.name in opened
            waiting += device.parents


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(chains())
def test_the_paper_opens_mounts_and_closes_in_order(state: BootState) -> None:
    runbook = compose(state, GO, POLICY, generated_at=AT)
    check_words(runbook)
    check_graph(runbook)
    check_facts(runbook, state)
    check_shells(runbook)
    rescue, verify = runbook.section("R"), runbook.section("V")
    assert rescue is not None
    assert verify is not None
    typed = [text for row in rescue.steps for text in unwrap(row.step.command)]
    out = [text for row in verify.steps for text in unwrap(row.step.command)]
    opened = [_opened(text) for text in typed if _opened(text)]
    closed = [_closed(text) for text in out if _closed(text)]
    assert closed == list(reversed(opened))
    assert set(opened) == {
        "md" if layer.kind == ARRAY else f"{layer.kind} {layer.name}" for layer in layout_of(state).assembly.layers
    }
    mounts = [number for number, text in enumerate(typed) if text.startswith("mount ") and "/mnt/target" in text]
    last = max((number for number, text in enumerate(typed) if _opened(text)), default=-1)
    assert last < min(mounts)


def _opened(text: str) -> str:
    if text == "mdadm --assemble --scan":
        return "md"
    match = re.fullmatch(r"cryptsetup open UUID=\S+ (\S+)", text)
    group = re.fullmatch(r"vgchange -ay (\S+)", text)
    return f"luks {match[1]}" if match else f"lvm {group[1]}" if group else ""


def _closed(text: str) -> str:
    if text == "mdadm --stop --scan":
        return "md"
    match = re.fullmatch(r"cryptsetup close (\S+)", text)
    group = re.fullmatch(r"vgchange -an (\S+)", text)
    return f"luks {match[1]}" if match else f"lvm {group[1]}" if group else ""


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(chains())
def test_the_fingerprint_does_not_see_names_or_order(state: BootState) -> None:
    """Disks found in another order, arrays numbered anew, somebody's stick plugged in: the same machine."""
    assert isinstance(state.block_devices, tuple)
    assert isinstance(state.mounts, tuple)
    new = {
        "sda": "sdx",
        "sdb": "sda",
        **{d.name: f"md{n + 120}" for n, d in enumerate(state.block_devices) if d.kind == "raid1"},
    }

    def name(text: str) -> str:
        return re.sub(r"(?<![\w-])(sda|sdb|md\d+)", lambda match: new.get(match[1], match[1]), text)

    stick = replace(disk("sdy", serial="STICK", link=""), removable=True)
    moved = tuple(
        replace(d, name=name(d.name), path=name(d.path), parents=tuple(map(name, d.parents)))
        for d in reversed(state.block_devices)
    )
    after = replace(
        state,
        block_devices=(stick, replace(part(1, "vfat", "AAAA-BBBB", "", parent="sdy"), removable=True), *moved),
        mounts=tuple(replace(m, source=name(m.source)) for m in reversed(state.mounts)),
    )
    assert fingerprint_of(after, POLICY) == fingerprint_of(state, POLICY)


def test_what_waits_for_each_other_is_told_apart() -> None:
    assert topological({"a": ["b"], "b": ["a"], "c": []}) == (["c"], ["a", "b"])
    pool = made_device("x-y", "lvm", "ext4", "u", "/", "c")
    loop = made_device("c", "crypt", "LVM2_member", "v", "", "x-z")
    under = made_device("x-z", "lvm", "crypto_LUKS", "99999999-aaaa-4bbb-8ccc-dddddddddddd", "", "c")
    found = assembly_of([("/", pool)], [pool, loop, under])
    assert any("stands on itself" in sentence for sentence in found.problems)
