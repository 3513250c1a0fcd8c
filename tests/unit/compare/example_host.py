"""One small host before and after an upgrade of openssh-server that went wrong in every way the report must name."""

from __future__ import annotations

from dataclasses import replace

from bootkeep.facts.finding import Evidence, Finding, Judgement, Severity, Verdict
from bootkeep.facts.package import Package
from bootkeep.facts.storage import Mount
from bootkeep.facts.system import (
    Account,
    BootFileState,
    Conffile,
    ConfigFile,
    Group,
    Listener,
    Process,
    SpecialFile,
    SshdSettings,
    SystemState,
    Unit,
)
from bootkeep.facts.transaction import Action, Caller, Outcome, PackageChange, Transaction, TransactionStep
from bootkeep.facts.unknown import Absent

SSHD_BEFORE = (
    b"Include /etc/ssh/sshd_config.d/*.conf\nPort 22\nPermitRootLogin no\nPasswordAuthentication no\nUsePAM yes\n"
)
SSHD_AFTER = b"Include /etc/ssh/sshd_config.d/*.conf\nPort 22\nPort 2222\nPermitRootLogin yes\nUsePAM yes\n"


def process(pid: int, exe: str, *arguments: str, unit: str = "", user: str = "root", start: int = 100) -> Process:
    """A process with the fields that a test cares about."""
    return Process(pid, 1, user, 0 if user == "root" else 101, start, unit, exe, (exe, *arguments), False, False)


def config(path: str, digest: str = "a", mode: int = 0o644, target: str = "") -> ConfigFile:
    """A configuration file whose content is named by one letter."""
    return ConfigFile(path, "link" if target else "file", mode, 0, 0, 120, digest * 64 if not target else "", target)


def before() -> SystemState:
    """The host before the transaction."""
    return SystemState(
        taken_at="2026-11-23T17:03:12Z",
        packages=(
            Package("cron", "amd64", "3.0pl1-162", "install", "installed"),
            Package("openssh-server", "amd64", "1:9.2p1-2+deb12u6", "install", "installed"),
        ),
        processes=(
            process(1, "/usr/lib/systemd/systemd", unit="init.scope", start=1),
            process(310, "/usr/sbin/cron", "-f", unit="cron.service"),
            process(420, "/usr/sbin/sshd", "-D", unit="ssh.service"),
        ),
        listeners=(
            Listener("tcp", "0.0.0.0", 22, 420, 100, "root", "ssh.service", "/usr/sbin/sshd"),
            Listener("tcp6", "::", 22, 420, 100, "root", "ssh.service", "/usr/sbin/sshd"),
        ),
        units=(
            Unit("cron.service", "enabled", ""),
            Unit("ssh.service", "enabled", ""),
            Unit("ssh.socket", "disabled", ""),
        ),
        active_units=(
            Unit("apparmor.service", "", "active"),
            Unit("cron.service", "", "active"),
            Unit("ssh.service", "", "active"),
        ),
        config_files=(config("/etc/ssh/sshd_config"), config("/etc/crontab"), config("/etc/default/ssh")),
        conffiles=(
            Conffile("/etc/default/ssh", "openssh-server", "0" * 32, "dpkg"),
            Conffile("/etc/ssh/sshd_config", "openssh-server", "1" * 32, "ucf"),
        ),
        edited_conffiles=frozenset({"/etc/ssh/sshd_config"}),
        crontabs=Absent("no spool"),
        special_files=(SpecialFile("/usr/bin/su", 0o4755, 0, 0),),
        sysctl={"kernel.randomize_va_space": "2", "vm.swappiness": "60"},
        mounts=(Mount("/tmp", "tmpfs", "tmpfs", ("nodev", "nosuid", "rw")),),
        modules=("ext4",),
        accounts=(Account("root", 0, 0, "/root", "/bin/bash"),),
        groups=(Group("root", 0, ()), Group("sudo", 27, ())),
        sshd=SshdSettings(
            "sshd -T", {"port": "22", "permitrootlogin": "no", "passwordauthentication": "no", "usepam": "yes"}
        ),
        sudo_without_password=(),
        boot_files=(BootFileState("/boot/vmlinuz-6.1.0-26-amd64", 8_000_000, 1, 11, "c" * 64),),
        reboot_required=Absent("/run/reboot-required"),
        alternatives={"editor": "/bin/nano"},
        udp_client_ports=(32768, 60999),
        file_owners={"/usr/sbin/sshd": "openssh-server", "/lib/systemd/system/ssh.service": "openssh-server"},
    )


