from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootkeep.compare.families import FAMILIES
from bootkeep.compare.family_rules import FAMILY_RULES
from bootkeep.compare.noise import NoiseFilter
from bootkeep.compare.whole import compare, compare_all, drift
from bootkeep.facts.change import Change, ChangeClass, ChangeKind, Comparison
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.noise import NoiseRule
from bootkeep.facts.package_claims import PackageClaims
from bootkeep.facts.system import Account, ConfigFile, Group, SpecialFile, SystemState
from bootkeep.facts.transaction import Action, PackageChange
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from unit.compare.example_host import PACKAGES, before, config

INSTALLED = (PackageChange("tool", "amd64", "", "1", Action.INSTALL),)


def having(family: str, values: Maybe[Mapping[str, str]]) -> SystemState:
    """The example host with one family of keyed lines."""
    return replace(before(), settings={family: values})


def told(family: str, was: Mapping[str, str], now: Mapping[str, str], **found: object) -> list[Change]:
    """The changes of one family in a transaction that installed ``tool``."""
    one, other = having(family, was), having(family, now)
    one, other = (replace(state, **found) for state in (one, other))  # type: ignore[arg-type]
    return list(compare(one, other, packages=INSTALLED))


#: Family, rule, key, strict value, lax value; None for "not there".
WEAKER: list[tuple[str, str, str, str | None, str | None]] = [
    ("sudo rule", "sudo-rule-added", "/etc/sudoers.d/x: %ops ALL=(ALL) ALL", None, ""),
    ("pam", "pam-weakened", "common-auth: auth pam_faillock.so", "required", None),
    ("pam", "pam-weakened", "common-auth: auth pam_unix.so", "required", "required nullok"),
    ("pam", "pam-weakened", "sshd: account pam_access.so", "required", "optional"),
    ("pam", "pam-weakened", "x: auth pam_permit.so", None, "sufficient"),
    ("pam", "pam-weakened", "common-auth: auth pam_permit.so", "required", "sufficient; required"),
    ("pam", "pam-weakened", "x: auth pam_permit.so", "required", "[success=1 default=ignore]; required"),
    ("password state", "password-weakened", "anna", "locked", "set (yescrypt)"),
    ("password state", "password-weakened", "anna", "set (yescrypt)", "none"),
    ("password state", "password-weakened", "anna", "set (yescrypt)", "set (md5crypt)"),
    ("authorized key", "ssh-key-added", "root SHA256:x", None, "ssh-ed25519"),
    ("authorized key", "ssh-key-added", "root SHA256:x", "ssh-ed25519 with options", "ssh-ed25519"),
    ("polkit", "polkit-weakened", "org.a", "any no, active auth_admin", "any no, active yes"),
    ("polkit", "polkit-weakened", "/etc/polkit-1/rules.d/x.rules", None, "grants without asking"),
    ("login.defs", "login-defs-weakened", "UMASK", "077", "022"),
    ("login.defs", "login-defs-weakened", "PASS_MAX_DAYS", "90", "99999"),
    ("login.defs", "login-defs-weakened", "ENCRYPT_METHOD", "YESCRYPT", "MD5"),
    ("repository", "repository-added", "deb http://h s", None, "main"),
    ("repository", "repository-unsigned", "deb http://h s", "main", "main [trusted=yes]"),
    ("rpm repository", "repository-added", "/etc/yum.repos.d/x.repo: [x]", None, "http://h [gpgcheck=1]"),
    (
        "rpm repository",
        "repository-unsigned",
        "/etc/yum.repos.d/x.repo: [x]",
        "http://h [gpgcheck=1]",
        "http://h [gpgcheck=No]",
    ),
    ("rpm repository", "repository-unsigned", "/etc/zypp/repos.d/x.repo: [x]", "http://h", "http://h [sslverify=0]"),
    ("package trust", "repository-unsigned", "apt: acquire::allowinsecurerepositories", None, "true"),
    ("package trust", "repository-unsigned", "apt: apt::get::allowunauthenticated", "no", "1"),
    ("package trust", "repository-unsigned", "apt: acquire::https::verify-peer", None, "false"),
    ("package trust", "repository-unsigned", "apt: acquire::check-valid-until", "true", "0"),
    ("package trust", "repository-unsigned", "/etc/dnf/dnf.conf: gpgcheck", "1", None),
    ("package trust", "repository-unsigned", "/etc/dnf/dnf.conf: sslverify", None, "0"),
    ("package trust", "repository-unsigned", "/etc/zypp/zypp.conf: gpgcheck", None, "off"),
    ("repository key", "repository-key-added", "/etc/apt/trusted.gpg.d/x.gpg", None, "sha256 1, trusted by apt"),
    (
        "sysctl at boot",
        "sysctl-weakened",
        "kernel.kptr_restrict",
        "2 (/etc/sysctl.d/a.conf)",
        "0 (/etc/sysctl.d/a.conf)",
    ),
    ("module setting", "module-allowed", "/etc/modprobe.d/x.conf: blacklist dccp", "", None),
    ("module setting", "module-allowed", "/etc/modprobe.d/x.conf: install sctp /bin/false", "", None),
    ("kernel argument", "kernel-argument-weakened", "mitigations", "auto", "off"),
    ("kernel argument", "kernel-argument-weakened", "lockdown", "integrity", None),
    ("cpu mitigation", "mitigation-lost", "mds", "Mitigation: Clear CPU buffers", "Vulnerable"),
    ("lsm", "lockdown-weakened", "lockdown", "none [integrity] confidentiality", "[none] integrity confidentiality"),
    ("lsm", "lockdown-weakened", "lsm", "capability,apparmor", "capability"),
    ("apparmor profile", "apparmor-weakened", "/usr/sbin/x", "enforce", "complain"),
    ("selinux", "selinux-weakened", "enforce", "1", "0"),
    ("crypto policy", "crypto-weakened", "FIPS mode", "1", "0"),
    ("crypto policy", "crypto-weakened", "openssl MinProtocol", "TLSv1.2", "TLSv1"),
    ("crypto policy", "crypto-weakened", "openssl CipherString", "DEFAULT@SECLEVEL=2", "DEFAULT@SECLEVEL=0"),
    ("crypto policy", "crypto-weakened", "crypto policy", "FUTURE", "LEGACY"),
    ("ca certificate", "ca-certificate-added", "x.pem", None, "/usr/local/share/ca-certificates/x.crt"),
    ("audit rule", "audit-weakened", "/etc/audit/rules.d/a.rules: -w /etc/passwd -p wa", "", None),
    ("audit state", "audit-weakened", "enabled", "2", "0"),
    ("logging", "audit-weakened", "journald Storage", None, "none"),
    ("logging", "audit-weakened", "journald Storage", "persistent", "auto"),
    ("fstab", "mount-guard-lost", "/tmp", "tmpfs tmpfs nosuid,nodev", "tmpfs tmpfs nodev"),
    ("firewall setting", "firewall-weakened", "ufw ENABLED", "yes", "no"),
    ("firewall rule", "firewall-weakened", "inet filter input: type filter hook input", "policy drop", "policy accept"),
    ("firewall rule", "firewall-weakened", "inet filter input: tcp dport 23 drop", "", None),
    ("open file", "file-world-writable", "/usr/lib/x", None, "mode 0666"),
]


