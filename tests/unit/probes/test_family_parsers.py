from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.assemble_system import assemble_system
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Reading, Readings, Status
from bootkeep.facts.unknown import Absent, Unknown
from bootkeep.probes.bootloaders.settings import GRUB_SETTINGS, PRESERVED, boot_settings_of
from bootkeep.probes.network.addresses import parse_addresses, parse_resolvers, parse_routes
from bootkeep.probes.network.firewall import (
    BUILT_IN,
    FIREWALL,
    NF_TABLES,
    NFT,
    NFT_PROGRAM,
    OLD_TABLES,
    firewall_of,
    parse_front_ends,
    parse_iptables,
    parse_nft,
)
from bootkeep.probes.packages.apt import (
    SOURCES,
    TRUSTED_KEYS,
    keys_of,
    parse_marks,
    parse_pins,
    parse_sources,
)
from bootkeep.probes.packages.scripts import parse_scripts
from bootkeep.probes.read import Probe, Read
from bootkeep.probes.security import access, hardening
from bootkeep.probes.services import schedules
from bootkeep.probes.services.aftermath import parse_journal, parse_stale
from bootkeep.probes.storage.promises import parse_fstab_lines, parse_space
from bootkeep.probes.system_probes import SETTING_PROBES

ONE_TEXT: list[Callable[[str], object]] = [
    parse_marks,
    parse_nft,
    lambda text: parse_iptables(text, "ip"),
    parse_addresses,
    parse_routes,
    parse_stale,
    parse_journal,
    parse_space,
    schedules.parse_at_jobs,
    lambda text: parse_scripts({"a": text, "b<-a": text}),
]
MANY_TEXTS: list[Callable[[Mapping[str, str]], object]] = [
    parse_pins,
    parse_sources,
    schedules.parse_timers,
    schedules.parse_cron,
    schedules.parse_drop_ins,
    access.parse_sub_ids,
    access.parse_sudo_rules,
    access.parse_pam,
    access.parse_polkit,
    access.parse_login_defs,
    hardening.parse_command_line,
    hardening.parse_values,
    hardening.parse_taint,
    hardening.parse_module_settings,
    hardening.parse_sysctl_files,
    hardening.parse_apparmor,
    hardening.parse_selinux,
    hardening.parse_crypto,
    hardening.parse_logging,
    hardening.parse_audit_rules,
    parse_fstab_lines,
    parse_resolvers,
    parse_front_ends,
]
_pieces = st.sampled_from(
    [
        *(
            "deb [a=b] http://h/ s c",
            "Types: deb",
            "[Timer]",
            "OnCalendar=daily",
            "auth [x=1] m.so y",
            "table ip t {",
            "}",
        ),
        *(
            "elements = {",
            "*filter",
            ":INPUT DROP [0:0]",
            "-A INPUT -j DROP",
            "A=/etc/x",
            "cat > $A/y",
            "adduser --home 'x",
        ),
        *("u name 1", "\0", "\udcff", " x", "\\"),
    ]
)
texts = st.one_of(st.text(max_size=200), st.lists(_pieces, max_size=8).map("\n".join))


@pytest.mark.parametrize("parse", ONE_TEXT)
@given(text=texts)
def test_parsers_of_one_text_raise_nothing_but_not_understood(parse: Callable[[str], object], text: str) -> None:
    try:
        parse(text)
    except NotUnderstood:
        return


@pytest.mark.parametrize("parse", MANY_TEXTS)
@given(
    files=st.dictionaries(
        st.sampled_from(["/etc/a", "/etc/b/c.sources", "/etc/systemd/system/x.service.d/y.conf"]), texts, max_size=2
    )
)
def test_parsers_of_files_raise_nothing_but_not_understood(
    parse: Callable[[Mapping[str, str]], object], files: dict[str, str]
) -> None:
    try:
        parse(files)
    except NotUnderstood:
        return


@pytest.mark.parametrize("probe", [p for p in SETTING_PROBES if p.reads], ids=lambda probe: probe.name)
@pytest.mark.parametrize("status", [Status.DENIED, Status.TIMEOUT, Status.FAILED, Status.NOT_TAKEN])
def test_what_could_not_be_read_is_unknown_never_empty(probe: Probe, status: Status) -> None:
    readings = Readings({read.key: Reading(status, detail="x") for read in probe.reads})
    assert isinstance(probe.understand(readings), Unknown)


