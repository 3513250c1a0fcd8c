"""Readings at the last door: no secret passes, and a harmless machine stays as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.facts.codec import from_json
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.facts.reading_redaction import redact_readings
from planted_secrets import Planted, planted

KEY = bytes(range(32))
TEXTS = [one for one in planted() if one.text]


def clean(key: str, text: str, *more: tuple[str, str], secret_key: bytes | None = KEY) -> str:
    """One reading after the door."""
    answers = {name: Reading(Status.OK, content) for name, content in ((key, text), *more)}
    return redact_readings(Readings(answers), secret_key)[key].text


@pytest.mark.parametrize("one", TEXTS, ids=lambda one: one.path)
def test_no_planted_secret_passes_as_a_file_or_inside_an_answer(one: Planted) -> None:
    assert one.secret not in clean(f"file:{one.path}", one.text)
    if not one.path.endswith((".key", "_key")):
        rows = json.loads(clean("native:anything", json.dumps([{"text": one.text, "lines": one.text.split("\n")}])))
        assert set(rows[0]) == {"text", "lines"}


@pytest.mark.parametrize("folder", sorted((Path(__file__).parents[2] / "machines").glob("*/readings.json")), ids=str)
def test_a_recorded_machine_stays_as_it_is(folder: Path) -> None:
    readings = from_json(Readings, folder.read_bytes(), where=str(folder))
    redacted = redact_readings(readings, KEY)
    changed = {name for name in readings if readings[name].text.strip() != redacted[name].text.strip()}
    assert changed <= {"file:/var/cache/debconf/config.dat"}
    assert redact_readings(redacted, KEY) == redacted


@given(
    st.text(max_size=300),
    st.sampled_from(["file:/etc/x", "native:x", "command:x", "digest:/etc/**", "file:/etc/passwd"]),
)
def test_any_answer_twice_is_once_and_nothing_is_raised(text: str, key: str) -> None:
    once = clean(key, text)
    assert clean(key, once) == once


def test_digests_of_denied_files_are_keyed_and_what_a_package_ships_stays() -> None:
    digest, shipped = "ab" * 32, "cd" * 16
    status = ("file:/var/lib/dpkg/status", f"Package: a\nConffiles:\n /etc/ppp/chap-secrets {shipped}\n")
    before = clean("digest:/etc/**", json.dumps({"/etc/shadow": digest, "/etc/hosts": digest}), status)
    found = json.loads(before)
    assert found["/etc/hosts"] == digest and found["/etc/shadow"] != digest and len(found["/etc/shadow"]) == 64
    other = json.loads(clean("digest:/etc/**", json.dumps({"/etc/shadow": "ef" * 32}), status))
    assert other["/etc/shadow"] != found["/etc/shadow"]  # that it changed can be seen
    md5 = json.loads(clean("digest-md5:/etc/**", json.dumps({"/etc/ppp/chap-secrets": shipped}), status))
    assert md5 == {"/etc/ppp/chap-secrets": shipped}
    keyless = json.loads(clean("digest:/etc/**", json.dumps({"/etc/shadow": digest}), secret_key=None))
    assert digest not in keyless["/etc/shadow"]


def test_accounts_lose_passwords_and_remarks_and_keep_the_rest() -> None:
    text = "root:x:0:0:root:/root:/bin/bash\nold:QxyzAbc9:7:7:password is hunter2!:/:/bin/sh\n"
    lines = clean("file:/etc/passwd", text).split("\n")
    assert lines[0] == "root:x:0:0:root:/root:/bin/bash"
    assert "QxyzAbc9" not in lines[1] and "hunter2" not in lines[1] and lines[1].endswith(":/:/bin/sh")


def test_of_debconf_only_the_boot_loaders_questions_are_kept() -> None:
    text = "Name: grub-pc/install_devices\nValue: /dev/vda\n\nName: app/dbpass\nTemplate: x\nValue: hunter2\n\n"
    assert clean("file:/var/cache/debconf/config.dat", text) == "Name: grub-pc/install_devices\nValue: /dev/vda\n"


def test_long_answers_of_programs_stay_json_and_identifiers_stay() -> None:
    rows = [{"unit": f"x{number}.service", "description": "y" * 40} for number in range(900)]
    assert clean("command:systemctl list-units --output=json", json.dumps(rows)) == json.dumps(rows)
    lvm = "UUID=Xh3kA2-1bCd-EfGh-Ij2k-LmNo-PqRs-Tu4vWx\ncryptomount -u 0a3407de014b458bb5c1848e92a327a3"
    assert clean("file:/boot/grub/grub.cfg", lvm) == lvm
    assert "hunter2" not in clean("file:/boot/grub/grub.cfg", "password root hunter2\n")
