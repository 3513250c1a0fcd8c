"""dnf.conf and zypp.conf, edited in their own syntax: only the named keys change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.probes.packages.ini import read_ini, set_ini
from bootkeep.probes.packages.install_only import parse_dnf, parse_zypp

LIMIT = "installonly_limit"
DNF = """\
# see dnf.conf(5)
[main]
gpgcheck=1
# how many kernels
installonly_limit = 1
installonlypkgs=foo,
    bar
best=True

[baseos]
installonly_limit=9
"""


def test_a_key_keeps_its_place_and_its_spelling() -> None:
    """Only the value changes; the same key of another section does not."""
    changed = set_ini(DNF, "main", {LIMIT: "3"})
    assert changed == DNF.replace("installonly_limit = 1", "installonly_limit = 3")


def test_a_value_that_goes_on_is_replaced_whole() -> None:
    """Else the rest would belong to the new value."""
    assert read_ini(DNF, "main")["installonlypkgs"] == "foo, bar"
    changed = set_ini(DNF, "main", {"installonlypkgs": "installonlypkg(kernel)"})
    assert "installonlypkgs=installonlypkg(kernel)\nbest=True\n" in changed and "    bar" not in changed


def test_a_new_key_goes_behind_the_comment_that_shows_it() -> None:
    """zypp.conf is its own documentation."""
    text = "[main]\n\n## Several versions\n# multiversion =\n\n## Delta\n# download.use_deltarpm = true\n"
    assert set_ini(text, "main", {"multiversion": "x"}) == text.replace(
        "# multiversion =\n", "# multiversion =\nmultiversion = x\n"
    )


@pytest.mark.parametrize("text", ["", "[other]\na=1", "# only a comment\n", "[other]\na=1\n\n"])
def test_a_section_that_is_missing_is_added_at_the_end(text: str) -> None:
    """And what was there before stays before it."""
    changed = set_ini(text, "main", {LIMIT: "3"})
    assert changed.startswith(text) and changed.endswith("[main]\ninstallonly_limit=3\n")


def test_setting_what_is_set_changes_nothing() -> None:
    """The second highstate writes nothing."""
    once = set_ini(DNF, "main", {LIMIT: "3", "protect_running_kernel": "True"})
    assert set_ini(once, "main", {LIMIT: "3", "protect_running_kernel": "True"}) == once


_WORD = st.from_regex(r"[a-z_]{1,6}", fullmatch=True)
_LINE = st.one_of(
    st.builds("{}{}{}".format, _WORD, st.sampled_from(["=", " = ", ": "]), st.text("ab, ", max_size=5)),
    st.builds("[{}]".format, st.sampled_from(["main", "other"])),
    st.builds("# {} = x".format, _WORD),
    st.builds("   {}".format, _WORD),
    st.sampled_from(["", "; note", "nonsense"]),
)


@given(st.lists(_LINE, max_size=12), st.sampled_from(["\n", "\r\n"]), _WORD, st.booleans())
def test_only_the_named_key_changes(lines: list[str], newline: str, key: str, ended: bool) -> None:
    """Whatever the file: its other settings, its comments and their order stay."""
    text = newline.join(lines) + (newline if ended else "")
    changed = set_ini(text, "main", {key: "new"})
    assert read_ini(changed, "main").get(key) == "new"
    for section in ("main", "other"):
        before, after = read_ini(text, section), read_ini(changed, section)
        if section == "main":
            before.pop(key, None)
            after.pop(key, None)
        assert before == after
    comments = [line for line in text.splitlines() if line.startswith(("#", ";"))]
    assert [line for line in changed.splitlines() if line.startswith(("#", ";"))] == comments
    assert set_ini(changed, "main", {key: "new"}) == changed


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    """A damaged file is dnf's matter; it crashes nobody here."""
    assert parse_dnf(text).limit >= 0
    parse_zypp(text)


@pytest.mark.parametrize("after", ["   orphan\n", "\n   orphan\n", "# a comment\n   orphan\n", "\torphan\n  another\n"])
def test_a_line_that_belongs_to_nobody_does_not_become_a_value(after: str) -> None:
    """An indented line without a key before it; a new key right above it would take it."""
    text = f"[main]\n# limit = 3\n{after}kept=1\n"
    changed = set_ini(text, "main", {"limit": "5"})
    assert read_ini(changed, "main") == {"limit": "5", "kept": "1"}
    assert [line for line in changed.splitlines() if line != "limit = 5"] == text.splitlines()
