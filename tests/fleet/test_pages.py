"""The fleet's site as files: what is written, what is left alone, and that nothing of a minion's becomes markup or a path."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootkeep.edges.site_folder import PageFile, Readers, write_site
from bootkeep.facts.errors import BootkeepError
from bootkeep.facts.fleet_overview import FleetChange, FleetHost, FleetTransaction
from bootkeep.fleet.pages import write_pages
from bootkeep.lab.made_fleet import MadeFleet
from bootkeep.reports.fleet_names import safe_name
from bootkeep.reports.same_change import same_changes
from conftest import CHECKOUT
from fleet.hostile import HOSTILE, hostile_fleet

NOW = "2026-11-24T12:00:00Z"


class Links(HTMLParser):
    """Every place that a page leads to."""

    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect; a tag that loads anything is an error."""
        assert tag not in {"img", "link", "iframe", "object", "embed", "base"}, tag
        for name, value in attrs:
            assert not name.startswith("on"), f"{tag} {name}"
            assert name != "style"
            if name == "href" and value is not None:
                self.hrefs.append(value)
            if name == "id" and value is not None:
                self.ids.append(value)


def pages_of(root: Path) -> dict[str, bytes]:
    """All files, without our own."""
    found = (path for path in root.rglob("*") if path.is_file() and ".bootkeep" not in path.parts)
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def test_every_link_leads_to_a_page_that_is_there(tmp_path: Path) -> None:
    """Also from a part to the next, and from a report back."""
    fleet = MadeFleet(2, 650, days=2, reports=30)
    write_pages(fleet, tmp_path / "site", now=NOW)
    pages = pages_of(tmp_path / "site")
    assert {"index.html", "timeline.html"} <= pages.keys()
    assert any(name.endswith("older-1.html") for name in pages)
    assert any(re.fullmatch(r"timeline/2026-\d\d-\d\d-2\.html", name) for name in pages)
    for name, content in pages.items():
        if not name.endswith(".html"):
            continue
        links = Links()
        links.feed(content.decode())
        assert len(links.ids) == len(set(links.ids)), name
        for href in links.hrefs:
            target = href.partition("#")[0]
            if target:
                assert os.path.normpath(os.path.join(os.path.dirname(name), target)) in pages, f"{name} -> {href}"


def test_only_what_changed_is_written_again(tmp_path: Path) -> None:
    """One more transaction: its report, its host's page, its day and the day's data, the timeline and the overview."""
    fleet, root = MadeFleet(20, 20, days=10), tmp_path / "site"
    first = write_pages(fleet, root, now=NOW)
    assert first.kept == 0
    assert write_pages(fleet, root, now=NOW).written == 0
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*.html")}
    host = fleet.hosts()[0]
    fleet.add(
        replace(next(iter(fleet.transactions())), id="20261124T110000Z-00000001", started_at="2026-11-24T11:00:00Z")
    )
    write_pages(fleet, root, now=NOW)
    changed = {p.relative_to(root).as_posix() for p in root.rglob("*.html") if before.get(p) != p.stat().st_mtime_ns}
    neighbour = {"timeline/2026-11-23.html"} if "timeline/2026-11-23.html" in changed else set()
    assert changed - neighbour == {
        f"hosts/{host.id}/t-20261124T110000Z-00000001.html",
        f"hosts/{host.id}/index.html",
        "timeline/2026-11-24.html",
        "timeline.html",
        "index.html",
    }


def test_what_is_gone_from_the_store_is_gone_from_the_pages(tmp_path: Path) -> None:
    """Retention ends a page too."""
    fleet, root = MadeFleet(4, 3), tmp_path / "site"
    write_pages(fleet, root, now=NOW)
    gone = fleet.hosts()[0].id
    fleet.replace_hosts(fleet.hosts()[1:])
    assert write_pages(fleet, root, now=NOW).removed >= 4
    assert not (root / "hosts" / gone).exists()
    assert gone.encode() not in (root / "index.html").read_bytes()


def test_a_page_that_somebody_damaged_or_took_away_comes_back(tmp_path: Path) -> None:
    """Taken away: at once. Damaged: with ``everything``."""
    fleet, root = MadeFleet(2, 2), tmp_path / "site"
    write_pages(fleet, root, now=NOW)
    whole = pages_of(root)
    page = root / "hosts" / fleet.hosts()[0].id / "index.html"
    page.unlink()
    assert write_pages(fleet, root, now=NOW).written == 1
    page.write_text("damaged")
    write_pages(fleet, root, now=NOW, everything=True)
    assert pages_of(root) == whole


def test_files_are_for_root_only_whatever_the_umask(tmp_path: Path) -> None:
    """They say what is wrong with every host."""
    old = os.umask(0)
    try:
        write_pages(MadeFleet(2, 2), tmp_path / "a", now=NOW)
        write_pages(MadeFleet(2, 2), tmp_path / "b", now=NOW, readers=Readers(os.getgid()))
    finally:
        os.umask(old)
    modes = {oct(path.stat().st_mode & 0o777) for path in (tmp_path / "a").rglob("*")}
    assert modes == {"0o600", "0o700"}
    assert {oct((tmp_path / name).stat().st_mode & 0o777) for name in ("b", "b/hosts")} == {"0o750"}
    assert oct((tmp_path / "b/index.html").stat().st_mode & 0o777) == "0o640"
    assert oct((tmp_path / "b/.bootkeep").stat().st_mode & 0o777) == "0o700"


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    """A slip of the finger must not fill /var/www."""
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(BootkeepError, match="not empty"):
        write_pages(MadeFleet(1, 1), tmp_path, now=NOW)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_two_runs_at_once_do_not_mix(tmp_path: Path) -> None:
    """The second one says so and changes nothing."""
    root = tmp_path / "site"

    def inner() -> bytes:
        with pytest.raises(BootkeepError, match="another run"):
            write_pages(MadeFleet(1, 1), root, now=NOW)
        return b"x"

    write_site(root, [PageFile("index.html", "k", inner)])
    assert (root / "index.html").read_bytes() == b"x"


