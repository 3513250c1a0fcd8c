from __future__ import annotations

import dataclasses
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootkeep.compare.at_stake import config_paths_at_stake
from bootkeep.compare.family_rules import FAMILY_RULES
from bootkeep.compare.keyed import differences
from bootkeep.compare.noise import NOISE_RULES, noise
from bootkeep.compare.weakening import RULES, mount_guards_lost, sshd_weakened, sysctl_weakened
from bootkeep.compare.whole import compare, compare_all
from bootkeep.facts.change import Change, ChangeClass, ChangeKind, ChangeSeverity
from bootkeep.facts.package import Package
from bootkeep.facts.system import ConfigFile, Listener, Process, SystemState, Unit
from bootkeep.facts.unknown import Absent, Unknown
from unit.compare.example_host import PACKAGES, after, before, config, process

_NO_FACTS = {"taken_at", "settings", "boot_id"}
FAMILIES = [field.name for field in dataclasses.fields(SystemState) if field.name not in _NO_FACTS]

processes = st.builds(
    Process,
    pid=st.integers(2, 30),
    parent=st.just(1),
    user=st.sampled_from(["root", "www"]),
    uid=st.just(0),
    start_ticks=st.integers(0, 5),
    unit=st.sampled_from(["", "a.service", "b.service"]),
    exe=st.sampled_from(["/usr/bin/a", "/usr/bin/b", ""]),
    arguments=st.lists(st.text(max_size=4), max_size=2).map(tuple),
    terminal=st.booleans(),
    stale=st.booleans(),
)
listeners = st.builds(
    Listener,
    protocol=st.sampled_from(["tcp", "udp", "tcp6"]),
    address=st.sampled_from(["0.0.0.0", "127.0.0.1", "::", "::1"]),
    port=st.sampled_from([22, 80, 40000]),
    pid=st.integers(0, 30),
    start_ticks=st.integers(0, 5),
    user=st.just("root"),
    unit=st.sampled_from(["", "a.service"]),
    exe=st.sampled_from(["/usr/bin/a", "/usr/bin/b"]),
)
files = st.builds(
    config,
    st.sampled_from(["/etc/a", "/etc/b", "/etc/b.dpkg-old", "/etc/c.dpkg-dist", "/etc/sudoers"]),
    st.sampled_from("abc"),
    st.sampled_from([0o644, 0o666, 0o600]),
    st.sampled_from(["", "/etc/x"]),
)
states = st.builds(
    lambda found: replace(before(), **found),
    st.fixed_dictionaries(
        {
            "processes": st.lists(processes, max_size=4).map(tuple),
            "listeners": st.lists(listeners, max_size=4).map(tuple),
            "config_files": st.lists(files, max_size=4, unique_by=lambda file: file.path).map(tuple),
            "sysctl": st.dictionaries(st.sampled_from(["a.b", "kernel.kptr_restrict"]), st.sampled_from("012")),
            "units": st.lists(
                st.builds(Unit, st.sampled_from("xyz"), st.sampled_from(["enabled", "masked"]), st.just("")), max_size=3
            ).map(tuple),
        }
    ),
)


def with_facts(state: SystemState, **found: object) -> SystemState:
    """The state with some families exchanged."""
    return replace(state, **found)  # type: ignore[arg-type]


def listed(family: Any) -> tuple[Any, ...]:
    """A family of the example that is certainly known."""
    assert isinstance(family, tuple)
    return family


def raised(state: SystemState, other: SystemState) -> dict[str, Change]:
    return {change.rule: change for change in compare(state, other, packages=PACKAGES) if change.rule}


@given(states)
@settings(max_examples=60)
def test_a_state_compared_with_itself_has_no_changes_and_no_gaps(state: SystemState) -> None:
    comparison = compare_all(state, state, packages=PACKAGES)
    assert comparison.changes == ()
    assert comparison.not_compared == ()


MIRROR = {
    ChangeKind.ADDED: ChangeKind.REMOVED,
    ChangeKind.REMOVED: ChangeKind.ADDED,
    ChangeKind.CHANGED: ChangeKind.CHANGED,
    ChangeKind.RESTARTED: ChangeKind.RESTARTED,
}