def test_a_snapshot_that_did_not_look_has_no_such_family() -> None:
    assert "pam" not in assemble_system(Readings({})).settings
    key = next(probe for probe in SETTING_PROBES if probe.name == "pam").reads[0].key
    assert assemble_system(Readings({key: Reading(Status.OK, "{}")})).settings["pam"] == {}


def test_marks_and_pins() -> None:
    text = "Package: a\nArchitecture: amd64\nAuto-Installed: 1\n\nPackage: b\nArchitecture: all\nAuto-Installed: 0\n"
    assert parse_marks(text) == {"a:amd64": "automatic"}
    pin = "Explanation: x\nPackage: nginx\nPin: release o=Debian\nPin-Priority: 990\n"
    assert parse_pins({"/etc/apt/preferences": pin}) == {"/etc/apt/preferences: nginx, release o=Debian": "990"}


def test_repositories_in_both_forms_are_one() -> None:
    one = "deb [signed-by=/k.gpg arch=amd64] https://h/debian bookworm main contrib # comment\n#deb https://h/x y z\n"
    many = (
        "Types: deb\nURIs: https://h/debian\nSuites: bookworm\nComponents: main contrib\nSigned-By: /k.gpg\n\n"
        "Enabled: no\nTypes: deb\nURIs: u\nSuites: s\n"
    )
    assert parse_sources({"/etc/apt/sources.list": one}) == {
        "deb https://h/debian bookworm": "main contrib [arch=amd64] [signed-by=/k.gpg]"
    }
    masked = "deb [arch=amd64] http://[redacted#8427e46253]@host/debian stable main # x\n#deb http://off x\ndeb http://[::1]/d s c"
    assert parse_sources({"/etc/apt/sources.list.d/x.list": masked}) == {
        "deb http://[redacted#8427e46253]@host/debian stable": "main [arch=amd64]",
        "deb http://[::1]/d s": "c",
    }
    assert parse_sources({"/etc/apt/sources.list.d/x.sources": many}) == {
        "deb https://h/debian bookworm": "main contrib [signed-by=/k.gpg]"
    }


def test_a_key_in_usr_share_is_trusted_only_where_a_source_names_it() -> None:
    sources = {"/etc/apt/sources.list": "deb [signed-by=/usr/share/keyrings/a.gpg] h s c"}
    digests = {
        "/usr/share/keyrings/a.gpg": "1" * 64,
        "/usr/share/keyrings/b.gpg": "2" * 64,
        "/usr/share/keyrings/README": "3" * 64,
    }
    readings = {read.key: Reading(Status.ABSENT) for read in TRUSTED_KEYS}
    readings[TRUSTED_KEYS[-1].key] = Reading(Status.OK, json.dumps(digests))
    readings[SOURCES.key] = Reading(Status.OK, json.dumps(sources))
    assert keys_of(Readings(readings)) == {
        "/usr/share/keyrings/a.gpg": "sha256 " + "1" * 16 + ", trusted by apt",
        "/usr/share/keyrings/b.gpg": "sha256 " + "2" * 16,
    }


def test_timers_etc_overrides_the_package() -> None:
    files = {
        "/usr/lib/systemd/system/a.timer": "[Unit]\nDescription=OnCalendar=x\n[Timer]\nOnCalendar=daily\nRandomizedDelaySec=1h\n",
        "/etc/systemd/system/a.timer": "[Timer]\nOnCalendar=Mon\nOnCalendar=Tue\nUnit=b.service\n",
    }
    assert schedules.parse_timers(files) == {"a.timer": "OnCalendar=Mon; Tue, Unit=b.service"}


def test_cron_lines_with_their_users() -> None:
    files = {
        "/etc/cron.d/x": "# c\nPATH=/bin\n5 * * * *  root  run\n5 * * * * root run\n",
        "/var/spool/cron/crontabs/anna": "@daily x\n",
    }
    assert schedules.parse_cron(files) == {
        "/etc/cron.d/x: PATH=/bin": "",
        "/etc/cron.d/x: 5 * * * * root run": "2 times",
        "crontab of anna: @daily x": "",
    }


def test_drop_ins_name_their_unit() -> None:
    files = {"/etc/systemd/system/ssh.service.d/x.conf": "[Service]\nExecStart=\nExecStart=/bin/x\n"}
    assert schedules.parse_drop_ins(files) == {
        "ssh.service: /etc/systemd/system/ssh.service.d/x.conf": "ExecStart=, ExecStart=/bin/x"
    }


