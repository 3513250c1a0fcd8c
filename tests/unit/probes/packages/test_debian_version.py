"""Version comparison, against dpkg itself."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bootkeep.edges.run import run
from bootkeep.probes.packages.debian_version import compare_versions, version_key

#: Versions that dpkg accepts: an upstream part that begins with a digit, epochs and revisions now and then.
UPSTREAM = st.from_regex(r"[0-9][A-Za-z0-9.+~]{0,8}", fullmatch=True)
VERSIONS = st.builds(
    lambda epoch, upstream, revision: epoch + upstream + revision,
    st.sampled_from(["", "0:", "1:", "12:"]),
    UPSTREAM,
    st.one_of(st.just(""), st.from_regex(r"-[A-Za-z0-9.+~]{1,6}", fullmatch=True)),
)


def dpkg_says(left: str, word: str, right: str) -> bool:
    """What the real comparison answers."""
    done = run(["dpkg", "--compare-versions", left, word, right], timeout_s=10)
    assert done.exit_code in (0, 1), done.stderr
    return done.exit_code == 0


@settings(max_examples=120, deadline=None)
@given(VERSIONS, VERSIONS)
def test_it_orders_as_dpkg_does(left: str, right: str) -> None:
    ours = compare_versions(left, right)
    assert dpkg_says(left, {-1: "lt", 0: "eq", 1: "gt"}[ours], right), (left, right, ours)


@given(st.text(), st.text())
def test_any_text_has_an_order_and_its_mirror(left: str, right: str) -> None:
    assert compare_versions(left, right) == -compare_versions(right, left)
    assert compare_versions(left, left) == 0


def test_kernel_releases_of_every_flavour() -> None:
    releases = ["6.12.43+deb13-amd64", "6.1.0-9-cloud-amd64", "6.1.0-10-cloud-amd64", "6.1.0-10-rt-amd64", "6.1.0~rc1"]
    assert sorted(releases, key=version_key)[0] == "6.1.0~rc1"
    assert sorted(releases, key=version_key)[-1] == "6.12.43+deb13-amd64"
    assert compare_versions("6.1.0-9-cloud-amd64", "6.1.0-10-cloud-amd64") < 0
    assert compare_versions("6.8.0-31-generic", "6.8.0-100-generic") < 0
