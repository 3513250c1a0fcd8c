"""GRUB_DEFAULT that was edited, and a menu that was made before."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.facts.boot_entry import BootEntry, PendingDefault
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.probes.bootloaders.grub import CFG
from bootkeep.probes.bootloaders.paths import Locator
from bootkeep.probes.bootloaders.pending_default import DEFAULTS, grub_default, pending_default
from bootkeep.probes.bootloaders.settings import GRUB_SETTINGS

MENU = """
if [ "${{next_entry}}" ] ; then
   set default="${{next_entry}}"
else
   set default="{default}"
fi
menuentry 'one' --id one {{
	linux /vmlinuz-1
}}
menuentry 'two' --id two {{
	linux /vmlinuz-2
}}
"""


def readings(setting: str, default: str, **more: str) -> Readings:
    files = {DEFAULTS: setting, **{f"{DEFAULTS}.d/{name}.cfg": text for name, text in more.items()}}
    return Readings(
        {
            GRUB_SETTINGS.key: Reading(Status.OK, json.dumps(files)),
            CFG.key: Reading(Status.OK, MENU.format(default=default)),
        }
    )


@pytest.mark.parametrize(
    ("setting", "default"),
    [
        ("GRUB_DEFAULT=0\n", "0"),
        ("GRUB_TIMEOUT=5\n", "0"),
        ("GRUB_DEFAULT=\n", "0"),
        ("GRUB_DEFAULT=saved\n", "${saved_entry}"),
        ("GRUB_DEFAULT='two'  # the rt kernel\n", "two"),
        ('export GRUB_DEFAULT="a>b c"\n', "a>b c"),
        ("#GRUB_DEFAULT=7\n", "0"),
    ],
)
def test_what_is_in_force_is_no_change(setting: str, default: str) -> None:
    assert isinstance(pending_default(readings(setting, default), Locator()), Absent)


@pytest.mark.parametrize(
    ("setting", "default", "present", "title"),
    [
        ("GRUB_DEFAULT=1\n", "0", "0", "two"),
        ("GRUB_DEFAULT=0\nGRUB_DEFAULT=two\n", "0", "0", "two"),
        ("GRUB_DEFAULT=0\n", "two", "two", "one"),
        ("GRUB_DEFAULT=gone\n", "two", "two", "one"),  # as GRUB does: the first
        ("GRUB_DEFAULT=1\n", "${saved_entry}", "saved", "two"),
    ],
)
def test_what_was_edited_is_resolved_in_the_present_menu(setting: str, default: str, present: str, title: str) -> None:
    found = pending_default(readings(setting, default), Locator())
    assert isinstance(found, PendingDefault)
    assert (found.present, found.source) == (present, DEFAULTS)
    assert isinstance(found.entry, BootEntry) and found.entry.title == title


def test_saved_waits_for_what_grubenv_will_name() -> None:
    found = pending_default(readings("GRUB_DEFAULT=saved\n", "0"), Locator())
    assert isinstance(found, PendingDefault) and isinstance(found.entry, Unknown)


def test_a_later_file_counts() -> None:
    found = pending_default(readings("GRUB_DEFAULT=0\n", "0", b="GRUB_DEFAULT=1", a="GRUB_DEFAULT=0"), Locator())
    assert isinstance(found, PendingDefault) and found.source == f"{DEFAULTS}.d/b.cfg"


def test_a_script_that_sets_the_default_again_is_no_change() -> None:
    menu = MENU.format(default="0") + "set default=2\n"
    both = Readings({**readings("GRUB_DEFAULT=0\n", "0").answers, CFG.key: Reading(Status.OK, menu)})
    assert isinstance(pending_default(both, Locator()), Absent)


@pytest.mark.parametrize(
    "setting", ['GRUB_DEFAULT="$(cat /x)"', "GRUB_DEFAULT=`x`", "GRUB_DEFAULT='", "GRUB_DEFAULT=a b"]
)
def test_shell_code_is_not_guessed(setting: str) -> None:
    assert isinstance(pending_default(readings(setting, "0"), Locator()), Unknown)


def test_without_the_files_nothing_waits() -> None:
    whole = readings("GRUB_DEFAULT=1", "0").answers
    for lost in (GRUB_SETTINGS.key, CFG.key):
        left = Readings({**whole, lost: Reading(Status.ABSENT)})
        assert isinstance(pending_default(left, Locator()), Absent)
    none = Readings({**whole, GRUB_SETTINGS.key: Reading(Status.OK, "{}")})
    assert isinstance(pending_default(none, Locator()), Absent)


@given(st.text())
def test_any_text_is_a_value_or_not_understood(text: str) -> None:
    try:
        value, source = grub_default({DEFAULTS: text})
    except NotUnderstood:
        return
    assert value and source == DEFAULTS