def test_sudo_skips_what_sudo_skips() -> None:
    files = {
        "/etc/sudoers": "root ALL=(ALL) \\\n ALL\n#comment\n#include /x\n",
        "/etc/sudoers.d/a.bak": "x ALL=ALL",
        "/etc/sudoers.d/b~": "y",
    }
    assert access.parse_sudo_rules(files) == {"/etc/sudoers: root ALL=(ALL) ALL": "", "/etc/sudoers: #include /x": ""}


def test_pam_controls_in_brackets() -> None:
    files = {
        "/etc/pam.d/common-auth": "auth\t[success=1 default=ignore]\tpam_unix.so nullok\nauth requisite pam_deny.so\n@include x\n"
    }
    assert access.parse_pam(files) == {
        "common-auth: auth pam_unix.so": "[success=1 default=ignore] nullok",
        "common-auth: auth pam_deny.so": "requisite",
        "common-auth: @include x": "",
    }


def test_polkit_actions_and_rules() -> None:
    action = '<action id="org.a">\n<allow_any>no</allow_any>\n<allow_active>yes</allow_active>\n</action>'
    files = {
        "/usr/share/polkit-1/actions/a.policy": action,
        "/etc/polkit-1/rules.d/10.rules": "return polkit.Result.YES;",
    }
    assert access.parse_polkit(files) == {
        "org.a": "any no, active yes",
        "/etc/polkit-1/rules.d/10.rules": "grants without asking",
    }


def test_sysctl_order_and_masking_by_name() -> None:
    files = {
        "/usr/lib/sysctl.d/10-a.conf": "a.b=1\n",
        "/etc/sysctl.d/10-a.conf": "-a/c = 2\n",
        "/etc/sysctl.d/99-z.conf": "a.c=3\n",
        "/etc/sysctl.conf": "a.c=4\n",
    }
    assert hardening.parse_sysctl_files(files) == {"a.c": "4 (/etc/sysctl.conf)"}


def test_taint_bits() -> None:
    assert set(hardening.parse_taint({"/proc/sys/kernel/tainted": "4097\n"})) == {
        "proprietary module loaded",
        "module from outside the tree loaded",
    }
    with pytest.raises(NotUnderstood):
        hardening.parse_taint({"/proc/sys/kernel/tainted": "yes"})


NFT_TEXT = """table inet filter {
\tset banned {
\t\ttype ipv4_addr
\t\telements = { 192.0.2.1,
\t\t\t     192.0.2.2 }
\t}
\tchain input {
\t\ttype filter hook input priority 0; policy drop;
\t\ttcp dport 22 counter packets 5 bytes 300 accept
\t\ttcp dport 22 counter accept
\t}
}
"""


def test_nft_rules_without_counters_and_elements() -> None:
    assert parse_nft(NFT_TEXT) == {
        "inet filter set banned: type ipv4_addr": "",
        "inet filter input: type filter hook input priority 0": "policy drop",
        "inet filter input: tcp dport 22 accept": "2 times",
    }
    for damaged in (NFT_TEXT[:-2], NFT_TEXT + "}"):
        with pytest.raises(NotUnderstood):
            parse_nft(damaged)


def test_iptables_save() -> None:
    text = "*filter\n:INPUT DROP [12:34]\n:mine - [0:0]\n[5:6] -A INPUT -p tcp --dport 22 -j ACCEPT\nCOMMIT\n"
    assert parse_iptables(text, "ip") == {
        "ip filter INPUT: chain": "policy drop",
        "ip filter mine: chain": "",
        "ip filter: -A INPUT -p tcp --dport 22 -j ACCEPT": "",
    }


def test_a_filter_that_nobody_can_tell_is_not_an_empty_one() -> None:
    reads: tuple[Read, ...] = (NF_TABLES, NFT_PROGRAM, *OLD_TABLES)
    absent = {read.key: Reading(Status.ABSENT) for read in reads}
    assert firewall_of(Readings(absent)) == {}
    loaded = {**absent, NF_TABLES.key: Reading(Status.OK, "[]")}
    assert isinstance(firewall_of(Readings(loaded)), Absent)
    failed = {
        **loaded,
        NFT_PROGRAM.key: Reading(Status.OK, "[]"),
        NFT.key: Reading(Status.OK, "", 1, "Operation not permitted"),
    }
    assert isinstance(firewall_of(Readings(failed)), Unknown)
    told = {**failed, NFT.key: Reading(Status.OK, NFT_TEXT)}
    assert "inet filter input: tcp dport 22 accept" in dict(firewall_of(Readings(told)))  # type: ignore[arg-type]


