"""What package managers write down of their own runs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bootkeep.probes.packages.history import parse_apt_history, parse_zypp_history

APT = """
Start-Date: 2026-11-25  19:32:41
Commandline: apt-get -qy install ./omega_2_all.deb
Requested-By: ada (1000)
Upgrade: omega:amd64 (1, 2)
End-Date: 2026-11-25  19:32:42

Start-Date: 2026-11-25  19:40:00
Commandline: /usr/bin/unattended-upgrade
Install: x:amd64 (1)
"""
ZYPP = """# 2026-11-25 19:32:41 something
2026-11-25 19:32:41|command|root@web01|'zypper' 'in' '-y' 'kernel-default'|
2026-11-25 19:32:44|install|kernel-default|6.4.0-2|x86_64|root@web01|repo|abc|
"""


def test_apt() -> None:
    first, second = parse_apt_history(APT)
    assert first.command == ("apt-get", "-qy", "install", "./omega_2_all.deb")
    assert (first.started, first.user) == ("2026-11-25 19:32:41", "ada")
    assert (second.command, second.user) == (("/usr/bin/unattended-upgrade",), "")


def test_zypp() -> None:
    (only,) = parse_zypp_history(ZYPP)
    assert (only.command, only.user) == (("zypper", "in", "-y", "kernel-default"), "root")


@given(st.text())
def test_any_text_is_taken(text: str) -> None:
    for parse in (parse_apt_history, parse_zypp_history):
        assert all(entry.command for entry in parse(text))
