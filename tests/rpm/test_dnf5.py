"""dnf5's actions file and its program, driven as libdnf5's actions plugin does it (libdnf5-plugins/actions/actions.cpp).

By protocol only: Debian 12 has no dnf5. The driver keeps the contract to the letter: execvp without a shell, standard input
closed at once, standard output read to its end and every line of it taken for a command, exit codes noted, and one action
after the other.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import bootkeep
from bootkeep.facts.transaction import Outcome

from .conftest import RpmMachine

pytestmark = pytest.mark.lab
ACTIONS = Path(bootkeep.__file__).parent / "hooks/rpm/bootkeep.actions"
CALLBACKS = {"pre_base_setup", "post_base_setup", "repos_configured", "repos_loaded", "pre_add_cmdline_packages"} | {
    "post_add_cmdline_packages",
    "goal_resolved",
    "pre_transaction",
    "post_transaction",
}
OPTIONS = {"enabled": {"1", "host-only", "installroot-only"}}  # what version 0.3.0 knew
#: Lines of standard output that the plugin understands in plain mode; any other is an error.
LINE = re.compile(r"(?:tmp\.[\w.]+(?:=.*)?|conf\.[\w.]+=.*|var\.\w+=.*|log\.\w+=.*|stop=.*|error=.*)")

#: Runs inside the root, under the name dnf5: fork and exec as the plugin does.
DRIVER = """
import json, os, sys
sys.stdin.readline
plan = json.load(open('/tmp/actions.json'))
answers = []
for argv in plan:
    out_read, out_write = os.pipe()
    in_read, in_write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(in_read, 0); os.dup2(out_write, 1)
        for fd in (out_read, out_write, in_read, in_write): os.close(fd)
        os.execvp(argv[0], argv)
    os.close(out_write); os.close(in_read); os.close(in_write)
    text = b''
    while True:
        some = os.read(out_read, 65536)
        if not some: break
        text += some
    os.close(out_read)
    _, status = os.waitpid(pid, 0)
    answers.append({'argv': argv, 'out': text.decode(), 'code': os.waitstatus_to_exitcode(status)})
    if any(line.startswith('stop=') for line in text.decode().splitlines()): break
    if argv[1] == 'pre': os.system(sys.argv[2])
json.dump(answers, open('/tmp/answers.json', 'w'))
"""


@dataclass(frozen=True)
class Action:
    """One line of an actions file."""

    callback: str
    filter: str
    direction: str
    options: dict[str, str]
    command: list[str] = field(default_factory=list)


def parse_actions(text: str) -> list[Action]:
    """As the plugin does; raises ValueError where it would refuse to load, and with that break every run of dnf5."""
    found = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        callback, packages, direction, options, command = line.split(":", 4)
        if callback not in CALLBACKS or direction not in {"", "in", "out"} or not command:
            raise ValueError(line)
        pairs = dict(word.split("=", 1) for word in options.split())
        if any(name not in OPTIONS or value not in OPTIONS[name] for name, value in pairs.items()):
            raise ValueError(line)
        found.append(Action(callback, packages, direction, pairs, command.split(" ")))
    return found


def expand(words: list[str], values: dict[str, str]) -> list[str]:
    """Variables; an unknown one makes the plugin skip the action, so it fails here."""
    return [re.sub(r"\$\{([\w.]+)\}", lambda found: values[found[1]], word) for word in words]


def test_the_file_loads_with_every_version_since_0_3_0() -> None:
    actions = parse_actions(ACTIONS.read_text())
    assert [action.callback for action in actions] == ["pre_transaction", "pre_transaction", "post_transaction"]
    assert all(action.options == {"enabled": "host-only"} for action in actions)


def drive(el9: RpmMachine, packages: list[tuple[str, str, str, str]], command: str) -> list[dict[str, object]]:
    """Answers of all actions for a transaction of these packages (action, name, arch, evr); ``command`` is what rpm does."""
    argvs = []
    for action in parse_actions(ACTIONS.read_text()):
        rows = packages if action.filter == "*" else [("", "", "", "")]
        for kind, name, arch, evr in rows:
            values = {"pid": "4711", "pkg.action": kind, "pkg.name": name, "pkg.arch": arch, "pkg.evr": evr}
            argvs.append(expand(action.command, values))
    (el9.root / "tmp/actions.json").write_text(json.dumps(argvs))
    (el9.root / "usr/bin/dnf5").write_text("#!/usr/bin/python3\n" + DRIVER)
    (el9.root / "usr/bin/dnf5").chmod(0o755)
    done = el9(f"/usr/bin/dnf5 upgrade '{command}'")
    assert done.exit_code == 0, done.stderr
    answers: list[dict[str, object]] = json.loads((el9.root / "tmp/answers.json").read_text())
    for answer in answers:
        assert answer["code"] == 0
        for line in str(answer["out"]).splitlines():
            assert LINE.fullmatch(line), answer
    return answers


def test_a_transaction_is_recorded(el9: RpmMachine) -> None:
    old = el9.built.installed
    before = el9.kernel(old)
    answers = drive(
        el9,
        [("U", "acmed", "noarch", "2.0-1.el9"), ("R", "acmed", "noarch", "1.0-1.el9")],
        "rpm -U /srv/rpms/updates/acmed*.rpm",
    )
    assert len(answers) == 4
    assert not any(answer["out"] for answer in answers)
    item = el9.only()
    assert (item.caller.manager, item.outcome) == ("dnf5", Outcome.DONE), (item, el9.log())
    assert [change.name for change in item.changes] == ["acmed"]
    assert len(item.steps) == 1
    assert el9.kernel(old) == before


def test_removing_the_last_good_kernel_is_stopped(el9: RpmMachine) -> None:
    evr = el9.installed("kernel-core")
    answers = drive(el9, [("E", "kernel-core", "x86_64", evr)], "rpm -e --nodeps kernel-core")
    last = str(answers[-1]["out"])
    assert last.startswith("stop=bootkeep: REFUSED, nothing was changed: removing kernel-core would take away"), answers
    assert last.count("\n") == 1
    assert el9.only().outcome is Outcome.REFUSED