def after() -> SystemState:
    """The same host after it."""
    was = before()
    assert isinstance(was.units, tuple)
    return replace(
        was,
        taken_at="2026-11-23T17:04:40Z",
        packages=(
            Package("cron", "amd64", "3.0pl1-162", "install", "installed"),
            Package("openssh-server", "amd64", "1:9.2p1-2+deb12u7", "install", "installed"),
        ),
        processes=(
            process(1, "/usr/lib/systemd/systemd", unit="init.scope", start=1),
            process(310, "/usr/sbin/cron", "-f", unit="cron.service"),
            process(991, "/usr/sbin/sshd", "-D", unit="ssh.service", start=900),
            process(
                1002, "/usr/bin/python3", "/opt/beacon.py", "--token", "[redacted]", unit="beacon.service", start=901
            ),
        ),
        listeners=(
            Listener("tcp", "0.0.0.0", 22, 991, 900, "root", "ssh.service", "/usr/sbin/sshd"),
            Listener("tcp6", "::", 22, 991, 900, "root", "ssh.service", "/usr/sbin/sshd"),
            Listener("tcp", "0.0.0.0", 2222, 991, 900, "root", "ssh.service", "/usr/sbin/sshd"),
            Listener("tcp", "127.0.0.1", 6010, 991, 900, "root", "ssh.service", "/usr/sbin/sshd"),
        ),
        units=(
            Unit("beacon.service", "enabled", ""),
            Unit("cron.service", "enabled", ""),
            Unit("ssh.service", "enabled", ""),
            Unit("ssh.socket", "enabled", ""),
        ),
        active_units=(
            Unit("apparmor.service", "", "inactive"),
            Unit("beacon.service", "", "active"),
            Unit("cron.service", "", "active"),
            Unit("ssh.service", "", "active"),
        ),
        config_files=(
            config("/etc/ssh/sshd_config", "b"),
            config("/etc/ssh/sshd_config.ucf-old", "a"),
            config("/etc/crontab"),
            config("/etc/default/ssh", "d"),
            config("/etc/hosts.allow", "e", mode=0o666),
        ),
        edited_conffiles=frozenset(),
        special_files=(
            SpecialFile("/usr/bin/su", 0o4755, 0, 0),
            SpecialFile("/usr/lib/openssh/ssh-keysign", 0o4755, 0, 0),
        ),
        sysctl={"kernel.randomize_va_space": "0", "vm.swappiness": "60"},
        mounts=(Mount("/tmp", "tmpfs", "tmpfs", ("nodev", "rw")),),
        accounts=(Account("root", 0, 0, "/root", "/bin/bash"), Account("toor", 0, 0, "/root", "/bin/sh")),
        groups=(Group("root", 0, ()), Group("sudo", 27, ("deploy",))),
        sshd=SshdSettings(
            "sshd -T", {"port": "22\n2222", "permitrootlogin": "yes", "passwordauthentication": "yes", "usepam": "yes"}
        ),
        sudo_without_password=("/etc/sudoers.d/deploy: deploy ALL=(ALL) NOPASSWD: ALL",),
        boot_files=(BootFileState("/boot/vmlinuz-6.1.0-26-amd64", 8_000_001, 2, 12, "d" * 64),),
        reboot_required=("linux-image-amd64",),
        file_owners={
            "/usr/sbin/sshd": "openssh-server",
            "/lib/systemd/system/ssh.service": "openssh-server",
            "/lib/systemd/system/ssh.socket": "openssh-server",
            "/usr/lib/openssh/ssh-keysign": "openssh-server",
        },
    )


PACKAGES = (
    PackageChange(
        "openssh-server", "amd64", "1:9.2p1-2+deb12u6", "1:9.2p1-2+deb12u7", Action.UPGRADE, "/var/cache/x.deb"
    ),
)

TRANSACTION = Transaction(
    id="20261123T170312Z-1f2e3d4c",
    caller=Caller(
        "apt", 900, 5, "b", ("apt-get", "upgrade", "-o", "Acquire::http::Proxy=http://u:pw@proxy:3128"), "anna"
    ),
    outcome=Outcome.DONE,
    outcome_detail="",
    started_at="2026-11-23T17:03:12Z",
    ended_at="2026-11-23T17:04:39Z",
    steps=(TransactionStep(PACKAGES, "2026-11-23T17:03:12Z", "2026-11-23T17:04:39Z"),),
    phases=("pre", "post"),
)

VERDICT = Verdict(
    Judgement.NO_GO,
    (
        Finding(
            "kernel-replaced-in-place",
            "B03",
            Severity.AT_RISK,
            "the files of the running kernel 6.1.0-26-amd64 were replaced and nothing older can boot.",
            (Evidence("/boot/vmlinuz-6.1.0-26-amd64", "sha256 differs"),),
        ),
    ),
)