def side(family: str, key: str, value: str | None) -> dict[str, str]:
    """A family with this key, and another one of the same place that stays as it is."""
    place = key.partition(": ")[0]
    stays = {f"{place}: -- stays": "x"} if ": " in key else {"stays": "x"}
    return stays if value is None else {**stays, key: value}


@pytest.mark.parametrize(("family", "rule", "key", "strict", "lax"), WEAKER)
def test_toward_weaker_raises_its_rule_and_the_way_back_does_not(
    family: str, rule: str, key: str, strict: str | None, lax: str | None
) -> None:
    there = told(family, side(family, key, strict), side(family, key, lax))
    assert [change.rule for change in there] == [rule]
    assert there[0].change_class is ChangeClass.SECURITY_WEAKENED and not there[0].expected
    assert [c.rule for c in told(family, side(family, key, lax), side(family, key, strict)) if c.rule] == []


def test_every_rule_of_the_families_is_in_that_table_or_looked_at_below() -> None:
    by_themselves = {"file-altered", "special-file-added"}
    assert {rule for _family, rule, *_rest in WEAKER} | by_themselves == set(FAMILY_RULES)


@pytest.mark.parametrize(
    ("family", "was", "now"),
    [
        ("repository", {}, {"deb-src http://h s": "main"}),
        ("repository key", {}, {"/usr/share/keyrings/x.gpg": "sha256 1"}),
        ("ca certificate", {}, {"A.pem": "/usr/share/ca-certificates/mozilla/A.crt"}),
        ("module setting", {"/etc/a: blacklist x": ""}, {"/etc/b: blacklist x": ""}),
        ("audit rule", {"/etc/a: -w /x": ""}, {"/etc/b: -w /x": ""}),
        ("sudo rule", {}, {"/etc/sudoers: Defaults env_reset": ""}),
        ("firewall rule", {}, {"ip filter INPUT: tcp dport 22 accept": ""}),
        ("kernel argument", {}, {"quiet": ""}),
        ("apparmor profile", {}, {"/usr/sbin/x": "enforce"}),
    ],
)
def test_what_weakens_nothing_raises_nothing(family: str, was: dict[str, str], now: dict[str, str]) -> None:
    assert [change.rule for change in told(family, was, now) if change.rule] == []


