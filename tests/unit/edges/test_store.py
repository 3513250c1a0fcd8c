"""The store: whole or not at all, damage is seen, and it stays bounded."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootkeep.edges.retention import Retention
from bootkeep.edges.store import DamagedTransaction, Store, new_transaction_id
from bootkeep.facts.errors import StoreError
from bootkeep.facts.finding import Evidence, Finding, Judgement, Severity, Verdict
from bootkeep.facts.kernel import LastGood
from bootkeep.facts.reading import Reading, Readings, Snapshot, Status
from bootkeep.facts.transaction import Caller, Outcome, Override, Transaction
from bootkeep.facts.unknown import Absent, Unknown

CALLER = Caller("apt", 42, 4711, "boot", ("apt-get", "install", "x"), "ada")


def transaction(second: int = 0, outcome: Outcome = Outcome.DONE) -> Transaction:
    at = f"2026-11-23T17:{second // 60:02d}:{second % 60:02d}Z"
    return Transaction(new_transaction_id(at), CALLER, outcome, "", at, at, (), ())


def snapshot(text: str = "x") -> Snapshot:
    return Snapshot("pre", "2026-11-23T17:00:00Z", "h", "b", Readings({"file:/x": Reading(Status.OK, text)}), "1")


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    one, two = transaction(1), transaction(2)
    store.save_transaction(two)
    store.save_transaction(one)
    assert store.transactions() == (one, two)
    assert store.newest(1) == (two,)
    store.save_transaction(replace(one, outcome=Outcome.FAILED))
    assert store.load_transaction(one.id).outcome is Outcome.FAILED


def test_nobody_but_root_may_look(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    item = transaction()
    store.save_transaction(item)
    store.save_snapshot(item.id, "pre", snapshot())
    store.save_config_copies(item.id, "pre", {"/etc/x": b"secret"})
    for path in (tmp_path / "store", *(tmp_path / "store").rglob("*")):
        assert stat.S_IMODE(path.lstat().st_mode) == (0o700 if path.is_dir() else 0o600), path


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(copies=st.dictionaries(st.text(min_size=1, max_size=30), st.binary(max_size=300), max_size=6), text=st.text())
def test_copies_and_snapshots_survive_any_content(tmp_path: Path, copies: dict[str, bytes], text: str) -> None:
    store = Store(tmp_path / "store")
    item = transaction()
    store.save_transaction(item)
    store.save_config_copies(item.id, "post", copies)
    store.save_snapshot(item.id, "post", snapshot(text))
    assert store.config_copies(item.id, "post") == copies
    assert store.config_copies(item.id, "pre") == {}
    assert store.load_snapshot(item.id, "post") == snapshot(text)


def test_ids_go_on_when_the_clock_was_set_back(tmp_path: Path) -> None:
    """What happened last is the last one, an hour ago or not."""
    store = Store(tmp_path)
    made = []
    for now in ("2026-11-24T12:00:00Z", "2026-11-24T11:00:00Z", "2026-11-24T11:00:05Z", "2026-11-24T12:00:01Z"):
        id = store.new_id(now)
        made.append(id)
        store.save_transaction(Transaction(id, CALLER, Outcome.DONE, "", now, now, (), ()))
    assert list(store.transaction_ids()) == made
    assert [item.started_at[11:19] for item in store.newest(3)] == ["12:00:01", "11:00:05", "11:00:00"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"id": 3}', b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_record_is_listed_and_breaks_nothing(tmp_path: Path, content: bytes) -> None:
    store = Store(tmp_path)
    good, bad = transaction(1), transaction(2)
    store.save_transaction(good)
    store.save_transaction(bad)
    (tmp_path / "transactions" / bad.id / "record.json").write_bytes(content)
    listed = store.transactions()
    assert listed[0] == good
    assert isinstance(listed[1], DamagedTransaction)
    assert "damaged" in listed[1].why
    with pytest.raises(StoreError, match="damaged"):
        store.load_transaction(bad.id)


@pytest.mark.parametrize("cut", [0, 1, 10, 40, -1])
def test_a_cut_snapshot_is_an_error_that_names_the_file(tmp_path: Path, cut: int) -> None:
    store = Store(tmp_path)
    item = transaction()
    store.save_transaction(item)
    store.save_snapshot(item.id, "pre", snapshot("y" * 5000))
    path = tmp_path / "transactions" / item.id / "pre.json.gz"
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(StoreError, match=r"pre\.json\.gz"):
        store.load_snapshot(item.id, "pre")


def test_a_changed_copy_is_noticed(tmp_path: Path) -> None:
    store = Store(tmp_path)
    item = transaction()
    store.save_config_copies(item.id, "pre", {"/etc/x": b"one"})
    (blob,) = (tmp_path / "blobs").glob("*/*")
    other = Store(tmp_path / "other")
    other.save_config_copies(item.id, "pre", {"/etc/x": b"two"})
    (foreign,) = (tmp_path / "other" / "blobs").glob("*/*")
    blob.write_bytes(foreign.read_bytes())
    with pytest.raises(StoreError, match="damaged"):
        store.config_copies(item.id, "pre")
    store.save_config_copies(item.id, "pre", {"/etc/x": b"one"})  # a damaged blob is written anew
    assert store.config_copies(item.id, "pre") == {"/etc/x": b"one"}


@pytest.mark.parametrize("name", ["", "..", "../../etc", "20261123T170312Z-ab12cd3", "20261123T170312Z-ab12cd34/x"])
def test_an_id_cannot_lead_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match="not the id"):
        Store(tmp_path).load_transaction(name)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    store = Store(tmp_path)
    item = transaction()
    with pytest.raises(StoreError, match="there is no transaction"):
        store.load_transaction(item.id)
    with pytest.raises(StoreError, match="has no pre snapshot"):
        store.load_snapshot(item.id, "pre")
    assert store.transactions() == ()
    assert isinstance(store.last_good(), Absent)


def test_last_good_absent_known_and_damaged_are_three_things(tmp_path: Path) -> None:
    store = Store(tmp_path)
    good = LastGood("6.1.0-18-amd64", "6.1.76-1", "ab", "boot", "2026-11-23T17:00:00Z")
    store.save_last_good(good)
    assert store.last_good() == good
    (tmp_path / "last-good.json").write_text("{")
    assert isinstance(store.last_good(), Unknown)


def test_an_override_is_taken_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    override = Override("told so", "ada", "2026-11-23T17:00:00Z")
    store.save_override(override)
    assert store.take_override() == override
    assert store.take_override() is None


def test_prune_keeps_the_newest_and_open_ones_and_drops_unused_copies(tmp_path: Path) -> None:
    store = Store(tmp_path)
    items = [transaction(number, Outcome.OPEN if number == 0 else Outcome.DONE) for number in range(6)]
    for number, item in enumerate(items):
        store.save_transaction(item)
        store.save_config_copies(item.id, "pre", {"/etc/x": f"{number % 3}".encode()})
    for blob in (tmp_path / "blobs").glob("*/*"):
        os.utime(blob, (1, 1))
    gone = store.prune(Retention(count=2))
    assert set(gone) == {item.id for item in items[1:4]}
    assert [item.id for item in store.transactions() if isinstance(item, Transaction)] == [
        items[0].id,
        items[4].id,
        items[5].id,
    ]
    assert len(list((tmp_path / "blobs").glob("*/*"))) == 3
    store.prune(Retention(count=1))
    assert len(list((tmp_path / "blobs").glob("*/*"))) == 2
    assert store.config_copies(items[5].id, "pre") == {"/etc/x": b"2"}


def test_prune_by_size_and_age_never_takes_the_newest(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for number in range(3):
        store.save_transaction(transaction(number))
    newest = store.transaction_ids()[-1]
    store.prune(Retention(bytes=1, age_days=0))
    assert store.transaction_ids() == (newest,)


def test_copies_count_towards_the_size_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    content = random.Random(1).randbytes(400_000)
    for number in range(4):
        item = transaction(number)
        store.save_transaction(item)
        store.save_config_copies(item.id, "pre", {"/etc/x": content})
    store.prune(Retention(bytes=600_000))  # one copy for all four fits
    assert len(store.transaction_ids()) == 4
    for number in range(4, 7):
        item = transaction(number)
        store.save_transaction(item)
        store.save_config_copies(item.id, "pre", {"/etc/x": content + bytes([number])})
    store.prune(Retention(bytes=600_000))
    assert len(store.transaction_ids()) == 1


def test_what_was_not_delivered_is_kept_where_somebody_waits_for_it(tmp_path: Path) -> None:
    store = Store(tmp_path)
    items = [transaction(number) for number in range(4)]
    for item in items:
        store.save_transaction(item)
    store.mark_delivered(items[1].id, "master-1")
    assert [store.is_delivered(item.id) for item in items] == [False, True, False, False]
    limits = Retention(count=1, age_days=0, bytes=1, await_delivery=True)
    assert store.prune(limits) == (items[1].id,)
    assert store.prune(replace(limits, await_delivery=False)) == (items[2].id, items[0].id)
    with pytest.raises(StoreError):
        store.mark_delivered(items[1].id, "master-1")


def test_a_damaged_record_goes_with_the_others_of_its_age(tmp_path: Path) -> None:
    store = Store(tmp_path)
    items = [transaction(number) for number in range(3)]
    for item in items:
        store.save_transaction(item)
    (tmp_path / "transactions" / items[0].id / "record.json").write_text("{")
    assert store.prune(Retention(count=2)) == (items[0].id,)


def test_a_verdict_is_kept_as_it_was_reached(tmp_path: Path) -> None:
    store = Store(tmp_path)
    item = transaction()
    store.save_transaction(item)
    assert isinstance(store.load_verdict(item.id, "post"), Absent)
    finding = Finding("boot-space-low", "B16", Severity.AT_RISK, "no room", (Evidence("/boot", "0"),), "boot-space-low")
    verdict = Verdict(Judgement.NO_GO, (finding,))
    store.save_verdict(item.id, "post", verdict)
    assert store.load_verdict(item.id, "post") == verdict
    assert isinstance(store.load_verdict(item.id, "settled"), Absent)
    (tmp_path / "transactions" / item.id / "verdict-post.json").write_text("{}")
    assert isinstance(store.load_verdict(item.id, "post"), Unknown)


def test_a_write_that_does_not_fit_is_a_clear_error_and_loses_nothing(tmp_path: Path) -> None:
    # A file size limit stands in for the full disk here; tests/packages fills a real one.
    disk = tmp_path / "disk"
    disk.mkdir()
    program = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from bootkeep.edges.store import Store\n"
        "from bootkeep.facts.errors import StoreError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        f"store = Store(Path({str(disk)!r}))\n"
        "i = '20261123T170312Z-00000000'\n"
        "store.save_config_copies(i, 'pre', {'/a': b'first'})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "import os\n"
        "try:\n"
        "    store.save_config_copies(i, 'pre', {'/a': os.urandom(100000)})\n"
        "except StoreError as error:\n"
        "    print('said:', error)\n"
        "print(store.config_copies(i, 'pre'))\n"
    )
    done = subprocess.check_output([sys.executable, "-c", program], text=True, env=_env())
    assert "said: cannot copy configuration files: File too large" in done
    assert "{'/a': b'first'}" in done
    assert not list(disk.rglob("*.draft"))


def _env() -> dict[str, str]:
    import bootkeep

    return {"PYTHONPATH": str(Path(bootkeep.__file__).parent.parent), "PATH": "/usr/bin:/bin"}


WRITER = """
import itertools, sys
from pathlib import Path
from bootkeep.edges.retention import Retention
from bootkeep.edges.store import Store, new_transaction_id
from bootkeep.facts.reading import Reading, Readings, Snapshot, Status
from bootkeep.facts.transaction import Caller, Outcome, Transaction
store = Store(Path(sys.argv[1]))
print("ready", flush=True)
for n in itertools.count():
    at = f"2026-11-23T17:{n // 60 % 60:02d}:{n % 60:02d}Z"
    t = Transaction(new_transaction_id(at), Caller("apt", 1, 1, "b", (), ""), Outcome.DONE, "", at, at, (), ("pre",))
    store.save_transaction(t)
    readings = Readings({"k": Reading(Status.OK, "z, " * 2000)})
    store.save_snapshot(t.id, "pre", Snapshot("pre", at, "h", "b", readings, "1"))
    store.save_config_copies(t.id, "pre", {"/etc/x": bytes([n % 256]) * 5000})
    if n % 5 == 0:
        store.prune(Retention(count=4))
"""


def test_a_writer_killed_at_any_moment_leaves_the_store_readable(tmp_path: Path) -> None:
    dice = random.Random(20261123)
    for _ in range(8):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, env=_env()
        ) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"ready\n"
            time.sleep(dice.uniform(0.0, 0.12))
            writer.send_signal(signal.SIGKILL)
        store = Store(tmp_path)
        for item in store.transactions():
            assert isinstance(item, Transaction), item
            folder = tmp_path / "transactions" / item.id
            if (folder / "pre.json.gz").exists():
                assert store.load_snapshot(item.id, "pre").readings["k"].text == "z, " * 2000
            for content in store.config_copies(item.id, "pre").values():
                assert len(content) == 5000
    assert store.transactions()
    for path in (*tmp_path.rglob(".*.draft"), *tmp_path.rglob("*")):
        os.utime(path, (1, 1), follow_symlinks=False)
    store.prune()
    assert not list(tmp_path.rglob("*.draft"))