WRITE = """
import sys
from pathlib import Path
from bootkeep.fleet.pages import write_pages
from bootkeep.lab.made_fleet import MadeFleet
fleet = MadeFleet(12, 12, days=5)
print("ready", flush=True)
write_pages(fleet, Path(sys.argv[1]), now=sys.argv[2])
"""


def test_killed_anywhere_every_page_is_whole_and_the_next_run_repairs(tmp_path: Path) -> None:
    """kill -9 at a dozen moments of a run."""
    root = tmp_path / "site"
    environment = {"PYTHONPATH": str(CHECKOUT / "toolkit"), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    killed = 0
    for number in range(12):
        stamp = f"2026-11-24T12:00:{number:02}Z"
        child = subprocess.Popen(
            [sys.executable, "-c", WRITE, str(root), stamp], env=environment, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        child.stdout.readline()
        time.sleep(0.012 * number)
        child.send_signal(signal.SIGKILL)
        killed += child.wait() == -signal.SIGKILL
        child.stdout.close()
        for name, content in pages_of(root).items():
            if not name.rsplit("/", 1)[-1].startswith("."):
                assert content.rstrip().endswith((b"</html>", b");")), name
    assert killed >= 6
    write_pages(MadeFleet(12, 12, days=5), root, now=NOW)
    write_pages(MadeFleet(12, 12, days=5), tmp_path / "fresh", now=NOW)
    assert pages_of(root) == pages_of(tmp_path / "fresh")


def test_a_write_that_fails_leaves_the_old_page(tmp_path: Path) -> None:
    """The kernel refuses in the middle of a file, as on a full disk (here: RLIMIT_FSIZE); the manifest does not claim it."""
    fleet, root = MadeFleet(2, 2), tmp_path / "site"
    write_pages(fleet, root, now=NOW)
    old = pages_of(root)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_pages(fleet, root, now="2026-11-24T13:00:00Z")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert pages_of(root) == old
    assert write_pages(fleet, root, now="2026-11-24T13:00:00Z").written == 1


def test_hostile_words_stay_words(tmp_path: Path) -> None:
    """In host names, ids, sentences, users, releases: no tag, no attribute, no path outside."""
    root = tmp_path / "deep" / "site"
    write_pages(hostile_fleet(), root, now=NOW)
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"site"}
    for name, content in pages_of(root).items():
        assert re.fullmatch(r"[A-Za-z0-9~._/-]+", name), name
        text = content.decode()
        if name.endswith(".html"):
            Links().feed(text)
            assert "<script>alert" not in text
            assert "<img" not in text
        else:
            assert content.isascii()
            call = re.fullmatch(r"bootkeepLines\((\"[^\"]+\"), (\[.*\])\);\n", text, re.S)
            assert call is not None
            json.loads(call.group(2))
    assert any("alert" in json.dumps(content.decode()) for content in pages_of(root).values())


@given(st.lists(st.text(max_size=120), min_size=2, max_size=6, unique=True))
@settings(max_examples=300)
def test_names_are_safe_and_never_shared(texts: list[str]) -> None:
    """Whatever a minion calls itself."""
    names = [safe_name(text) for text in texts]
    assert len(set(names)) == len(texts)
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9~._-]{1,110}", name)
        assert name not in {".", ".."} and not name.startswith(".")


def test_the_same_change_on_many_hosts_is_one_line() -> None:
    """The issue's own example."""
    change = FleetChange(
        "config-replaced", "/etc/ssh/sshd_config", "openssh-server", "sshd_config replaced by openssh-server", True
    )
    some = [FleetTransaction(f"t{n}", f"web{n:02}", f"2026-11-24T12:00:{n:02}Z", changes=(change,)) for n in range(37)]
    (one,) = same_changes(some)
    assert one.sentence == "37 hosts: sshd_config replaced by openssh-server"
    assert one.first_at < one.last_at


def test_an_empty_fleet_has_pages_too(tmp_path: Path) -> None:
    """The first thing that a new master shows."""
    write_pages(MadeFleet(0, 0), tmp_path / "site", now=NOW)
    assert b"No host has reported yet." in (tmp_path / "site/index.html").read_bytes()


def test_a_host_that_was_never_judged_is_unknown_not_go(tmp_path: Path) -> None:
    """UNKNOWN is never presented as GO."""
    fleet = MadeFleet(0, 0)
    fleet.replace_hosts([FleetHost("new"), FleetHost("odd", verdict=HOSTILE)])
    write_pages(fleet, tmp_path / "site", now=NOW)
    text = (tmp_path / "site/index.html").read_text()
    assert "2 hosts could not be judged." in text
    assert "v-GO" not in text.partition("<tbody>")[2].partition("</tbody>")[0]