@given(states, states)
@settings(max_examples=60)
def test_the_way_back_has_the_same_keys_with_mirrored_kinds(one: SystemState, other: SystemState) -> None:
    # A process that became stale is news; one that is not stale any more was restarted, or never was.
    keep = {"listener", "config", "sysctl", "unit"}
    there = {(c.family, c.key): c.kind for c in compare(one, other) if c.family in keep}
    back = {(c.family, c.key): MIRROR[c.kind] for c in compare(other, one) if c.family in keep}
    assert there == back


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 2)), st.dictionaries(st.text(max_size=3), st.integers(0, 2)))
def test_differences_are_exactly_the_keys_that_differ(one: dict[str, int], other: dict[str, int]) -> None:
    missing = object()
    expected = {key for key in one.keys() | other.keys() if one.get(key, missing) != other.get(key, missing)}
    assert {difference.key for difference in differences(one, other)} == expected


@pytest.mark.parametrize("name", FAMILIES)
def test_unknown_is_never_a_change_and_is_named(name: str) -> None:
    unknown = with_facts(before(), **{name: Unknown("no permission")})
    for was, now in ((before(), unknown), (unknown, before()), (unknown, unknown)):
        assert compare(was, now) == ()
    if name not in {
        "conffiles",
        "edited_conffiles",
        "udp_client_ports",
        "file_owners",
        "claims",
        "shipped_special_files",
    }:
        assert any("no permission" in gap.why for gap in compare_all(before(), unknown).not_compared)


@pytest.mark.parametrize(
    "name", ["processes", "listeners", "config_files", "packages", "sysctl", "mounts", "units", "accounts"]
)
def test_a_source_that_went_away_is_not_everything_removed(name: str) -> None:
    gone = with_facts(before(), **{name: Absent("x")})
    comparison = compare_all(before(), gone)
    assert comparison.changes == ()
    assert len(comparison.not_compared) == 1


def test_the_example_raises_every_rule_that_it_plants() -> None:
    by_families = set(FAMILY_RULES) - {"sysctl-weakened", "mount-guard-lost", "special-file-added"}
    planted = (
        set(RULES) - {"unit-unmasked", "unit-started", "config-owner", "unit-failed", "preload-changed"} - by_families
    )
    assert set(raised(before(), after())) == planted
    first = compare(before(), after(), packages=PACKAGES)[0]
    assert first.rule == "config-replaced"
    assert first.change_class is ChangeClass.CONFIG_REPLACED
    assert first.package == "openssh-server"
    assert "/etc/ssh/sshd_config.ucf-old" in first.sentence


def test_weakenings_are_never_expected() -> None:
    assert not [c for c in compare(before(), after(), packages=PACKAGES) if c.rule and c.expected]


def test_the_way_back_weakens_nothing() -> None:
    # Taking everything back is no weakening, except that another kernel setting or port may not be guessed to be right.
    assert set(raised(after(), before())) <= {"config-replaced"}


def test_restart_is_not_a_close_and_an_open() -> None:
    kinds = {c.key: c.kind for c in compare(before(), after()) if c.family == "listener"}
    assert kinds["tcp 0.0.0.0:22"] is ChangeKind.RESTARTED
    assert kinds["tcp 0.0.0.0:2222"] is ChangeKind.ADDED


def test_a_reboot_restarts_everything_and_that_is_no_news() -> None:
    """What did not come up again, or came up anew, still is."""
    was, now = replace(before(), boot_id="one"), replace(after(), boot_id="other")
    same_boot, next_boot = (compare(was, replace(now, boot_id=boot)) for boot in ("one", "other"))
    restarts = [change for change in same_boot if change.kind is ChangeKind.RESTARTED]
    assert restarts
    assert [change for change in same_boot if change not in restarts] == list(next_boot)


def test_a_port_that_changes_hands_is_said() -> None:
    was = before()
    now = replace(
        was, listeners=(Listener("tcp", "0.0.0.0", 22, 9, 9, "root", "", "/tmp/evil"), listed(was.listeners)[1])
    )
    (change,) = compare(was, now)
    assert change.kind is ChangeKind.CHANGED
    assert "/tmp/evil" in change.after


def test_loopback_is_a_port_not_a_weakening() -> None:
    now = replace(
        before(), listeners=(*listed(before().listeners), Listener("tcp", "127.0.0.53", 53, 1, 1, "r", "", "/x"))
    )
    (change,) = compare(before(), now)
    assert (change.change_class, change.severity) == (ChangeClass.PORT, ChangeSeverity.LOW)


