"""Every command in the documentation, run: on a disposable host with the formula applied and one transaction recorded.

`salt '*' FUNCTION` becomes `salt-call --local FUNCTION` (the same function on the same host, without a master); ids and times
of the examples become ones of this host. Commands run in the order of the pages; those that take things away run last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from bootkeep.edges.store import Store
from bootkeep.lab import highstate
from bootkeep.lab.host import DisposableHost
from conftest import CHECKOUT

#: `sh master` is for the fleet's master: tests/fleet/test_documented.py runs those.
FENCE = re.compile(r"(?ms)^[ ]*```(?:sh|console|bash)(?! master)[^\n]*\n(.*?)^[ ]*```")
#: Commands that another test runs, and which one.
ELSEWHERE = {
    "make run": "tests/lab/test_demonstration.py",
    "make kd": "tests/lab/test_kd.py",
    "make wheels": "the fixture lab_wheels",
    "make rpms": "tests/rpm/test_states.py, by the same recipe",
    "make test": "this very run",
}
#: These end what the others need.
LAST = ("bootkeep_install.remove", "bootkeep.clean")
#: Followed live until Ctrl-C: ended after a moment, which is exit code 124 of timeout(1).
ENDLESS = ("bootkeep watch",)


@dataclass(frozen=True, slots=True)
class Shown:
    """One command of one page."""

    page: str
    text: str


def shown() -> list[Shown]:
    """Every command line of README.md and docs/, continuation lines joined, prompts and comments taken off."""
    found = []
    for path in [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]:
        for block in FENCE.findall(path.read_text(encoding="utf-8")):
            for line in re.sub(r"\\\n\s*", "", block).splitlines():
                text = re.sub(r"^\s*[#$] (?=\S)", "", line).strip()
                if text.startswith(("bootkeep", "salt", "make", "apt", "dpkg", "BOOTKEEP_", "sudo", "cat", "grub")):
                    found.append(Shown(path.relative_to(CHECKOUT).as_posix(), text))
    return sorted(dict.fromkeys(found), key=lambda one: any(word in one.text for word in LAST))


def on_this_host(text: str, transaction: str) -> str:
    """The command as it is typed on the disposable host."""
    text = re.sub(r"^salt (?:'[^']*'|\S+) ", "salt-call --local --retcode-passthrough ", text)
    text = re.sub(r"^salt-call (?!--local)", "salt-call --local --retcode-passthrough ", text)
    text = re.sub(r"\b20\d{6}T\d{6}Z-[0-9a-f]{8}\b", transaction, text)
    return re.sub(r"(loader_restore )20\d{6}T\d{6}Z\S*", r"\1newest", text)


@pytest.fixture(scope="module")
def host(lab_host: DisposableHost) -> Iterator[DisposableHost]:
    """The host that the pages talk about: formula applied, a package installed from a terminal."""
    done = highstate.run(lab_host)
    assert not done.failed and done.results, done.output[-2000:]
    lab_host.must(["sh", "-c", "UCF_FORCE_CONFFNEW=1 apt-get -q -y install openssh-server >/dev/null 2>&1"])
    yield lab_host


@pytest.mark.lab
@pytest.mark.parametrize("one", shown(), ids=lambda one: f"{one.page}: {one.text[:70]}")
def test_the_command_does_what_a_reader_expects(host: DisposableHost, one: Shown) -> None:
    """It exists, its options exist, and it does not fail for want of anything. A verdict's exit code is an answer too."""
    if one.text in ELSEWHERE:
        assert one.text.split()[1] in (CHECKOUT / "Makefile").read_text(encoding="utf-8")
        return
    ids = Store(host.path("/var/lib/bootkeep")).transaction_ids()
    text = on_this_host(one.text, ids[-1] if ids else "")
    if text.startswith(ENDLESS):
        text = f"timeout 5 {text}"
    done = host.run(["sh", "-c", text], timeout_s=120)
    said = done.stdout + done.stderr
    allowed = {0, 1, 3, 124} if "bootkeep" in text else {0}
    assert done.exit_code in allowed, f"exit code {done.exit_code}\n{said[-2000:]}"
    for word in ("Traceback", "is not available", "No such option", "command not found", "Passed invalid arguments"):
        assert word not in said, said[-2000:]
