"""The shim before reboot: which calls it asks about, and what it does with each answer. Real sh, stand-ins around it."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from bootkeep.facts.errors import BootkeepError
from bootkeep.flows.reboot_guard import COMMANDS, reboot_guard_withdrawn, reboot_guarded

SHIM = Path(__file__).parents[3] / "toolkit/bootkeep/hooks/files/reboot-guard"


class Bench:
    """The shim with a real command, a Python and a log that only this test knows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir()
        (folder / "guard").mkdir()
        python = folder / "python"
        python.write_text(
            "#!/bin/sh\n"
            f'case "$*" in *"import bootkeep"*) exit "$(cat {folder}/starts)" ;;\n'
            f'*load_policy*) exit "$(cat {folder}/policy)" ;;\n'
            f'*before-reboot*) echo asked >>{folder}/asked; sleep "$(cat {folder}/takes)"; exit "$(cat {folder}/answer)" ;; esac\n'
        )
        python.chmod(0o755)
        for name, value in (("starts", 0), ("policy", 0), ("takes", 0), ("answer", 0)):
            self.set(name, value)
        text = SHIM.read_text()
        text = text.replace("@PYTHON@", str(python)).replace("@REBOOT_DEADLINE@", "2")
        text = text.replace("/usr/sbin /usr/bin /sbin /bin", str(folder / "bin"))
        text = text.replace("/var/log/bootkeep", str(folder / "log"))
        text = text.replace("logger -t bootkeep", "true")
        for name in COMMANDS:
            (folder / "guard" / name).write_text(text)
            (folder / "guard" / name).chmod(0o755)
            (folder / "bin" / name).write_text(f'#!/bin/sh\nprintf "%s|" "${{0##*/}}" "$@" >{folder}/ran\n')
            (folder / "bin" / name).chmod(0o755)

    def set(self, name: str, value: int) -> None:
        (self.folder / name).write_text(f"{value}\n")

    def call(self, *argv: str, **environment: str) -> tuple[int, str, str]:
        """Exit code, standard error, and what the real command was called with (empty when it was not)."""
        ran = self.folder / "ran"
        ran.unlink(missing_ok=True)
        (self.folder / "asked").unlink(missing_ok=True)
        done = subprocess.run(  # noqa: TID251
            [str(self.folder / "guard" / argv[0]), *argv[1:]],
            capture_output=True,
            text=True,
            timeout=20,
            env={"PATH": os.environ["PATH"], **environment},
        )
        return done.returncode, done.stderr, ran.read_text() if ran.exists() else ""

    @property
    def asked(self) -> bool:
        return (self.folder / "asked").exists()

    @property
    def log(self) -> str:
        path = self.folder / "log/reboot-guard.log"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    if os.getuid() != 0:
        pytest.fail("the guard asks for root only: run the tests as root")
    return Bench(tmp_path)


@pytest.mark.parametrize(
    "call",
    [
        "reboot",
        "reboot -d",
        "poweroff",
        "halt",
        "halt -p",
        "shutdown -r now",
        "shutdown -h +5 the\u00a0disk",
        "shutdown -P 23:00",
        "systemctl reboot",
        "systemctl -i reboot",
        "systemctl --no-wall poweroff",
        "systemctl -n 5 halt",
        "systemctl kexec",
        "systemctl start reboot.target",
        "systemctl isolate poweroff.target",
    ],
)
def test_what_is_asked_about(bench: Bench, call: str) -> None:
    argv = call.split(" ")
    code, said, ran = bench.call(*argv)
    assert (code, ran) == (0, "|".join(argv) + "|"), said
    assert bench.asked
    bench.set("answer", 1)
    code, said, ran = bench.call(*argv)
    assert (code, ran) == (1, "") and "NO-GO" in said and "--bootkeep-override" in said and "reboot -f" in said
    assert "refused" in bench.log


@pytest.mark.parametrize(
    "call",
    [
        "reboot -f",
        "reboot -ff",
        "reboot --force",
        "poweroff -nf",
        "halt -w",
        "reboot --help",
        "shutdown -c",
        "shutdown --show",
        "shutdown -k now",
        "systemctl reboot -ff",
        "systemctl --force reboot",
        "systemctl -H web02 reboot",
        "systemctl -M guest poweroff",
        "systemctl --host=web02 reboot",
        "systemctl --user start reboot.target",
        "systemctl status reboot.target",
        "systemctl start nginx",
        "systemctl restart reboot-notifier",
        "systemctl -t service list-units",
        "systemctl daemon-reload",
        "systemctl",
        "systemctl reboot --when=cancel",
    ],
)
def test_what_passes_without_a_question(bench: Bench, call: str) -> None:
    """Emergencies, questions, other machines: nothing may hold these up."""
    bench.set("answer", 1)
    argv = call.split(" ")
    code, _said, ran = bench.call(*argv)
    assert (code, ran, bench.asked) == (0, "|".join(argv) + "|", False)


