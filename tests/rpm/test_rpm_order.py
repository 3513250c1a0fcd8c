"""The order of versions, against rpm itself: its Lua function vercmp(), hundreds of pairs a call."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bootkeep
from bootkeep.lab.chroot import in_chroot
from bootkeep.lab.rpm.root import rpm_root, unpacked
from bootkeep.probes.packages.rpm_version import compare_versions

pytestmark = pytest.mark.lab
CACHE = Path(bootkeep.__file__).parents[2] / ".cache"

#: Pieces that mean something to rpm, and any of its characters.
PIECE = st.sampled_from(
    ["0", "00", "1", "10", "553", "22", "el8", "el8_10", "a", "Z", ".", "-", "~", "^", "+", "_", ":"]
)
VERSION = st.lists(PIECE, min_size=1, max_size=8).map("".join)
_PAIRS = st.lists(st.tuples(VERSION, VERSION), min_size=200, max_size=300)
_LUA = """
for line in io.lines("/tmp/pairs") do
    local a, b = line:match("^(.-)\\t(.*)$")
    local ok, answer = pcall(rpm.vercmp, a, b)
    print((ok and answer or "bad") .. "\\n")
end
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with a real rpm."""
    place = unpacked(rpm_root(CACHE, "el9", print), tmp_path_factory.mktemp("order") / "el9")
    (place / "tmp/vercmp.lua").write_text(_LUA)
    return place


def rpm_says(root: Path, pairs: list[tuple[str, str]]) -> list[str]:
    """-1, 0 or 1 for each pair; ``bad`` for what rpm does not take for a version."""
    (root / "tmp/pairs").write_text("".join(f"{left}\t{right}\n" for left, right in pairs))
    done = in_chroot(root, ["rpm", "--eval", '%{lua:dofile("/tmp/vercmp.lua")}'])
    answers = done.stdout.split()
    assert len(answers) == len(pairs), done.stderr
    return answers


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(_PAIRS)
def test_it_orders_as_rpm_does(root: Path, pairs: list[tuple[str, str]]) -> None:
    """Epoch, tilde, caret, separators, leading zeros, a missing release."""
    for (left, right), theirs in zip(pairs, rpm_says(root, pairs), strict=True):
        if theirs != "bad":
            assert compare_versions(left, right) == int(theirs), json.dumps([left, right])


def test_the_first_kernel_of_el_8_10_is_older_than_its_updates(root: Path) -> None:
    """The pair that a comparison of texts gets wrong."""
    old, new = "4.18.0-553.el8_10", "4.18.0-553.22.1.el8_10"
    assert rpm_says(root, [(old, new)]) == ["-1"] == [str(compare_versions(old, new))]
