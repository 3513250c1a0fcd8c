"""Twelve packages that hit every class of change, and twenty transactions that change nothing, on a real Debian 12 host.

Real packages of Debian where a small one does it; two tiny ones are built here (a certificate authority, a postinst that fails).
Each test names the report's line that a reviewer must find.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from bootkeep.edges.run import run
from bootkeep.edges.store import Store
from bootkeep.facts.change import Change, ChangeClass, ChangeKind
from bootkeep.flows.report import build_report, render
from bootkeep.flows.settle_timer import SETTLE_S
from bootkeep.lab import highstate
from bootkeep.lab.host import DisposableHost
from bootkeep.reports.document import Report
from lab.debs import Tiny, build, fetch, put

pytestmark = pytest.mark.lab

_APT = ("apt-get", "-q", "-y", "-o", "Dpkg::Use-Pty=0", "--no-install-recommends", "install")
_ASK_AND_REPLACE = ("-o", "Dpkg::Options::=--force-confask", "-o", "Dpkg::Options::=--force-confnew")


@pytest.fixture(scope="module")
def host(lab_host: DisposableHost) -> DisposableHost:
    """The host after the highstate: hooks in force, store empty.

    With a long deadline: on a busy test machine the default one cuts snapshots short, which other tests are about.
    """
    done = highstate.run(lab_host)
    assert not done.failed, done.failed
    lab_host.must(["sed", "-i", 's/"hook_deadline_s": [0-9.]*/"hook_deadline_s": 40.0/', "/etc/bootkeep/config.json"])
    for hook in ("apt-hook", "dpkg-hook"):
        lab_host.must(["sed", "-i", "s/^timeout -k 1 [0-9.]* /timeout -k 1 40 /", f"/usr/lib/bootkeep/{hook}"])
    return lab_host


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The tiny packages, by name."""
    folder = tmp_path_factory.mktemp("tiny")
    certificate = folder / "company.crt"
    words = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=Company -days 3650 -keyout /dev/null -out"
    done = run([*words.split(), str(certificate)], timeout_s=60)
    assert done.exit_code == 0, done.stderr
    packages = {
        "company-ca": Tiny(
            {"/usr/share/ca-certificates/company/company.crt": (certificate.read_text(), 0o644)},
            "grep -q company.crt /etc/ca-certificates.conf || echo company/company.crt >> /etc/ca-certificates.conf\n"
            "update-ca-certificates",
            "ca-certificates",
        ),
        "site-sudo": Tiny({"/etc/sudoers.d/site": ("deploy ALL=(ALL) NOPASSWD: /usr/bin/systemctl\n", 0o440)}),
        "broken-postinst": Tiny({"/etc/broken.conf": ("x\n", 0o644)}, "exit 1"),
    }
    return {name: build(name, one, folder) for name, one in packages.items()}


def store_of(host: DisposableHost) -> Store:
    """The host's own store, as this machine reaches it."""
    return Store(host.path("/var/lib/bootkeep"))


def report_of(host: DisposableHost, *argv: str, exit_code: int = 0) -> Report:
    """Run a package manager; the report of its transaction, from the snapshots before and right after it."""
    before = store_of(host).transaction_ids()
    done = host.run(argv)
    assert done.exit_code == exit_code, done.stdout + done.stderr
    after = store_of(host).transaction_ids()
    assert len(after) == len(before) + 1, done.stderr
    report = build_report(store_of(host), after[-1], phase="post")
    lines = [f"  [{change.severity.value}] {change.sentence}" for change in changes_of(report)]
    print("\n".join((report.headline, *lines)))  # pytest -rP shows what a reviewer would read
    return report


def changes_of(report: Report) -> list[Change]:
    """All lines of all sections."""
    return [change for section in report.sections for change in section.changes]


def sentences(report: Report) -> list[str]:
    """What a reviewer reads."""
    return [change.sentence for change in changes_of(report)]


