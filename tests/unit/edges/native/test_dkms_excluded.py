"""BUILD_EXCLUSIVE in dkms.conf. Each case of ``SAYS`` was given to dkms 3.0.10 too (``dkms build`` ends with 77 then)."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bootkeep.edges.native import dkms_excluded, kernel_config

OLD, NEW = "5.10.0-30-amd64", "6.1.0-56-amd64"
HERE = os.uname().machine


def look(root: Path, conf: str, **more: str) -> list[str]:
    """The excluded kernels of one module; ``more`` are files of /etc/dkms."""
    source = root / "usr/src/card-1.0"
    source.mkdir(parents=True)
    (source / "dkms.conf").write_text(f'PACKAGE_NAME="card"\nPACKAGE_VERSION="1.0"\n{conf}\n')
    (root / "var/lib/dkms/card/1.0").mkdir(parents=True)
    (root / "var/lib/dkms/card/1.0/source").symlink_to("/usr/src/card-1.0")  # absolute, as dkms makes it
    for release, options in ((OLD, "CONFIG_PCI=y\n# CONFIG_WLAN is not set\n"), (NEW, "CONFIG_PCI=y\nCONFIG_WLAN=m\n")):
        headers = root / f"usr/src/linux-headers-{release}"
        headers.mkdir()
        (headers / ".config").write_text(options)
        (root / "lib/modules" / release).mkdir(parents=True)
        (root / "lib/modules" / release / "build").symlink_to(f"/usr/src/linux-headers-{release}")
    (root / "etc/dkms").mkdir(parents=True)
    for name, text in more.items():
        (root / "etc/dkms" / name.replace("__", ".").replace("_", "-")).write_text(text)
    found: list[str] = json.loads(dkms_excluded.answer(root, "")).get("card/1.0", [])
    return found


SAYS = {
    'BUILD_EXCLUSIVE_KERNEL="^6\\..*"': [OLD],
    "BUILD_EXCLUSIVE_KERNEL='^(5\\.1[0-9]|4)\\..*'": [NEW],
    'BUILD_EXCLUSIVE_KERNEL="amd64$"': [],
    'BUILD_EXCLUSIVE_KERNEL="cloud"  # not here': [OLD, NEW],
    "BUILD_EXCLUSIVE_KERNEL=^5": [NEW],
    'BUILD_EXCLUSIVE_KERNEL="^[[:digit:]]+\\.1\\."': [OLD],
    'BUILD_EXCLUSIVE_KERNEL=""': [],
    f'BUILD_EXCLUSIVE_ARCH="{HERE}"': [],
    'BUILD_EXCLUSIVE_ARCH="(sparc|m68k)"': [OLD, NEW],
    'BUILD_EXCLUSIVE_CONFIG="CONFIG_PCI CONFIG_WLAN"': [OLD],
    'BUILD_EXCLUSIVE_CONFIG="!CONFIG_WLAN"': [NEW],
    'BUILD_EXCLUSIVE_CONFIG="CONFIG_NOBODY_HAS"': [OLD, NEW],
    '#BUILD_EXCLUSIVE_KERNEL="^7"': [],
    'AUTOINSTALL="yes"': [],
}


@pytest.mark.parametrize("conf", SAYS)
def test_plain_words_are_read_as_dkms_reads_them(tmp_path: Path, conf: str) -> None:
    assert look(tmp_path, conf) == SAYS[conf]


@pytest.mark.parametrize(
    "conf",
    [
        'if [ "$kernelver" = x ]; then\nBUILD_EXCLUSIVE_KERNEL="^7"\nfi',
        '    BUILD_EXCLUSIVE_KERNEL="^7"',
        'BUILD_EXCLUSIVE_KERNEL="^${MAJOR}"',
        'BUILD_EXCLUSIVE_KERNEL="^$(uname -r)"',
        'BUILD_EXCLUSIVE_KERNEL="^7" && true',
        'BUILD_EXCLUSIVE_KERNEL+="^7"',
        'BUILD_EXCLUSIVE_KERNEL_MIN="7.0"',
        'BUILD_EXCLUSIVE_KERNEL="("',
        ". /etc/card.conf\nBUILD_EXCLUSIVE_KERNEL=^7",
        'BUILD_EXCLUSIVE_CONFIG="CONFIG_.*"',
    ],
)
def test_what_only_bash_could_tell_excludes_nothing(tmp_path: Path, conf: str) -> None:
    assert look(tmp_path, conf) == []


def test_the_administrators_own_file_comes_last(tmp_path: Path) -> None:
    assert look(tmp_path / "a", 'BUILD_EXCLUSIVE_KERNEL="^7"', card__conf="BUILD_EXCLUSIVE_KERNEL=\n") == []
    assert look(tmp_path / "b", "", card__conf='BUILD_EXCLUSIVE_KERNEL="^5"\n') == [NEW]


def test_without_headers_no_option_excludes_and_without_dkms_there_is_no_answer(tmp_path: Path) -> None:
    assert look(tmp_path / "a", 'BUILD_EXCLUSIVE_CONFIG="CONFIG_WLAN"') == [OLD]
    (tmp_path / f"a/usr/src/linux-headers-{OLD}/.config").unlink()
    assert json.loads(dkms_excluded.answer(tmp_path / "a", "")) == {}
    with pytest.raises(FileNotFoundError):
        dkms_excluded.answer(tmp_path / "nothing", "")


def test_a_pipe_in_a_files_place_holds_nothing_up(tmp_path: Path) -> None:
    assert look(tmp_path, 'BUILD_EXCLUSIVE_KERNEL="^7"') == [OLD, NEW]
    os.mkfifo(tmp_path / "etc/dkms/card.conf")
    assert json.loads(dkms_excluded.answer(tmp_path, "")) == {}
    (tmp_path / "boot").mkdir()
    os.mkfifo(tmp_path / f"boot/config-{OLD}")
    (tmp_path / f"boot/config-{NEW}").write_text("CONFIG_RD_ZSTD=y\n")
    assert set(json.loads(kernel_config.answer(tmp_path, ""))) == {NEW}
