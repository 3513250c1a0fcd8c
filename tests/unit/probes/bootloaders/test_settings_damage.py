"""/etc/default/grub, read and not run; sh itself is the judge."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootkeep.edges.run import run
from bootkeep.probes.bootloaders.settings_damage import settings_damage

STOPS = {
    'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX="quiet\nGRUB_TIMEOUT=5\n': "line 2 opens a double quotation mark",
    "A='x\n": "line 1 opens a single quotation mark",
    "# don't\nA=`lsb_release -i\n": "line 2 opens a backquote",
    'A="x\\"\n': "line 1 opens a double",
    "A=0\r\n\r\nB=1\r\n": "line 2 is a carriage return",
}
READ = (
    "GRUB_DISTRIBUTOR=`lsb_release -i -s 2> /dev/null || echo Debian`\n# it's a comment\nA=\"it's\"\n",
    "GRUB_DISTRIBUTOR=`( . /etc/os-release; echo ${NAME:-Debian} ) 2>/dev/null || echo Debian`\n",
    'A="two\nlines"\n',
    "A=a#b\nB=\\'\nC=${A#a}\n",
    'A=0\r\nB="x"\r\n# c\r\n',
    'A="\r\n"\n',
    "A=$(cat <<E\nit's\nE\n)\n",
    "",
)


def sh(text: str, folder: Path) -> int:
    """Read as grub-mkconfig does."""
    (folder / "grub").write_bytes(text.encode())
    return run(["sh", "-ec", f". {folder}/grub"], timeout_s=10).exit_code


@pytest.mark.parametrize("text", STOPS)
def test_what_stops_a_shell_is_told(tmp_path: Path, text: str) -> None:
    assert settings_damage(text).startswith(STOPS[text]) and sh(text, tmp_path) != 0


@pytest.mark.parametrize("text", READ)
def test_what_a_shell_reads_is_whole(tmp_path: Path, text: str) -> None:
    assert settings_damage(text) == "" and sh(text, tmp_path) == 0


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(["A=", "x", "'", '"', "\\", "#", " ", "\n", "\r\n", "`", "$"]), max_size=14))
def test_no_alarm_where_a_shell_is_content(tmp_path_factory: pytest.TempPathFactory, pieces: list[str]) -> None:
    text = "".join(pieces)
    (path := tmp_path_factory.mktemp("d") / "grub").write_bytes(text.encode())
    if "never closed" in settings_damage(text):
        assert run(["sh", "-n", str(path)], timeout_s=10).exit_code != 0
