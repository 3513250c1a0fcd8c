"""What a package manager believes: apt's language against apt-config itself, repositories of dnf and zypper."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.edges.run import run
from bootkeep.probes.packages.trust import apt_settings, parse_repositories, parse_trust

TEXT = """// a comment { "
# another "
Acquire {
  AllowInsecureRepositories "true";
  https { Verify-Peer "false"; example.org::Verify-Host "false"; };
  /* x; */ Check-Valid-Until no;
};
APT::Get::AllowUnauthenticated "1"
;
DPkg::Options { "--force-confold"; "--force-unsafe-io"; };
DPkg::Options:: "--force-confdef";
APT { Periodic { Unattended-Upgrade "1"; }; };
Acquire::Weird "a;b{c}//d";
#clear APT::X;
"""


def by_apt(folder: Path, text: str) -> list[tuple[str, str]]:
    """What apt itself reads, in lower case: the settings that stand in this file and have a value."""
    (folder / "one.conf").write_text(text)
    argv = ["apt-config", "-c", str(folder / "one.conf"), "dump"]
    done = run(argv, timeout_s=30)
    assert done.exit_code == 0, done.stderr
    said = done.stdout
    return [(name.lower(), value) for name, value in re.findall(r'^(\S+) "(.*)";$', said, re.MULTILINE) if value]


def test_as_apt_reads_it(tmp_path: Path) -> None:
    theirs = by_apt(tmp_path, TEXT)
    ours = [(name.lower(), value) for name, value in apt_settings(TEXT)]
    assert len(ours) == 10
    assert [row for row in ours if row not in theirs] == []


@pytest.mark.parametrize("seed", range(3))
def test_made_texts_as_apt_reads_them(tmp_path: Path, seed: int) -> None:
    """Names in one piece and in scopes, values with every sign in them."""
    chance = random.Random(seed)
    rows = [(f"Lab{number}", chance.choice(["Acquire", "Get"]), chance.choice(["true", "a b", "x;y", "{", "}"]))
            for number in range(60)]  # fmt: skip
    text = ""
    for first, second, value in rows:
        text += chance.choice(
            [
                f'{first}::{second} "{value}";\n',
                f'{first} {{ {second} "{value}"; }};\n',
                f'{first} {{\n {second}\n"{value}" ;}}\n',
            ]
        )
        text += chance.choice(["", "// { x\n", "/* } */", "# { y\n"])
    expected = [(f"{first}::{second}".lower(), value) for first, second, value in rows]
    theirs = [row for row in by_apt(tmp_path, text) if row[0].startswith("lab")]
    assert theirs == expected
    assert [(name.lower(), value) for name, value in apt_settings(text)] == expected


@given(st.text(alphabet='aA:{};"\\\n/*# ', max_size=60))
def test_nothing_makes_it_fail(text: str) -> None:
    """A truncated or senseless file yields what can be read of it."""
    for name, value in apt_settings(text):
        assert isinstance(name, str) and isinstance(value, str)


def test_only_what_decides_trust_and_only_files_that_apt_reads() -> None:
    files = {
        "/etc/apt/apt.conf": 'Acquire::AllowInsecureRepositories "false";',
        "/etc/apt/apt.conf.d/99x": 'Acquire::allowinsecurerepositories "true";\nAPT::Color "1";',
        "/etc/apt/apt.conf.d/99x.dpkg-old": 'APT::Get::AllowUnauthenticated "true";',
        "/etc/apt/apt.conf.d/y.conf": 'Acquire::https { repo.example::Verify-Peer "false"; };',
        "/etc/dnf/dnf.conf": "[main]\ngpgcheck=1\nkeepcache=1\n",
    }
    assert parse_trust(files) == {
        "apt: acquire::allowinsecurerepositories": "false",
        "apt: acquire::https::repo.example::verify-peer": "false",
        "/etc/dnf/dnf.conf: gpgcheck": "1",
    }


def test_repositories_of_dnf_and_zypper() -> None:
    text = (
        "[base]\nname=Base\nbaseurl=https://h/a\n   https://h/b\ngpgcheck=1\ngpgkey=file:///k\npassword=(masked)\n"
        "[off]\nbaseurl=http://h/off\nenabled=0\n[mirrors]\nmirrorlist=http://h/m\nsslverify=0\n[bare]\n"
    )
    assert parse_repositories({"/etc/yum.repos.d/x.repo": text}) == {
        "/etc/yum.repos.d/x.repo: [base]": "https://h/a https://h/b [gpgcheck=1] [gpgkey=file:///k]",
        "/etc/yum.repos.d/x.repo: [mirrors]": "http://h/m [sslverify=0]",
        "/etc/yum.repos.d/x.repo: [bare]": "(no address)",
    }