def test_a_new_boot_setting_is_weighed_against_the_running_kernel() -> None:
    now = {"kernel.randomize_va_space": "0 (/etc/sysctl.d/x.conf)", "fs.suid_dumpable": "2 (/usr/lib/sysctl.d/x.conf)"}
    running = {"kernel.randomize_va_space": "2", "fs.suid_dumpable": "0"}
    raised = {change.key: change.rule for change in told("sysctl at boot", {}, now, sysctl=running)}
    assert raised == {"kernel.randomize_va_space": "sysctl-weakened", "fs.suid_dumpable": ""}


@pytest.mark.parametrize("family", [family.name for family in FAMILIES])
@pytest.mark.parametrize("gap", [Unknown("timeout"), Absent("tool")], ids=["unknown", "absent"])
def test_what_could_not_be_looked_at_is_never_removed(family: str, gap: Maybe[Mapping[str, str]]) -> None:
    known = having(family, {"a: b": "c"})
    found = compare_all(known, having(family, gap), packages=INSTALLED)
    table = {entry.name: entry for entry in FAMILIES}[family]
    if isinstance(gap, Unknown) or table.blind:
        assert found.changes == ()
        if not (table.only_after and isinstance(gap, Absent)):
            assert [one.family for one in found.not_compared] == [family]
    assert compare_all(having(family, gap), having(family, gap)).changes == ()


def test_a_family_that_only_one_snapshot_looked_at_is_a_gap_and_one_that_neither_did_is_none() -> None:
    assert compare_all(before(), before()).not_compared == ()
    (gap,) = compare_all(before(), having("pam", {"a: b": "c"})).not_compared
    assert gap.family == "pam" and "did not look" in gap.why


values = st.dictionaries(
    st.sampled_from(["/etc/a: b", "x", "deb u s"]), st.sampled_from(["", "1", "policy drop"]), max_size=3
)


@pytest.mark.parametrize("family", [f.name for f in FAMILIES if not f.only_after])
@given(one=values, other=values)
@settings(max_examples=30, deadline=None)
def test_changes_are_exactly_the_keys_that_differ_or_fewer_and_none_against_itself(
    family: str, one: dict[str, str], other: dict[str, str]
) -> None:
    differ = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    assert {change.key for change in compare(having(family, one), having(family, other))} <= differ
    assert compare(having(family, one), having(family, one)) == ()


