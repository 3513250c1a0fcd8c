"""What one look tells the next: never a digest of a file that changed, never a text that redaction would have changed."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.edges import known_digests, runtime_memory
from bootkeep.edges.clean_texts import keep_clean, unless_clean
from bootkeep.edges.host import LiveHost
from bootkeep.edges.known_digests import remember_in
from bootkeep.edges.small_digests import keep_small
from bootkeep.edges.store import Store
from bootkeep.facts import redaction
from bootkeep.facts.reading import Reading, Readings, Snapshot, Status
from bootkeep.facts.reading_redaction import redact_readings
from bootkeep.facts.redaction import keyed_mask, redact_text
from bootkeep.probes.read import Digest
from planted_secrets import planted

SECRETS = [one for one in planted() if one.text]
PLACE = "small-digests.json"


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A runtime folder; every file counts as settled, so that the tests need not wait."""
    monkeypatch.setattr(known_digests, "_SETTLED_NS", -1)
    remember_in(tmp_path / "run")
    yield tmp_path / "run"
    runtime_memory.forget()


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """A root with an /etc of a few files, whose change times have a fraction."""
    folder = tmp_path / "root" / "etc"
    folder.mkdir(parents=True)
    for name in ("a", "b", "c"):
        for _ in range(5):
            (folder / name).write_text(f"{name} = 1\n")
            (folder / name).chmod(0o600)
            if (folder / name).stat().st_ctime_ns % 1_000_000_000:
                break
            time.sleep(0.01)
    return folder


def digests(etc: Path, algorithm: str = "sha256") -> dict[str, str]:
    """What a host says of /etc, and what it remembers of it afterwards."""
    reading = LiveHost(etc.parent).answer(Digest("/etc/**", algorithm=algorithm))
    assert reading.status is Status.OK
    keep_small()
    return dict(json.loads(reading.text))


def true_digests(etc: Path, algorithm: str = "sha256") -> dict[str, str]:
    """The same by hand."""
    return {
        f"/etc/{path.name}": hashlib.new(algorithm, path.read_bytes()).hexdigest() for path in sorted(etc.iterdir())
    }


def poison(runtime: Path) -> None:
    """Make every remembered digest wrong: one that is used shows."""
    entries = json.loads((runtime / PLACE).read_bytes())
    assert len(entries) == 3
    for entry in entries.values():
        entry[5] = dict.fromkeys(entry[5], "remembered")
    (runtime / PLACE).write_text(json.dumps(entries))
    remember_in(runtime)


def test_untouched_files_are_not_read_again_and_touched_ones_are(runtime: Path, etc: Path) -> None:
    for algorithm in ("sha256", "md5"):
        assert digests(etc, algorithm) == true_digests(etc, algorithm)
    poison(runtime)
    times = (etc / "b").stat()
    (etc / "b").write_text("b = 2\n")  # as long as before, and with the old time: the change time tells
    os.utime(etc / "b", ns=(times.st_atime_ns, times.st_mtime_ns))
    (etc / "new").write_text("c = 1\n")
    (etc / "new").replace(etc / "c")
    for algorithm in ("sha256", "md5"):
        truth = true_digests(etc, algorithm)
        assert digests(etc, algorithm) == {"/etc/a": "remembered", "/etc/b": truth["/etc/b"], "/etc/c": truth["/etc/c"]}


def test_a_file_that_changed_a_moment_ago_is_not_remembered(tmp_path: Path, etc: Path) -> None:
    remember_in(tmp_path / "run")
    try:
        assert digests(etc) == true_digests(etc)
        assert not (tmp_path / "run" / PLACE).exists()
    finally:
        runtime_memory.forget()


@pytest.mark.parametrize(
    "damage", [b"", b"[]", b'{"/etc/a": 1}', b'{"/etc/a": [1, 2, 3, 4, 5, {"sha256": 7}]}', b"\xff"]
)
def test_a_damaged_memory_is_none(runtime: Path, etc: Path, damage: bytes) -> None:
    digests(etc)
    (runtime / PLACE).write_bytes(damage)
    remember_in(runtime)
    assert digests(etc) == true_digests(etc)


