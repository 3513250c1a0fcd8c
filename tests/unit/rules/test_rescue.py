"""A recorded machine, looked at from a rescue shell: files, lsblk and blkid, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootkeep.facts.codec import from_json
from bootkeep.facts.finding import Judgement, Severity, Verdict
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.flows.check import check_readings

MACHINES = Path(__file__).parents[2] / "machines"
_NOT_TAKEN = ("file:/proc/", "file:/sys/", "native:root-drivers", "native:secure-boot", "command:grub", "command:dpkg")


def from_rescue(name: str) -> Verdict:
    """The machine's readings with all that describes a running system taken away."""
    readings = from_json(Readings, (MACHINES / name / "readings.json").read_bytes(), where=name)
    left = {
        key: Reading(Status.NOT_TAKEN, detail="describes the running system") if key.startswith(_NOT_TAKEN) else reading
        for key, reading in readings.answers.items()
    }
    left["listing:/dev/disk/by-id/*"] = Reading(Status.ABSENT)
    left["listing:/sys/firmware/efi/*"] = Reading(Status.NOT_TAKEN)
    return check_readings(Readings(left), Policy(), taken_at="2026-11-23T18:00:00Z").verdict


@pytest.mark.parametrize("name", ["healthy-bios", "healthy-separate-boot", "healthy-uefi", "healthy-three-kernels"])
def test_a_healthy_machine_raises_no_alarm_and_gets_no_go(name: str) -> None:
    verdict = from_rescue(name)
    assert verdict.judgement is Judgement.UNKNOWN
    assert {finding.severity for finding in verdict.findings} == {Severity.UNKNOWN}
    assert len(verdict.findings) <= 3


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        ("only-kernel", "fallback-kernel-missing"),
        ("default-entry-dangling", "default-entry-broken"),
        ("default-kernel-deleted", "default-entry-broken"),
        ("grub-cfg-stale", "grub-config-stale"),
        ("initramfs-truncated", "initramfs-damaged"),
        ("boot-full", "boot-space-low"),
        ("fstab-device-missing", "fstab-device-missing"),
        ("package-half-configured", "package-transaction-unfinished"),
    ],
)
def test_what_lies_in_files_is_found_from_outside_too(name: str, identity: str) -> None:
    verdict = from_rescue(name)
    assert verdict.judgement is Judgement.NO_GO
    assert identity in {finding.id for finding in verdict.findings if finding.severity is not Severity.UNKNOWN}