def test_errors_of_the_journal_and_altered_files_are_news_by_themselves() -> None:
    (change,) = compare(before(), having("journal error", {"ssh.service: fatal": "twice"}), packages=INSTALLED)
    assert change.sentence == "new error in the journal, twice: ssh.service: fatal"
    (change,) = compare(before(), having("file integrity", {"/usr/bin/x": "altered"}), packages=INSTALLED)
    assert change.rule == "file-altered"


def test_a_hidden_suid_file_is_news_when_it_changed_since_the_transaction_began() -> None:
    words = "SUID of 0:0 (mode 4755), changed at "
    found = {"/srv/old": words + "2026-11-23T17:03:11Z", "/srv/new": words + "2026-11-23T17:03:13Z"}
    (change,) = compare(before(), having("hidden special file", found), packages=INSTALLED)
    assert (change.key, change.rule) == ("/srv/new", "special-file-added")


# --- attribution ----------------------------------------------------------------------------------------------------------

CLAIMS = PackageClaims(
    {"/etc/mailname": "tool", "/etc/default/tool": "tool"},
    {"toold": "tool"},
    {"adduser": "tool", "update-ca-certificates": "tool"},
)


def installed(*paths: str, claims: PackageClaims = CLAIMS, **found: object) -> list[Change]:
    """The example host after these configuration files came."""
    was = before()
    assert isinstance(was.config_files, tuple)
    new = tuple(config(path, "f") for path in paths)
    now = replace(was, config_files=(*was.config_files, *new), claims=claims, **found)  # type: ignore[arg-type]
    return list(compare(was, now, packages=INSTALLED))


def test_what_maintainer_scripts_make_is_expected_with_the_packages_name() -> None:
    (change,) = installed("/etc/mailname")
    assert (change.package, change.expected, change.change_class) == ("tool", True, ChangeClass.CONFIG)
    assert change.sentence == "/etc/mailname: is new; made by the scripts of tool"


def test_what_a_helper_of_the_scripts_writes_is_the_packages_and_what_nobody_names_is_unexplained() -> None:
    (change,) = installed("/etc/ssl/certs/ca-certificates.crt")
    assert (change.package, change.expected) == ("tool", True)
    (change,) = installed("/etc/ssl/certs/ca-certificates.crt", claims=PackageClaims({}, {}, {}))
    assert (change.package, change.change_class) == ("", ChangeClass.UNEXPLAINED)


def with_account(name: str) -> dict[str, object]:
    """The example's accounts and groups with one more."""
    was = before()
    assert isinstance(was.accounts, tuple) and isinstance(was.groups, tuple)
    return {
        "accounts": (*was.accounts, Account(name, 999, 999, "/", "/bin/false")),
        "groups": (*was.groups, Group(name, 999, ())),
    }


def changed_shadow() -> tuple[ConfigFile, ConfigFile]:
    return config("/etc/shadow", "1", mode=0o640), config("/etc/shadow", "2", mode=0o640)


@pytest.mark.parametrize(("name", "expected"), [("toold", True), ("intruder", False)])
def test_shadow_is_expected_exactly_when_the_scripts_make_every_changed_account(name: str, expected: bool) -> None:
    was, now = changed_shadow()
    one = replace(before(), config_files=(was,))
    other = replace(one, config_files=(now,), claims=CLAIMS, **with_account(name))  # type: ignore[arg-type]
    changes = {change.key: change for change in compare(one, other, packages=INSTALLED)}
    assert {key: change.expected for key, change in changes.items()} == {"/etc/shadow": expected, name: expected}
    assert changes[name].change_class is (ChangeClass.OTHER if expected else ChangeClass.UNEXPLAINED)