def assert_nothing_unexplained(report: Report) -> None:
    """Everything that a package's transaction changed is attributed to it, and everything could be compared."""
    unexplained = [c.sentence for c in changes_of(report) if c.change_class is ChangeClass.UNEXPLAINED]
    unowned = [
        c.sentence for c in changes_of(report) if not c.package and c.family not in {"process", "module", "network"}
    ]
    assert not unexplained
    assert not unowned
    assert report.not_compared == ()


# --- twelve packages ------------------------------------------------------------------------------------------------------


def install(host: DisposableHost, *names: str) -> Report:
    """Install real packages in one transaction."""
    return report_of(host, *_APT, *(put(host, fetch(name)) for name in names))


def test_1_a_daemon_with_a_port(host: DisposableHost) -> None:
    report = install(host, "vsftpd")
    assert "tcp6 [::]:21 opened to the network by vsftpd; belongs to vsftpd" in sentences(report)
    assert report.headline.startswith("port 21 opened")
    assert "new unit vsftpd.service, enabled; belongs to vsftpd" in sentences(report)
    assert_nothing_unexplained(report)


def test_2_a_hand_edited_configuration_is_replaced(host: DisposableHost) -> None:
    with host.path("/etc/default/cron").open("a") as stream:
        stream.write("EXTRA_OPTS='-L 5'\n")
    report = report_of(host, *_APT, "--reinstall", "cron", *_ASK_AND_REPLACE)
    line = next(sentence for sentence in sentences(report) if "which was edited on this host" in sentence)
    assert re.fullmatch(
        r"cron \S+ replaced /etc/default/cron, which was edited on this host; your version is \S+\.dpkg-old", line
    )
    assert "EXTRA_OPTS='-L 5'" in render(report, "text")
    assert_nothing_unexplained(report)


def test_3_a_pam_file_and_a_sudoers_file(host: DisposableHost, tiny: dict[str, Path]) -> None:
    report = install(host, "at")
    assert "/etc/pam.d/atd: is new; belongs to at" in sentences(report)
    assert_nothing_unexplained(report)
    report = report_of(host, *_APT, put(host, tiny["site-sudo"]))
    assert (
        "sudo without a password is now allowed by /etc/sudoers.d/site: deploy ALL=(ALL) NOPASSWD: /usr/bin/systemctl"
        "; belongs to site-sudo"
    ) in sentences(report)
    assert_nothing_unexplained(report)


def test_4_a_user(host: DisposableHost) -> None:
    report = install(host, "uuid-runtime")
    (line,) = (sentence for sentence in sentences(report) if sentence.startswith("account "))
    assert re.fullmatch(r"account uuidd is new \(uid \d+, .*\); made by the scripts of uuid-runtime", line)
    assert "/etc/shadow follows from uuidd; made by uuid-runtime" in sentences(report)
    assert_nothing_unexplained(report)


def test_5_a_cron_job(host: DisposableHost) -> None:
    report = install(host, "anacron")
    assert any(s.startswith("new cron job in /etc/cron.d/anacron: 30 7-23 * * * root") for s in sentences(report))
    assert "cron now runs /etc/cron.daily/0anacron (run daily); belongs to anacron" in sentences(report)
    assert_nothing_unexplained(report)


def test_6_a_timer(host: DisposableHost) -> None:
    report = install(host, "liburing2", "plocate")
    assert any(
        s.startswith("timer plocate-updatedb.timer runs at OnCalendar=") and s.endswith("belongs to plocate")
        for s in sentences(report)
    )
    assert_nothing_unexplained(report)


def test_7_a_suid_program(host: DisposableHost) -> None:
    report = install(host, "libfuse3-3", "fuse3")
    assert "/usr/bin/fusermount3 is now SUID root (mode 4755); belongs to fuse3" in sentences(report)
    assert_nothing_unexplained(report)


def test_8_a_sysctl_drop_in(host: DisposableHost) -> None:
    report = install(host, "systemd-coredump")
    assert any(
        s.startswith("from the next boot on kernel.core_pattern is |/lib/systemd/systemd-coredump")
        and s.endswith("(/usr/lib/sysctl.d/50-coredump.conf); belongs to systemd-coredump")
        for s in sentences(report)
    )
    assert_nothing_unexplained(report)


