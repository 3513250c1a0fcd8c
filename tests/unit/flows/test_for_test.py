"""A scrubbed machine is judged and compared like the machine itself, and nobody recognises it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from bootkeep.cli import snapshot as command
from bootkeep.edges.store import Store
from bootkeep.facts.codec import from_json
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.policy import Policy
from bootkeep.facts.reading import Reading, Readings, Snapshot, Status
from bootkeep.facts.scrub import HOST, scrub
from bootkeep.flows.check import check_readings
from bootkeep.flows.for_test import expected_changes, write_for_test, write_pair_for_test
from unit.compare.example_host import TRANSACTION
from unit.compare.test_recorded import PACKAGES, RECORDED

TESTS = Path(__file__).parents[2]
MACHINES = sorted(path.parent for path in (TESTS / "machines").glob("*/readings.json"))


def recorded(folder: Path) -> Readings:
    return from_json(Readings, (folder / "readings.json").read_bytes(), where=folder.name)


@pytest.mark.parametrize("folder", MACHINES, ids=lambda folder: folder.name)
def test_every_recorded_machine_is_judged_the_same_after_scrubbing(folder: Path, tmp_path: Path) -> None:
    readings = recorded(folder)
    verdict = write_for_test(Snapshot("manual", "2026-11-23T18:00:00Z", "web1", "", readings, ""), tmp_path / "made")
    original = check_readings(readings, Policy(), taken_at="2026-11-23T18:00:00Z").verdict
    assert [f.id for f in verdict.findings] == [f.id for f in original.findings]
    again = recorded(tmp_path / "made")
    judged = check_readings(again, Policy(), taken_at="2026-11-23T18:00:00Z").verdict
    found = [{"id": f.id, "severity": f.severity.value, "subject": f.subject} for f in judged.findings]
    assert {"judgement": judged.judgement.value, "findings": found} == json.loads(
        (tmp_path / "made/expected.json").read_text()
    )
    text = (tmp_path / "made/readings.json").read_text()
    assert "web1" not in text and "0123456789abcdef0123456789abcdef" not in text


def looks() -> tuple[Snapshot, Snapshot]:
    before, after = (
        from_json(Snapshot, gzip.decompress((RECORDED / f"{phase}.json.gz").read_bytes()), where=phase)
        for phase in ("pre", "post")
    )
    return before, after


def test_a_recorded_transaction_is_compared_the_same_after_scrubbing(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.save_transaction(TRANSACTION)
    for phase, look in zip(("pre", "post"), looks(), strict=True):
        store.save_snapshot(TRANSACTION.id, phase, look)
    count = write_pair_for_test(store, TRANSACTION.id, tmp_path / "pair")
    before, after = (
        from_json(Readings, (tmp_path / "pair" / f"{name}.json").read_bytes(), where=name)
        for name in ("before", "after")
    )
    changes = expected_changes(before, after, TRANSACTION.changes)
    assert changes == json.loads((tmp_path / "pair/expected-changes.json").read_text())
    assert len(changes) == count > 10
    assert {"sudo-without-password", "listener-opened", "special-file-added"} <= {one["rule"] for one in changes}
    assert PACKAGES  # the packages that the folder's README tells of


def test_names_numbers_and_addresses_are_replaced_the_same_everywhere() -> None:
    uuid, esp = "3181f90a-73d3-4385-b5d1-5a5fc38d517b", "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
    disks = {
        "blockdevices": [{"name": "sda", "serial": "S4X9NF0M", "uuid": uuid, "parttype": esp, "label": "crm-data"}]
    }
    texts = {
        "file:/etc/hostname": "crm-prod-7.acme.example\n",
        "file:/etc/fstab": f"UUID={uuid} / ext4\nLABEL=crm-data /srv ext4\n",
        "command:lsblk -J -b": json.dumps(disks),
        "command:ip -j address show": '[{"address": "52:54:00:ab:cd:ef", "local": "10.1.2.3"}, {"local": "127.0.0.1"}]',
        "native:listeners": '[{"address": "10.1.2.3"}, {"address": "::"}, {"address": "2a01:4f8::1"}]',
        "file:/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nkim:x:1000:1000:Kim Doe,,,:/home/kim:/bin/sh\n"
        "doemaster:x:1001:1::/home/doemaster:/bin/sh\n",
        "file:/etc/hosts": "10.1.2.3 crm-prod-7.acme.example crm-prod-7\n",
        "file:/var/lib/dpkg/status": "Package: a\nStatus: install ok installed\nVersion: 10.1.2.3\n"
        "Description: x\n more\nConffiles:\n /etc/a 00\n",
    }
    (clean,) = scrub(("crm-prod-7", Readings({key: Reading(Status.OK, text) for key, text in texts.items()})))
    everything = "\n".join(reading.text for reading in clean.values())
    for gone in ("crm", "acme", "S4X9NF0M", uuid, "52:54:00", "2a01", "doemaster", "Kim Doe", "Description"):
        assert gone not in everything, gone
    for kept in (esp, "127.0.0.1", "root:x:0:0", "Conffiles:\n /etc/a 00", f"{HOST}\n"):
        assert kept in everything
    number = json.loads(clean["command:lsblk -J -b"].text)["blockdevices"][0]["uuid"]
    assert f"UUID={number} /" in clean["file:/etc/fstab"].text
    assert "192.0.2.1 host1 host1" in clean["file:/etc/hosts"].text


def test_the_command_writes_a_folder_and_never_over_one(tmp_path: Path) -> None:
    app = typer.Typer()
    command.register(app)
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "root/etc/hostname").write_text("h\n")
    argv = ["--root", str(tmp_path / "root"), "--for-test", str(tmp_path / "made")]
    done = CliRunner().invoke(app, argv)
    assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / "made").iterdir()} == {"README.md", "readings.json", "expected.json"}
    again = CliRunner().invoke(app, argv)
    assert again.exit_code == 5 and "something already" in again.output
    assert CliRunner().invoke(app, ["--of", "last"]).exit_code == 5


def test_scrubbing_that_would_change_the_verdict_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = recorded(next(folder for folder in MACHINES if folder.name == "only-kernel"))
    monkeypatch.setattr("bootkeep.flows.for_test.scrub", lambda *_machines: (Readings({}),))
    with pytest.raises(BootkeepError, match="judged otherwise"):
        write_for_test(Snapshot("manual", "2026-11-23T18:00:00Z", "x", "", readings, ""), tmp_path / "made")
    assert not (tmp_path / "made").exists()
