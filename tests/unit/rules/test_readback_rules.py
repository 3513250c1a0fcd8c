"""B19 and B20: what GRUB reads, beside what the running system shows."""

from __future__ import annotations

from dataclasses import replace

from bootkeep.facts.boot_entry import BootEntry, DefaultEntry
from bootkeep.facts.boot_state import BootState
from bootkeep.facts.codec import to_json
from bootkeep.facts.finding import Judgement, Severity
from bootkeep.facts.loader_sight import Flushed, LoaderSight
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.flows.before_reboot import files_to_read_back
from bootkeep.probes.bootloaders.readback import FLUSHED_KEY, loader_flushed, loader_sights
from bootkeep.remedies import remedy_for
from bootkeep.rules.judge import judge
from unit.rules.states import found, healthy, recorded, severities

DIFFERS, UNREADABLE = "loader-readback-differs", "boot-file-system-unreadable"


def default_of(state: BootState) -> BootEntry:
    assert isinstance(state.default_entry, DefaultEntry) and isinstance(state.default_entry.entry, BootEntry)
    return state.default_entry.entry


def sight(path: str, **changes: object) -> LoaderSight:
    same = LoaderSight(path, "/dev/vda1", "ext4", path, 5, "a" * 64, 5, "a" * 64)
    return replace(same, **changes)  # type: ignore[arg-type]


def with_sights(*sights: LoaderSight) -> BootState:
    return healthy(loader_sights=sights, loader_flushed=(Flushed("/boot", "xfs", False, "mounted read-only"),))


def test_nothing_is_said_when_nobody_read_back_and_when_all_is_the_same() -> None:
    assert not found(healthy(), DIFFERS) and not found(healthy(), UNREADABLE)
    state = with_sights(sight("/boot/grub/grub.cfg"), sight(default_of(healthy()).kernel_path))
    assert judge(state, Policy()).judgement is Judgement.GO


def test_a_difference_weighs_by_what_it_is_in() -> None:
    kernel = default_of(healthy()).kernel_path
    for path, weight in (
        (kernel, Severity.WILL_NOT_BOOT),
        (default_of(healthy()).initramfs_paths[0], Severity.WILL_NOT_BOOT),
        ("/boot/grub/grub.cfg", Severity.WILL_NOT_BOOT),
        ("/boot/bootkeep/key/vmlinuz", Severity.AT_RISK),
    ):
        assert severities(with_sights(sight(path, loader_sha256="b" * 64)), DIFFERS) == [weight]
    (finding,) = found(with_sights(sight(kernel, complaint="file `/vmlinuz' not found")), DIFFERS)
    assert "does not find" in finding.summary and finding.subject == kernel
    assert any("mounted read-only" in evidence.text for evidence in finding.evidence)


def test_a_file_system_that_grub_cannot_read_is_said_once() -> None:
    words = "cannot open `(loop0)/vmlinuz': unknown filesystem"
    state = with_sights(sight("/boot/grub/grub.cfg", complaint=words), sight("/boot/vmlinuz", complaint=words))
    (finding,) = found(state, UNREADABLE)
    assert finding.severity is Severity.WILL_NOT_BOOT and finding.subject == "/dev/vda1"
    assert not found(state, DIFFERS)


def test_what_could_not_be_read_back_is_unknown_never_go() -> None:
    state = with_sights(sight("/boot/a", unknown="no tool"), sight("/boot/b", unknown="no tool"))
    assert judge(state, Policy()).judgement is Judgement.UNKNOWN
    assert len(found(state, DIFFERS)) == 1


def test_every_subject_has_a_way_out() -> None:
    for path in (
        "/boot/grub/grub.cfg",
        default_of(healthy()).kernel_path,
        default_of(healthy()).initramfs_paths[0],
        "/boot/grub/grubenv",
    ):
        state = with_sights(sight(path, loader_sha256="b" * 64))
        remedy = remedy_for(found(state, DIFFERS)[0], state)
        assert remedy is not None and remedy.live and remedy.rescue
    state = with_sights(sight("/boot/grub/grub.cfg", complaint="unknown filesystem"))
    remedy = remedy_for(found(state, UNREADABLE)[0], state)
    assert remedy is not None and any(step.by_hand for step in remedy.live)


def test_readings_become_sights() -> None:
    good = sight("/boot/a")
    readings = Readings(
        {
            "native:loader-sees:/boot/a": Reading(Status.OK, to_json(good)),
            "native:loader-sees:/boot/b": Reading(Status.ABSENT),
            "native:loader-sees:/boot/c": Reading(Status.TIMEOUT, detail="it hangs"),
            "native:loader-sees:/boot/d": Reading(Status.OK, "{}"),
            FLUSHED_KEY: Reading(Status.OK, to_json((Flushed("/boot", "xfs", True, ""),))),
        }
    )
    first, third, fourth = loader_sights(readings)
    assert first == good and third.unknown == "it hangs" and fourth.unknown
    assert loader_flushed(readings) == (Flushed("/boot", "xfs", True, ""),)
    assert loader_flushed(Readings({FLUSHED_KEY: Reading(Status.OK, "[1]")})) == ()


def test_what_is_read_back_is_what_the_next_boot_needs() -> None:
    state = recorded("healthy-three-kernels")
    paths = files_to_read_back(state)
    entry = default_of(state)
    assert paths[0] == "/boot/grub/grub.cfg" and "/boot/grub/grubenv" in paths
    assert {entry.kernel_path, *entry.initramfs_paths} <= set(paths)
    assert len(paths) == len(set(paths))
    assert files_to_read_back(recorded("boot-unmounted")) is not None