def test_9_a_kernel_module_configuration(host: DisposableHost) -> None:
    report = install(host, "libell0", "iwd")
    assert (
        "kernel modules: new line in /usr/lib/modules-load.d/pkcs8.conf: pkcs8_key_parser; belongs to iwd"
        in sentences(report)
    )
    assert_nothing_unexplained(report)


def test_10_a_certificate_authority(host: DisposableHost, tiny: dict[str, Path]) -> None:
    report = report_of(host, *_APT, put(host, tiny["company-ca"]))
    assert (
        "certificate authority company.pem is new: /usr/share/ca-certificates/company/company.crt; belongs to company-ca"
        in sentences(report)
    )
    assert_nothing_unexplained(report)


def test_11_a_repository_key(host: DisposableHost) -> None:
    report = install(host, "debian-ports-archive-keyring")
    raised = [change for change in changes_of(report) if change.rule == "repository-key-added"]
    assert {change.key for change in raised} == {
        "/etc/apt/trusted.gpg.d/debian-ports-archive-2025.asc",
        "/etc/apt/trusted.gpg.d/debian-ports-archive-2026.asc",
    }
    assert_nothing_unexplained(report)


def test_12_a_failing_postinst(host: DisposableHost, tiny: dict[str, Path]) -> None:
    report = report_of(host, *_APT, put(host, tiny["broken-postinst"]), exit_code=100)
    assert report.headline.startswith("The transaction FAILED: broken-postinst is left half-configured")
    assert "broken-postinst 1 was installed: the package manager has not finished with it" in sentences(report)
    assert_nothing_unexplained(report)
    host.must(["dpkg", "-P", "broken-postinst"])


def test_what_maintainer_scripts_make_is_their_packages(host: DisposableHost) -> None:
    report = report_of(host, *_APT, "exim4-daemon-light")
    made = {
        change.key: change.package for change in changes_of(report) if change.family == "config" and change.expected
    }
    wanted = {
        "/etc/mailname": "exim4-config",
        "/etc/aliases": "exim4-config",
        "/etc/exim4/update-exim4.conf.conf": "exim4-config",
        "/etc/default/exim4": "exim4-config",
    }
    assert {path: made.get(path) for path in wanted} == wanted
    assert {"/etc/shadow", "/etc/gshadow"} <= set(made)
    assert "account Debian-exim is new" in " ".join(sentences(report))
    assert_nothing_unexplained(report)


# --- twenty transactions that change nothing ------------------------------------------------------------------------------

#: What is there before, outside the count.
_PREPARED = ("uuid-runtime", "at", "liburing2", "plocate", "systemd-coredump", "anacron")


@pytest.fixture(scope="module")
def prepared(host: DisposableHost, tiny: dict[str, Path]) -> dict[str, str]:
    """Packages on the host, so that doing it again changes nothing: name -> path of the .deb there."""
    paths = {name: put(host, fetch(name)) for name in _PREPARED} | {"company-ca": put(host, tiny["company-ca"])}
    host.must([*_APT, "hello", "cron", "logrotate"])
    host.must(["dpkg", "-i", *paths.values()])
    hello = next(host.path("/srv/archive").rglob("hello_2.10-3_*.deb"))
    return paths | {"hello": put(host, hello)}


