from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.assemble_system import assemble_system
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.facts.system import Conffile, SshdSettings, Unit
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.probes.config.files import parse_conffiles, parse_file_list, parse_listing, parse_ucf
from bootkeep.probes.read import Probe
from bootkeep.probes.security.settings import (
    SSHD_CONFIG,
    SSHD_EFFECTIVE,
    SSHD_PROGRAM,
    parse_group,
    parse_passwd,
    parse_special_files,
    parse_sshd_effective,
    parse_sshd_files,
    sshd_of,
)
from bootkeep.probes.security.sudo import parse_sudoers
from bootkeep.probes.services.kernel_view import parse_modules, parse_mountinfo
from bootkeep.probes.services.processes import parse_listeners, parse_processes
from bootkeep.probes.services.units import (
    UNIT_FILES,
    UNITS_LOADED,
    active_units_of,
    parse_unit_files,
    parse_units,
    unit_files_of,
)
from bootkeep.probes.system_probes import SYSTEM_PROBES

PARSERS: list[Callable[[str], object]] = [
    parse_conffiles,
    parse_file_list,
    lambda text: parse_listing(text, "test"),
    lambda text: parse_ucf(text, text),
    parse_group,
    parse_passwd,
    parse_special_files,
    parse_sshd_effective,
    lambda text: parse_sshd_files(text, {"/etc/ssh/x": text}),
    parse_sudoers,
    parse_modules,
    parse_mountinfo,
    parse_listeners,
    parse_processes,
    parse_unit_files,
    parse_units,
]

_words = st.sampled_from(
    [
        "Package: a",
        "Conffiles:",
        " /etc/a 0123",
        " - ",
        ":",
        "0::",
        "[]",
        "{}",
        '[{"path":1}]',
        "root:x:0:0::/:/bin/sh",
        "\0",
        "\udcff",
        "1 2 3",
    ]
)


@pytest.mark.parametrize("parse", PARSERS)
@given(text=st.one_of(st.text(max_size=300), st.lists(_words, max_size=8).map("\n".join)))
def test_parsers_raise_nothing_but_not_understood(parse: Callable[[str], object], text: str) -> None:
    try:
        parse(text)
    except NotUnderstood:
        return


@given(
    st.dictionaries(
        st.sampled_from([read.key for probe in SYSTEM_PROBES for read in probe.reads]), st.text(max_size=80)
    )
)
def test_assembling_any_readings_raises_nothing(texts: dict[str, str]) -> None:
    assemble_system(Readings({key: Reading(Status.OK, text) for key, text in texts.items()}))


@pytest.mark.parametrize("probe", SYSTEM_PROBES, ids=lambda probe: probe.name)
@pytest.mark.parametrize("status", [Status.DENIED, Status.TIMEOUT, Status.FAILED, Status.NOT_TAKEN])
def test_what_could_not_be_read_is_unknown_never_empty(probe: Probe, status: Status) -> None:
    readings = Readings({read.key: Reading(status, detail="x") for read in probe.reads})
    assert isinstance(probe.understand(readings), Unknown)


def test_conffiles_with_blanks_and_flags() -> None:
    text = (
        "Package: ssh\nStatus: install ok installed\nConffiles:\n /etc/default/ssh 500e3cf069fe9a7b9936108eb9d9c035\n"
        " /etc/with blank 00000000000000000000000000000001\n /etc/old 00000000000000000000000000000002 obsolete\n"
        " /etc/new newconffile\n /etc/gone 00000000000000000000000000000003 remove-on-upgrade\nDescription: x\n /not/a conffile\n\n"
        "Package: b\nDescription: none\n"
    )
    assert parse_conffiles(text) == (
        Conffile("/etc/default/ssh", "ssh", "500e3cf069fe9a7b9936108eb9d9c035", "dpkg"),
        Conffile("/etc/with blank", "ssh", "00000000000000000000000000000001", "dpkg"),
        Conffile("/etc/new", "ssh", "", "dpkg"),
    )


