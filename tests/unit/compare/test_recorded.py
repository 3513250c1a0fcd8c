"""The comparison on readings of a real Debian root; see recorded/README.md for what was done to it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from bootkeep.assemble_system import assemble_system
from bootkeep.compare.at_stake import config_paths_at_stake
from bootkeep.compare.whole import compare_all
from bootkeep.facts.change import ChangeKind
from bootkeep.facts.codec import from_json
from bootkeep.facts.reading import Snapshot
from bootkeep.facts.system import SshdSettings, SystemState
from bootkeep.facts.transaction import Action, PackageChange

RECORDED = Path(__file__).parent / "recorded"
PACKAGES = [
    PackageChange("at", "amd64", "", "3.2.5-1+b1", Action.INSTALL),
    PackageChange("cron", "amd64", "3.0pl1-162", "3.0pl1-162", Action.REINSTALL),
    PackageChange("openssh-server", "amd64", "1", "1", Action.REINSTALL),
]


def state(phase: str) -> SystemState:
    """The recorded host in one phase."""
    snapshot = from_json(Snapshot, gzip.decompress((RECORDED / f"{phase}.json.gz").read_bytes()), where=phase)
    return assemble_system(snapshot.readings, taken_at=snapshot.taken_at)


@pytest.mark.parametrize("phase", ["pre", "post"])
def test_a_real_snapshot_agrees_with_itself_and_misses_nothing(phase: str) -> None:
    comparison = compare_all(state(phase), state(phase), packages=PACKAGES)
    assert comparison.changes == ()
    assert comparison.not_compared == ()


def test_what_was_done_is_what_is_told() -> None:
    comparison = compare_all(state("pre"), state("post"), packages=PACKAGES)
    raised = {(change.rule, change.key) for change in comparison.changes if change.rule}
    assert raised == {
        ("config-replaced", "/etc/default/cron"),
        ("listener-opened", "tcp 0.0.0.0:2222"),
        ("listener-opened", "tcp6 [::]:2222"),
        ("sudo-without-password", "/etc/sudoers.d/deploy: deploy ALL=(ALL) NOPASSWD: ALL"),
        ("special-file-added", "/usr/bin/at"),
        ("special-file-added", "/usr/bin/dotlockfile"),
        ("special-file-added", "/usr/sbin/exim4"),
    }
    assert comparison.changes[0].sentence.endswith("your version is /etc/default/cron.dpkg-old")
    by_key = {change.key: change for change in comparison.changes}
    assert by_key["/usr/bin/at"].package == "at"
    assert by_key["atd.service"].package == "at"
    assert by_key["tcp 0.0.0.0:2222"].package == "openssh-server"
    assert by_key["at:amd64"].kind is ChangeKind.ADDED
    assert "account svc is new (uid 1000, gid 1000, /home/svc, /bin/sh)" in {c.sentence for c in comparison.changes}
    assert not [key for key in by_key if key.startswith("/etc/ssl/certs/") and not key.endswith("ca-certificates.crt")]


def test_edited_files_are_known_by_dpkgs_and_ucfs_own_marks() -> None:
    assert state("pre").edited_conffiles == frozenset({"/etc/default/cron", "/etc/ssh/sshd_config"})
    assert state("post").edited_conffiles == frozenset({"/etc/ssh/sshd_config"})
    stake = config_paths_at_stake(state("pre"), PACKAGES)
    assert {"/etc/default/cron", "/etc/ssh/sshd_config", "/etc/pam.d/cron", "/etc/sudoers"} <= set(stake)
    assert not [path for path in stake if "shadow" in path or "ssh_host" in path]


def test_sshd_was_asked_itself() -> None:
    sshd = state("pre").sshd
    assert isinstance(sshd, SshdSettings)
    assert (sshd.source, sshd.values["permitrootlogin"]) == ("sshd -T", "no")