def test_twenty_transactions_that_change_nothing_have_no_line_of_noise(
    host: DisposableHost, prepared: dict[str, str]
) -> None:
    again = (*_APT, "--reinstall")
    transactions: list[tuple[str, ...]] = [
        (*again, "hello"),
        (*again, "hello"),
        ("dpkg", "-i", prepared["hello"]),
        ("dpkg", "--unpack", prepared["hello"]),
        ("dpkg", "--configure", "hello"),
        ("dpkg", "--configure", "-a"),
        ("dpkg", "--triggers-only", "-a"),
        ("sh", "-c", "dpkg-trigger --by-package=hello --no-await ldconfig && dpkg --triggers-only libc-bin"),
        (*_APT, "hello"),
        ("apt-get", "-q", "-y", "-f", "install"),
        (*again, "cron"),
        (*again, "logrotate"),
        (*again, "hello", "logrotate"),
        *(("dpkg", "-i", prepared[name]) for name in ("uuid-runtime", "at", "plocate", "systemd-coredump", "anacron")),
        ("dpkg", "-i", prepared["company-ca"]),
        ("dpkg", "-i", prepared["hello"], prepared["uuid-runtime"]),
    ]
    assert len(transactions) == 20
    lines: list[str] = []
    recorded = 0
    for argv in transactions:
        known = set(store_of(host).transaction_ids())
        host.must(list(argv))
        for id in store_of(host).transaction_ids():
            if id not in known:
                recorded += 1
                settle(host, id)
                for phase in ("post", "settled"):
                    report = build_report(store_of(host), id, phase=phase)
                    lines += [f"{' '.join(argv)[-40:]} ({phase}): {line}" for line in noise_of(report, argv)]
                lines += [
                    f"{' '.join(argv)[-40:]} (alarm): {line}" for line in store_of(host).load_transaction(id).alarms
                ]
    print(
        f"{recorded} of {len(transactions)} transactions recorded; {len(lines)} lines of noise in posts, settled looks, alarms"
    )
    assert lines == []
    assert recorded >= 16  # apt runs no hook where it has nothing to do


def settle(host: DisposableHost, id: str) -> None:
    """Have the settled look of a transaction taken by its worker now: its end is put back by more than the time to settle."""
    record = store_of(host).load_transaction(id)
    ended = datetime.strptime(record.ended_at, "%Y-%m-%dT%H:%M:%SZ") - timedelta(seconds=2 * SETTLE_S)
    store_of(host).save_transaction(replace(record, ended_at=ended.strftime("%Y-%m-%dT%H:%M:%SZ")))
    host.must(["/opt/salt/bin/python3", "-I", "-m", "bootkeep.hooks", "settle", "0"], timeout_s=120)
    assert "settled" in store_of(host).load_transaction(id).phases


def noise_of(report: Report, argv: tuple[str, ...]) -> list[str]:
    """Every line, but a service that its own package's reinstallation restarted, and dpkg's word on an unpacked package."""
    told = []
    for change in changes_of(report):
        restarted = change.kind is ChangeKind.RESTARTED and change.expected
        unpacked = change.family == "package" and argv[0:2] in {("dpkg", "--unpack"), ("dpkg", "--configure")}
        if not restarted and not unpacked:
            told.append(change.sentence)
    return told + [f"not compared: {gap.family}: {gap.why}" for gap in report.not_compared]


def test_the_live_hosts_own_answer_on_units_is_systemctls(host: DisposableHost, prepared: dict[str, str]) -> None:
    """Name, state and preset of every unit file, with generated, masked, linked and aliased ones among them."""
    import json

    host.must(["systemctl", "mask", "anacron.timer"])
    host.must(["systemctl", "mask", "--runtime", "man-db.timer"])
    host.write("/opt/linked.service", "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n")
    host.must(["systemctl", "link", "/opt/linked.service"])
    host.write(
        "/etc/systemd/system/two@.service", "[Service]\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target\n"
    )
    host.must(["systemctl", "enable", "two@one.service"])
    asked = host.must(
        ["systemctl", "list-unit-files", "--type=service,socket,timer,path", "--no-pager", "--output=json"]
    )
    answer = host.must(
        [
            "/opt/salt/bin/python3",
            "-c",
            "from pathlib import Path; from bootkeep.edges.native.unit_files import answer; print(answer(Path('/'), ''))",
        ]
    )
    ours = {row["unit_file"]: row["state"] for row in json.loads(answer)}
    theirs = {row["unit_file"]: row["state"] for row in json.loads(asked)}
    assert {
        name: (ours.get(name), theirs.get(name)) for name in ours | theirs if ours.get(name) != theirs.get(name)
    } == {}
    host.must(["systemctl", "unmask", "anacron.timer"])
    host.must(["systemctl", "unmask", "--runtime", "man-db.timer"])
    for name in ("linked.service", "two@one.service", "two@.service"):
        host.run(["systemctl", "disable", name])
