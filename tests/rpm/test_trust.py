"""Whom dnf, zypper and rpm believe: a repository, a switch in their configuration, and a key, seen on a real database."""

from __future__ import annotations

import json

import pytest

from .conftest import RpmMachine

pytestmark = pytest.mark.lab
KEY = "/etc/apt/trusted.gpg.d/debian-archive-bookworm-automatic.asc"
REPOSITORY = "[acme]\\nname=Acme\\nbaseurl=https://example.org/acme\\nenabled=1\\ngpgcheck=0\\n"


def _weakened(machine: RpmMachine, repositories: str, switch: str) -> dict[str, str]:
    """Rule -> its sentence, of what weakened the host between two looks."""
    done = machine(f"""
set -e
bootkeep snapshot --output /tmp/was.json >/dev/null
printf '{REPOSITORY}' > {repositories}/acme.repo
{switch}
rpm --import {KEY}
bootkeep snapshot --output /tmp/now.json >/dev/null
bootkeep diff /tmp/was.json /tmp/now.json --json""")
    assert done.exit_code == 0, done.stdout + done.stderr
    plain = json.loads(done.stdout[done.stdout.index("{") :])
    rows = [row for section in plain["sections"] for row in section["changes"]]
    return {row["rule"]: row["sentence"] for row in rows if row["change_class"] == "security-weakened"}


def test_dnf(el9: RpmMachine) -> None:
    told = _weakened(el9, "/etc/yum.repos.d", "sed -i s/gpgcheck=1/gpgcheck=0/ /etc/dnf/dnf.conf")
    assert set(told) == {"repository-unsigned", "repository-key-added"}
    assert told["repository-key-added"].startswith("rpm trusts a key that it did not trust before: gpg-pubkey-")


def test_zypper(suse15: RpmMachine) -> None:
    told = _weakened(suse15, "/etc/zypp/repos.d", "sed -i '/^\\[main\\]/a gpgcheck = off' /etc/zypp/zypp.conf")
    assert set(told) == {"repository-unsigned", "repository-key-added"}