def test_a_password_that_changed_with_a_scripts_account_is_not_hidden_by_it() -> None:
    was, now = changed_shadow()
    one = replace(
        before(), config_files=(was,), settings={"password state": {"anna": "set (yescrypt), changed on day 1"}}
    )
    other = replace(
        one,
        config_files=(now,),
        claims=CLAIMS,
        settings={"password state": {"anna": "set (yescrypt), changed on day 2", "toold": "locked"}},
        **with_account("toold"),  # type: ignore[arg-type]
    )
    changes = {(change.family, change.key): change for change in compare(one, other, packages=INSTALLED)}
    assert not changes["config", "/etc/shadow"].expected
    assert "changed on day 2" in changes["password state", "anna"].sentence
    assert ("password state", "toold") not in changes


def test_a_shadow_file_that_changed_without_any_account_is_unexplained() -> None:
    was, now = changed_shadow()
    one = replace(before(), config_files=(was,))
    (change,) = compare(one, replace(one, config_files=(now,), claims=CLAIMS), packages=INSTALLED)
    assert change.change_class is ChangeClass.UNEXPLAINED


def test_claims_explain_nothing_outside_a_transaction() -> None:
    was = before()
    assert isinstance(was.config_files, tuple)
    now = replace(was, config_files=(*was.config_files, config("/etc/mailname")), claims=CLAIMS)
    (change,) = compare(was, now)
    assert change.package == ""


def test_a_weakening_stays_one_whoever_claims_it() -> None:
    (change,) = told("sudo rule", {}, {"/etc/default/tool: x ALL=(ALL) ALL": ""}, claims=CLAIMS)
    assert (change.package, change.expected, change.rule) == ("tool", False, "sudo-rule-added")


# --- drift and noise ------------------------------------------------------------------------------------------------------


def test_drift_is_between_two_transactions_with_its_own_class() -> None:
    last, pre = having("cron job", {}), having("cron job", {"/etc/cron.d/x: * * * * * root y": ""})
    (change,) = drift(last, pre).changes
    assert (change.change_class, change.expected, change.kind) == (ChangeClass.DRIFT, False, ChangeKind.ADDED)
    assert drift(pre, pre).changes == ()


def test_drift_is_not_told_from_what_each_snapshot_knows_of_its_own_packages() -> None:
    deep = SpecialFile("/opt/a/b/c/d/e/run", 0o4755, 0, 0)
    last = replace(having("open file", {"/srv/a": "mode 0666"}), shipped_special_files=(deep,))
    last = replace(last, settings={**last.settings, "file integrity": {"/usr/bin/x": "altered"}})
    pre = replace(having("open file", {}), shipped_special_files=())
    assert drift(last, pre) == Comparison(())
    (change,) = compare(
        replace(before(), shipped_special_files=()), replace(before(), shipped_special_files=(deep,)), packages=PACKAGES
    )
    assert (change.key, change.rule) == (deep.path, "special-file-added")


def test_noise_can_be_added_and_switched_off() -> None:
    was, now = before(), replace(before(), config_files=(config("/etc/ld.so.cache"), config("/etc/our/cache")))
    now = replace(was, config_files=(*was.config_files, config("/etc/x.swp"), config("/etc/our/cache")))  # type: ignore[misc]
    assert [c.key for c in compare_all(was, now).changes] == ["/etc/our/cache"]
    ours = NoiseRule("ours", "config", r"/etc/our/.*", "written all day")
    assert compare_all(was, now, noise=NoiseFilter([ours])).changes == ()
    assert [c.key for c in compare_all(was, now, noise=NoiseFilter([ours], ["config-temporary"])).changes] == [
        "/etc/x.swp"
    ]


def test_a_noise_rule_that_cannot_work_is_an_error() -> None:
    with pytest.raises(NotUnderstood, match="ours"):
        NoiseFilter([NoiseRule("ours", "config", "(", "x")])
    with pytest.raises(NotUnderstood, match="no-such-rule"):
        NoiseFilter((), ["no-such-rule"])


def test_a_held_package_is_said_in_words() -> None:
    was = before()
    assert isinstance(was.packages, tuple)
    held = replace(was, packages=(replace(was.packages[0], wanted="hold"), *was.packages[1:]))
    assert [c.sentence for c in compare(was, held, packages=PACKAGES)] == ["cron is held back at 3.0pl1-162"]