def test_workers_and_terminals_are_no_changes_and_a_stale_program_is() -> None:
    more = (process(500, "/usr/sbin/cron", "-f", unit="cron.service", start=700),)
    typed = (replace(process(501, "/usr/bin/vi"), terminal=True),)
    assert compare(before(), replace(before(), processes=(*listed(before().processes), *more, *typed))) == ()
    stale = tuple(replace(p, stale=p.pid == 420) for p in listed(before().processes))
    (change,) = compare(before(), replace(before(), processes=stale))
    assert "restart it" in change.sentence


def test_the_script_that_called_the_package_manager_is_no_change() -> None:
    script = replace(process(600, "/usr/bin/dash", "-c", "apt-get install hello; sleep 99"), caller=True)
    helper = replace(process(601, "/usr/bin/ansible-async"), parent=600)
    next_command = replace(process(602, "/usr/bin/sleep", "99"), parent=600)
    here = listed(before().processes)
    # It ended before the second look; or it went on with its next command. Only the first look knows that it called.
    assert compare(replace(before(), processes=(*here, script, helper)), before()) == ()
    later = (replace(script, caller=False), next_command)
    assert (
        compare(replace(before(), processes=(*here, script, helper)), replace(before(), processes=(*here, *later)))
        == ()
    )
    # The same pid with another start is another process: no caller hides it.
    other = replace(script, caller=False, start_ticks=9000)
    told = compare(replace(before(), processes=(*here, script)), replace(before(), processes=(*here, other)))
    assert [change.sentence for change in told] == ["dash started (user root)"]


def test_kept_configuration_is_told_from_replaced() -> None:
    now = replace(
        before(), config_files=(*listed(before().config_files), config("/etc/ssh/sshd_config.dpkg-dist", "z"))
    )
    (change,) = compare(before(), now, packages=PACKAGES)
    assert change.change_class is ChangeClass.CONFIG_KEPT


def test_an_unedited_conffile_that_is_upgraded_is_expected() -> None:
    now = replace(
        before(),
        config_files=tuple(
            config(f.path, "z") if f.path == "/etc/default/ssh" else f for f in listed(before().config_files)
        ),
    )
    (change,) = compare(before(), now, packages=PACKAGES)
    assert (change.change_class, change.expected) == (ChangeClass.CONFIG, True)


def test_what_no_package_owns_is_drift() -> None:
    now = replace(
        before(),
        config_files=tuple(
            config(f.path, "z") if f.path == "/etc/crontab" else f for f in listed(before().config_files)
        ),
    )
    (change,) = compare(before(), now, packages=PACKAGES)
    assert (change.change_class, change.expected) == (ChangeClass.UNEXPLAINED, False)


@pytest.mark.parametrize(
    ("was", "now", "rule"),
    [
        ("masked", "static", "unit-unmasked"),
        ("disabled", "enabled", "unit-enabled"),
        ("enabled", "enabled-runtime", ""),
    ],
)
def test_unit_states(was: str, now: str, rule: str) -> None:
    changes = compare(
        replace(before(), units=(Unit("x.service", was, ""),)), replace(before(), units=(Unit("x.service", now, ""),))
    )
    assert [change.rule for change in changes] == [rule]


@pytest.mark.parametrize(
    ("was", "now", "enabled", "rule"),
    [
        ("inactive", "active", "disabled", "unit-started"),
        ("inactive", "active", "static", ""),
        ("active", "failed", "enabled", "unit-failed"),
    ],
)
def test_active_states(was: str, now: str, enabled: str, rule: str) -> None:
    one = replace(before(), units=(Unit("x.service", enabled, ""),), active_units=(Unit("x.service", "", was),))
    other = replace(one, active_units=(Unit("x.service", "", now),))
    assert [change.rule for change in compare(one, other)] == [rule]


def test_half_configured_packages_are_urgent() -> None:
    now = replace(
        before(),
        packages=(Package("cron", "amd64", "3.0pl1-162", "install", "half-configured"), listed(before().packages)[1]),
    )
    (change,) = compare(before(), now)
    assert change.severity is ChangeSeverity.HIGH


@pytest.mark.parametrize(
    ("name", "was", "now", "weaker"),
    [
        ("kernel.kptr_restrict", "1", "0", True),
        ("kernel.kptr_restrict", "0", "1", False),
        ("net.ipv4.conf.eth0.rp_filter", "1", "0", True),
        ("net.ipv6.conf.all.forwarding", "0", "1", True),
        ("kernel.sysrq", "438", "1", True),
        ("kernel.sysrq", "1", "438", False),
        ("kernel.sysrq", "x", "1", False),
        ("vm.swappiness", "60", "1", False),
    ],
)
def test_sysctl_direction(name: str, was: str, now: str, weaker: bool) -> None:
    assert sysctl_weakened(name, was, now) is weaker