def test_no_verdict_is_what_the_policy_says_of_unknown(bench: Bench) -> None:
    for answer in (3, 5, 70, 127):
        bench.set("answer", answer)
        bench.set("policy", 0)
        code, said, ran = bench.call("reboot")
        assert (code, ran) == (1, "") and "refused" in said, answer
        bench.set("policy", 10)
        assert bench.call("reboot")[2] == "reboot|", answer
        bench.set("policy", 1)  # it cannot even be read
        assert bench.call("reboot")[2] == "", answer


def test_it_never_hangs(bench: Bench) -> None:
    bench.set("takes", 60)
    started = time.monotonic()
    code, said, ran = bench.call("reboot")
    assert (code, ran) == (1, "") and "no verdict after 2 seconds" in said
    assert time.monotonic() - started < 15


def test_an_override_needs_a_reason_and_is_logged(bench: Bench) -> None:
    bench.set("answer", 1)
    assert bench.call("shutdown", "-r", "--bootkeep-override", "disk is dying", "now")[2] == "shutdown|-r|now|"
    assert "disk is dying" in bench.log and not bench.asked
    assert bench.call("reboot", "--bootkeep-override=moving house")[2] == "reboot|"
    assert bench.call("systemctl", "reboot", BOOTKEEP_OVERRIDE="fire")[2] == "systemctl|reboot|"
    for argv in (("reboot", "--bootkeep-override"), ("reboot", "--bootkeep-override", "")):
        code, said, ran = bench.call(*argv)
        assert (code, ran) == (2, "") and "reason" in said
    assert "moving house" in bench.log and "fire" in bench.log
    assert (bench.folder / "log/reboot-guard.log").stat().st_mode & 0o777 == 0o600


def test_where_the_toolkit_is_gone_it_steps_aside(bench: Bench) -> None:
    bench.set("answer", 1)
    bench.set("starts", 1)
    code, said, ran = bench.call("reboot")
    assert (code, ran) == (0, "reboot|") and "not checked" in said
    (bench.folder / "python").unlink()
    assert bench.call("reboot")[2] == "reboot|"


def test_arguments_reach_the_real_command_unchanged(bench: Bench) -> None:
    argv = ("shutdown", "-r", "+5", "back at 5 o'clock", "$HOME `id` *", "")
    assert bench.call(*argv)[2] == "|".join(argv) + "|"


def test_putting_it_there_and_taking_it_away(tmp_path: Path) -> None:
    folder = tmp_path / "usr/local/sbin"
    planned = reboot_guarded(COMMANDS, root=tmp_path, dry_run=True)
    assert planned.ok and len(planned.changes) == 5 and not folder.exists()
    assert reboot_guarded(COMMANDS, root=tmp_path, dry_run=False).changes
    assert sorted(path.name for path in folder.iterdir()) == sorted(COMMANDS)
    assert all(
        path.stat().st_mode & 0o777 == 0o755 and "@" not in path.read_text().split("deadline=")[1][:6]
        for path in folder.iterdir()
    )
    assert not reboot_guarded(COMMANDS, root=tmp_path, dry_run=False).changes
    fewer = reboot_guarded(["reboot"], root=tmp_path, dry_run=False)
    assert [path.name for path in folder.iterdir()] == ["reboot"] and len(fewer.changes) == 4
    assert reboot_guard_withdrawn(root=tmp_path, dry_run=False).changes and not list(folder.iterdir())
    assert not reboot_guard_withdrawn(root=tmp_path, dry_run=False).changes


def test_somebody_elses_file_is_never_touched(tmp_path: Path) -> None:
    folder = tmp_path / "usr/local/sbin"
    folder.mkdir(parents=True)
    (folder / "reboot").write_text("#!/bin/sh\nexit 1\n")
    assert not reboot_guarded(COMMANDS, root=tmp_path, dry_run=False).ok
    assert [path.name for path in folder.iterdir()] == ["reboot"]
    assert reboot_guarded(["halt"], root=tmp_path, dry_run=False).ok
    reboot_guard_withdrawn(root=tmp_path, dry_run=False)
    assert (folder / "reboot").read_text() == "#!/bin/sh\nexit 1\n"
    with pytest.raises(BootkeepError):
        reboot_guarded(["init"], root=tmp_path, dry_run=True)