def test_ucf_registry_and_hashfile() -> None:
    md5 = "fbc910d4bc9889530c92c7e8b101689b"
    assert parse_ucf("ssh \t /etc/ssh/sshd_config\nx /etc/x\n", f"{md5}  /etc/ssh/sshd_config\n") == (
        Conffile("/etc/ssh/sshd_config", "ssh", md5, "ucf"),
        Conffile("/etc/x", "x", "", "ucf"),
    )


def test_units_as_systemd_252_prints_them() -> None:
    assert parse_unit_files('[{"unit_file":"ssh.service","state":"enabled","preset":"enabled"}]') == (
        Unit("ssh.service", "enabled", "", "enabled"),
    )
    text = '[{"unit":"ssh.service","load":"loaded","active":"failed","sub":"failed","description":"x"}]'
    assert parse_units(text) == (Unit("ssh.service", "", "failed"),)


def test_no_systemd_is_absent_and_a_broken_one_unknown() -> None:
    message = "System has not been booted with systemd as init system (PID 1). Can't operate."
    assert isinstance(active_units_of(Readings({UNITS_LOADED.key: Reading(Status.OK, "", 1, message)})), Absent)
    assert isinstance(
        active_units_of(Readings({UNITS_LOADED.key: Reading(Status.OK, "", 1, "Connection timed out")})), Unknown
    )
    assert isinstance(unit_files_of(Readings({UNIT_FILES.key: Reading(Status.OK, "", 1, "x")})), Unknown)


def test_mountinfo_with_optional_fields_and_blanks() -> None:
    (mount,) = parse_mountinfo(
        "36 35 98:0 /mnt1 /mnt\\040two rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue\n"
    )
    assert (mount.target, mount.source, mount.root) == ("/mnt two", "/dev/root", "/mnt1")
    assert mount.options == ("errors=continue", "noatime", "rw")


def test_sshd_files_first_value_wins_includes_count_and_match_ends() -> None:
    main = (
        "Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin no\nPort 22\nPort 2222\n"
        "Match User x\n  PasswordAuthentication yes\n"
    )
    drop_ins = {
        "/etc/ssh/sshd_config.d/50-cloud.conf": "PermitRootLogin=yes\n",
        "/etc/ssh/sshd_config.d/README": "UsePAM no\n",
    }
    assert parse_sshd_files(main, drop_ins) == {"permitrootlogin": "yes", "port": "22\n2222"}


def test_an_include_loop_ends() -> None:
    assert parse_sshd_files("Include /etc/ssh/a\n", {"/etc/ssh/a": "Include a\nUsePAM yes\n"}) == {"usepam": "yes"}


def test_sshd_that_cannot_be_asked_is_read_from_its_files() -> None:
    readings = Readings(
        {
            SSHD_PROGRAM.key: Reading(Status.OK, "[]"),
            SSHD_EFFECTIVE.key: Reading(Status.OK, "", 255, "Missing privilege separation directory: /run/sshd"),
            SSHD_CONFIG.key: Reading(Status.OK, "PermitRootLogin no\n"),
        }
    )
    assert sshd_of(readings) == SshdSettings("/etc/ssh/sshd_config", {"permitrootlogin": "no"})


def test_sudoers_lines_without_password() -> None:
    text = "# NOPASSWD: comment\nroot ALL=(ALL) ALL\n%ops ALL=\\\n  (ALL)   NOPASSWD: ALL\nDefaults !authenticate\n"
    assert parse_sudoers(text) == ("%ops ALL= (ALL) NOPASSWD: ALL", "Defaults !authenticate")


def test_passwd_with_too_few_fields_is_not_understood() -> None:
    with pytest.raises(NotUnderstood, match="/etc/passwd:2"):
        parse_passwd("root:x:0:0:root:/root:/bin/sh\nbroken:x\n")