def test_a_memory_that_others_could_write_is_none(runtime: Path, etc: Path) -> None:
    digests(etc)
    poison(runtime)
    runtime.chmod(0o770)
    remember_in(runtime)
    assert digests(etc) == true_digests(etc)


def test_without_a_place_nothing_is_remembered(etc: Path) -> None:
    runtime_memory.forget()
    assert digests(etc) == true_digests(etc)
    (etc / "a").write_text("a = 3\n")
    assert digests(etc) == true_digests(etc)


# --- texts -----------------------------------------------------------------------------------------------------------------

LINES = st.sampled_from(
    [
        *(secret.text for secret in SECRETS[::7]),
        "PermitRootLogin no",
        "password required pam_unix.so",
        "",
        "ключ: да",
        "a=b",
    ]
)


@given(st.lists(LINES, max_size=6))
def test_a_remembered_text_is_what_redaction_makes_of_it(lines: list[str]) -> None:
    """Both ways, for each text twice: nothing is passed over that redaction changes."""
    text = "\n".join(lines)
    mask = keyed_mask(b"k" * 32)
    runtime_memory.remember_below(Path("/nonexistent"))  # in memory only: it cannot be written there
    try:
        for _ in range(2):
            assert unless_clean("text", text, lambda: redact_text(text, mask)) == redact_text(text, mask)
    finally:
        runtime_memory.forget()


def clean(text: str, calls: list[str]) -> str:
    """Through the memory, noting whether redaction was asked."""

    def redact() -> str:
        calls.append(text)
        return redact_text(text)

    return unless_clean("text", text, redact)


def test_only_texts_without_a_secret_are_remembered(runtime: Path) -> None:
    calls: list[str] = []
    harmless, secret = "PasswordAuthentication no", "password = hunter2hunter2"
    for _ in range(2):
        assert clean(harmless, calls) == harmless
        assert "hunter2" not in clean(secret, calls)
    assert calls == [harmless, secret, secret]
    keep_clean()
    written = (runtime / "clean-texts.json").read_text()
    assert "hunter2" not in written and len(json.loads(written)["clean"]) == 1
    remember_in(runtime)
    clean(harmless, calls)
    assert calls == [harmless, secret, secret]  # told by the last look
    clean(harmless + ".", calls)
    assert calls[-1] == harmless + "."


def test_what_a_child_learnt_meanwhile_is_kept(runtime: Path) -> None:
    """A hook remembers before its children look, and writes after them."""
    calls: list[str] = []
    clean("first", calls)
    pid = os.fork()
    if pid == 0:
        try:
            clean("of the child", calls)
            keep_clean()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    clean("second", calls)
    keep_clean()
    remember_in(runtime)
    for text in ("first", "of the child", "second"):
        clean(text, calls)
    assert calls == ["first", "second"]


def test_other_patterns_know_nothing(runtime: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an older bootkeep found harmless is looked at again: its patterns were others."""
    calls: list[str] = []
    clean("harmless", calls)
    keep_clean()
    newer = tmp_path / "redaction.py"
    newer.write_text("# newer\n")
    monkeypatch.setattr(redaction, "__file__", str(newer))
    remember_in(runtime)
    clean("harmless", calls)
    assert calls == ["harmless", "harmless"]


def test_a_store_that_remembers_holds_what_one_without_memory_holds(runtime: Path) -> None:
    """Every kind of planted secret, saved twice: the second time most answers are known."""
    readings = Readings(
        {
            **{f"native:x:{number}": Reading(Status.OK, secret.text) for number, secret in enumerate(SECRETS)},
            "file:/etc/hosts": Reading(Status.OK, "127.0.0.1 localhost\n"),
            "digest:/etc/**": Reading(Status.OK, json.dumps({"/etc/shadow": "0" * 64, "/etc/hosts": "1" * 64})),
        }
    )
    store = Store(runtime.parent / "store")
    for second in range(2):
        name = f"20261130T17000{second}Z-0000000{second}"
        remember_in(runtime)
        store.save_snapshot(name, "pre", Snapshot("pre", "", "", "", readings, ""))
        key = (store.root / "redaction.key").read_bytes()
        assert store.load_snapshot(name, "pre").readings == redact_readings(readings, key)
        store = Store(store.root)