@pytest.mark.parametrize(
    ("keyword", "was", "now", "weaker"),
    [
        ("permitrootlogin", "no", "without-password", True),
        ("permitrootlogin", "yes", "prohibit-password", False),
        ("usepam", "yes", "no", True),
        ("allowusers", "anna", "", True),
        ("allowusers", "anna", "anna bob", True),
        ("allowusers", "", "anna", False),
        ("denyusers", "eve", "", True),
        ("denyusers", "", "eve", False),
        ("banner", "a", "b", False),
    ],
)
def test_sshd_direction(keyword: str, was: str, now: str, weaker: bool) -> None:
    assert sshd_weakened(keyword, was, now) is weaker


def test_mount_guards() -> None:
    assert mount_guards_lost(("nosuid", "ro"), ("rw",)) == ("nosuid", "ro")
    assert mount_guards_lost(("rw",), ("nosuid", "rw")) == ()


def test_every_noise_rule_has_a_reason_and_hits_what_it_names() -> None:
    assert all(rule.why for rule in NOISE_RULES)
    assert noise("unit", "session-3.scope") and noise("config", "/etc/mtab") and noise("sysctl", "fs.file-nr")
    assert noise("config", "/etc/ssh/sshd_config") is None
    assert noise("unit", "ssh.service") is None
    assert noise("sysctl", "kernel.randomize_va_space") is None


def test_at_stake_are_the_packages_files_and_edited_ones_but_no_secrets() -> None:
    state = replace(
        before(), config_files=(*listed(before().config_files), config("/etc/shadow"), config("/etc/fstab"))
    )
    assert config_paths_at_stake(state, PACKAGES) == (
        "/etc/crontab",
        "/etc/default/ssh",
        "/etc/fstab",
        "/etc/ssh/sshd_config",
    )
    assert config_paths_at_stake(replace(state, conffiles=Unknown("x"), edited_conffiles=Unknown("x")), PACKAGES) == (
        "/etc/crontab",
        "/etc/fstab",
        "/etc/ssh/sshd_config",
    )


def rights(path: str, kind: str = "file", mode: int = 0o644, uid: int = 0) -> ConfigFile:
    """The same content with other rights."""
    return replace(config(path), kind=kind, mode=mode, uid=uid, sha256="a" * 64 if kind == "file" else "")


@pytest.mark.parametrize(
    ("was", "now", "rule"),
    [
        (rights("/etc/cron.d", "dir", 0o755), rights("/etc/cron.d", "dir", 0o777), "config-world-writable"),
        (None, rights("/etc/new.d", "dir", 0o777), "config-world-writable"),
        (rights("/etc/spool", "dir", 0o755), rights("/etc/spool", "dir", 0o1777), ""),  # as /tmp
        (rights("/etc/x", "dir", 0o777), rights("/etc/x", "dir", 0o777), ""),
        (rights("/etc/x", "dir", 0o755), rights("/etc/x", "dir", 0o700), ""),
        (rights("/etc/cron.d", "dir", 0o755), rights("/etc/cron.d", "dir", 0o755, uid=5), "config-owner"),
        # Their contents are told as accounts; who may write them is not.
        (rights("/etc/passwd"), rights("/etc/passwd", uid=5), "config-owner"),
        (rights("/etc/passwd"), rights("/etc/passwd", mode=0o666), "config-world-writable"),
        (rights("/etc/exim4/passwd.client"), rights("/etc/exim4/passwd.client", uid=5), ""),
        (None, config("/etc/ld.so.preload"), "preload-changed"),
        (None, config("/etc/ld.so.preload", target="/tmp/x"), "preload-changed"),
        (config("/etc/ld.so.preload"), config("/etc/ld.so.preload", "b"), "preload-changed"),
        (config("/etc/ld.so.preload"), None, ""),
    ],
)
def test_rights_of_files_and_folders(was: ConfigFile | None, now: ConfigFile | None, rule: str) -> None:
    one, two = (
        replace(before(), config_files=(*listed(before().config_files), *([file] if file else [])))
        for file in (was, now)
    )
    changes = compare(one, two, packages=PACKAGES)
    assert [change.rule for change in changes if change.rule] == ([rule] if rule else [])
    assert all(change.change_class is ChangeClass.SECURITY_WEAKENED for change in changes if change.rule)