def test_a_filter_that_is_built_into_the_kernel_is_asked_too() -> None:
    """Found on a kernel with CONFIG_NF_TABLES=y: there is no folder in /sys/module, and the rules were never seen."""
    reads: tuple[Read, ...] = (NF_TABLES, *OLD_TABLES)
    nothing = {read.key: Reading(Status.ABSENT) for read in reads}
    with_nft = {**nothing, NFT_PROGRAM.key: Reading(Status.OK, "[]")}
    built_in = {**with_nft, BUILT_IN.key: Reading(Status.OK, '{"built_in": true}')}
    assert NFT in FIREWALL.follow_ups(Readings(built_in))
    assert isinstance(firewall_of(Readings(built_in)), Unknown)  # it was not asked
    told = {**built_in, NFT.key: Reading(Status.OK, NFT_TEXT)}
    assert "inet filter input: tcp dport 22 accept" in dict(firewall_of(Readings(told)))  # type: ignore[arg-type]
    not_there = {**with_nft, BUILT_IN.key: Reading(Status.OK, '{"built_in": false}')}
    assert NFT not in FIREWALL.follow_ups(Readings(not_there)) and firewall_of(Readings(not_there)) == {}
    assert isinstance(firewall_of(Readings({**with_nft, BUILT_IN.key: Reading(Status.ABSENT)})), Unknown)
    # Without nft nobody made a rule with it.
    no_nft = {**built_in, NFT_PROGRAM.key: Reading(Status.ABSENT)}
    assert NFT not in FIREWALL.follow_ups(Readings(no_nft)) and firewall_of(Readings(no_nft)) == {}
    assert firewall_of(Readings(with_nft)) == {}  # a snapshot of an older bootkeep


def test_addresses_and_routes() -> None:
    addresses = [
        {
            "ifname": "eth0",
            "flags": ["UP"],
            "addr_info": [
                {"local": "192.0.2.1", "prefixlen": 24, "scope": "global", "valid_life_time": 77},
                {"local": "2001:db8::1", "prefixlen": 64, "scope": "global", "temporary": True},
            ],
        }
    ]
    assert parse_addresses(json.dumps(addresses)) == {"eth0": "up", "eth0 192.0.2.1/24": "global"}
    routes = [
        {"dst": "default", "gateway": "192.0.2.254", "dev": "eth0"},
        {"dst": "192.0.2.0/24", "protocol": "kernel", "dev": "eth0"},
    ]
    assert parse_routes(json.dumps(routes)) == {"route default": "via 192.0.2.254 dev eth0"}


def test_fstab_and_space() -> None:
    assert parse_fstab_lines(
        {"/etc/fstab": "UUID=1 / ext4 errors=remount-ro 0 1\nUUID=2 none swap sw 0 0\nUUID=3 /a\\040b vfat nosuid\n"}
    ) == {
        "/": "UUID=1 ext4 errors=remount-ro",
        "UUID=2": "UUID=2 swap sw",
        "/a b": "UUID=3 vfat nosuid",
    }
    row = {"free_bytes": 5, "size_bytes": 100, "inodes": 0, "inodes_free": 0}
    assert parse_space(json.dumps(row)) == "less than 10 % free"
    assert parse_space(json.dumps({**row, "free_bytes": 50})) == ""
    assert parse_space(json.dumps({**row, "free_bytes": 50, "inodes": 100, "inodes_free": 1})) == "less than 2 % free"


def test_boot_settings() -> None:
    files = {
        "/etc/default/grub": 'GRUB_DEFAULT=saved\nGRUB_CMDLINE_LINUX="quiet"\n',
        "/boot/grub/grubenv": "# GRUB Environment Block\nsaved_entry=x\nrecordfail=1\n####",
    }
    readings = {
        GRUB_SETTINGS.key: Reading(Status.OK, json.dumps(files)),
        PRESERVED.key: Reading(Status.OK, json.dumps([{"path": "/boot/bootkeep/6.1_1"}])),
    }
    assert boot_settings_of(Readings(readings)) == {
        "GRUB_DEFAULT": "saved",
        "GRUB_CMDLINE_LINUX": "quiet",
        "saved_entry": "x",
        "preserved kernel 6.1_1": "kept",
    }
