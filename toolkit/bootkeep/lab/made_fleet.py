"""A made-up fleet of any size for tests and measurements: the same seed gives the same hosts, transactions and reports.

Nothing in it was measured on a machine. It has the shape of the real thing: waves of patching, a few hosts that go wrong, the
same change on many hosts, silent minions, stale runbooks.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from bootkeep.facts.change import Change, ChangeClass, ChangeKind, ChangeSeverity
from bootkeep.facts.finding import Evidence, Finding, Severity
from bootkeep.facts.fleet_overview import FleetChange, FleetHost, FleetTransaction, Pending
from bootkeep.facts.runbook import Freshness
from bootkeep.facts.transaction import Action, PackageChange
from bootkeep.reports.document import Mark, Report, Row, Section, SideBySide, Subject, VerdictBox

ROLES = ("web", "db", "app", "cache", "mail", "build", "log", "vpn", "dns", "git")
SITES = ("ams", "fra", "lon", "nyc", "sin")
KERNELS = ("6.1.0-53-amd64", "6.1.0-55-amd64", "6.1.0-56-amd64")
PACKAGES = ("openssh-server", "nginx", "postgresql-15", "openssl", "systemd", "curl", "exim4-daemon-light", "sudo",
            "libc6", "python3.11", "logrotate", "cron", "rsyslog", "chrony", "haproxy", "redis-server")  # fmt: skip
USERS = ("ada", "ben", "chris", "")
#: rule, key, package, sentence.
WEAKENINGS = (
    ("config-replaced", "/etc/ssh/sshd_config", "openssh-server", "sshd_config was replaced by openssh-server"),
    ("listener-opened", "tcp 0.0.0.0:25", "exim4-daemon-light", "port 25 opened"),
    ("sshd-weakened", "PermitRootLogin", "openssh-server", "PermitRootLogin weakened from no to yes"),
    ("sysctl-weakened", "kernel.kptr_restrict", "systemd", "kernel.kptr_restrict went from 2 to 0"),
)
BROKEN = (
    ("default-entry-broken", "The default boot entry starts 6.1.0-56-amd64, which has no initramfs"),
    ("boot-space-low", "/boot has 12 MiB left: the next initramfs does not fit"),
    ("initramfs-damaged", "initrd.img-6.1.0-56-amd64 ends in the middle of a member"),
)


class MadeFleet:
    """A page source: ``hosts`` hosts with ``each`` transactions each over ``days`` days before ``now``."""

    def __init__(
        self,
        hosts: int,
        each: int,
        *,
        days: int = 90,
        seed: int = 1,
        now: str = "2026-11-24T12:00:00Z",
        reports: int = -1,
    ) -> None:
        self.now = datetime.strptime(now, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        self._random = random.Random(seed)  # noqa: S311 - a test's dice
        self._transactions = [one for number in range(hosts) for one in self._of_host(_name(number), each, days)]
        if reports >= 0:
            keep = (
                {one.id for one in sorted(self._transactions, key=lambda one: one.started_at)[-reports:]}
                if reports
                else set()
            )
            self._transactions = [one if one.id in keep else _without_report(one) for one in self._transactions]
        self._by_id = {(one.host, one.id): one for one in self._transactions}
        last: dict[str, FleetTransaction] = {}
        for one in self._transactions:
            if one.host not in last or one.started_at > last[one.host].started_at:
                last[one.host] = one
        self._hosts = [self._host(_name(number), last.get(_name(number))) for number in range(hosts)]

    def hosts(self) -> Sequence[FleetHost]:
        """All hosts."""
        return self._hosts

    def transactions(self) -> Iterator[FleetTransaction]:
        """All transactions, host by host."""
        return iter(self._transactions)

    def runbook(self, host: str) -> str | None:
        """As long as a real one, and as wide."""
        lines = [f"RESCUE RUNBOOK  {host}", "=" * 72]
        lines += [
            f"R{number}.  [ ] GRUB> linux /vmlinuz-6.1.0-56-amd64 root=UUID=... ro   ({number})"
            for number in range(400)
        ]
        return "\n".join(lines) + "\n"

    def report(self, host: str, transaction: str) -> Report | None:
        """A report with the sections, packages and process list that such a transaction has."""
        one = self._by_id.get((host, transaction))
        return made_report(one) if one is not None else None

    def add(self, one: FleetTransaction) -> None:
        """One more, as when a minion has just sent it."""
        self._transactions.append(one)
        self._by_id[(one.host, one.id)] = one

    def replace_hosts(self, hosts: Sequence[FleetHost]) -> None:
        """Other hosts."""
        self._hosts = list(hosts)

    def _of_host(self, host: str, each: int, days: int) -> Iterator[FleetTransaction]:
        dice = self._random
        for _ in range(each):
            # Patching comes in waves: most of it on weekday nights.
            day = int(days * dice.random() ** 1.3)
            moment = self.now - timedelta(days=day, seconds=dice.randrange(4 * 3600, 12 * 3600))
            yield self._transaction(host, moment)

    def _transaction(self, host: str, moment: datetime) -> FleetTransaction:
        dice = self._random
        id = f"{moment:%Y%m%dT%H%M%SZ}-{dice.getrandbits(32):08x}"
        outcome = dice.choices(("done", "failed", "refused", "interrupted"), (965, 15, 12, 8))[0]
        weak = dice.choices(WEAKENINGS, k=dice.choice((1, 1, 2))) if dice.random() < 0.04 else []
        weak = list(dict.fromkeys(weak))
        verdict = dice.choices(("GO", "NO-GO", "UNKNOWN"), (955, 20, 25))[0]
        names = dice.sample(PACKAGES, dice.choice((1, 1, 2, 3, 8)))
        finding = BROKEN[dice.randrange(len(BROKEN))][1]
        sentence = {
            "GO": "GO: every check passed.",
            "NO-GO": f"NO-GO: {finding}",
            "UNKNOWN": "UNKNOWN: /boot could not be read within its time",
        }[verdict]
        quiet = f"{' and '.join(names)} upgraded" if len(names) < 3 else f"{len(names)} packages changed"
        what = {
            "failed": "The transaction FAILED",
            "refused": "The guard REFUSED this transaction, nothing was changed",
        }
        phrases = [what[outcome]] if outcome in what else []
        phrases += [one[3] for one in weak] or [quiet + "; no change weakens this host"]
        return FleetTransaction(
            id=id,
            host=host,
            started_at=f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            ended_at=f"{moment + timedelta(seconds=dice.randrange(5, 300)):%Y-%m-%dT%H:%M:%SZ}",
            manager=dice.choice(("apt", "apt", "unattended-upgrades", "dpkg")),
            command=f"apt-get -y install {' '.join(names)}",
            user=dice.choice(USERS),
            outcome=outcome,
            verdict=verdict,
            verdict_sentence=sentence,
            headline="; ".join(phrases) + ".",
            weakened=len(weak),
            packages=len(names),
            changes=tuple(FleetChange(rule, key, package, words, True) for rule, key, package, words in weak),
            stored_at=f"{moment + timedelta(seconds=301):%Y-%m-%dT%H:%M:%SZ}",
            digest=hashlib.sha256(id.encode()).hexdigest(),
        )

    def _host(self, name: str, last: FleetTransaction | None) -> FleetHost:
        dice = self._random
        default = dice.choices(KERNELS, (1, 3, 16))[0]
        running = default if dice.random() < 0.8 else KERNELS[1]
        silent = (
            timedelta(days=dice.randrange(2, 30))
            if dice.random() < 0.02
            else timedelta(seconds=dice.randrange(60, 3600))
        )
        runbook = dice.choices(list(Freshness), (80, 8, 8, 1, 3))[0]
        stored = runbook is not Freshness.UNKNOWN
        return FleetHost(
            id=name,
            verdict=last.verdict if last else "UNKNOWN",
            verdict_sentence=last.verdict_sentence if last else "UNKNOWN: this host has sent no record yet",
            verdict_at=last.ended_at if last else "",
            system="Debian GNU/Linux 12 (bookworm)",
            running=running,
            default=default,
            last_good=running,
            reboot_pending=Pending.YES if running != default else Pending.NO,
            last_transaction_at=last.started_at if last else "",
            runbook=runbook,
            runbook_id=f"RB-{dice.getrandbits(32):08X}" if stored else "",
            runbook_at=f"{self.now - timedelta(days=dice.randrange(1, 60)):%Y-%m-%dT%H:%M:%SZ}" if stored else "",
            heard_at=f"{self.now - silent:%Y-%m-%dT%H:%M:%SZ}",
            hook_missed_at=f"{self.now - timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}" if dice.random() < 0.004 else "",
            records_waiting=dice.choice((0,) * 40 + (1, 3)),
        )


def _name(number: int) -> str:
    role, site = ROLES[number % len(ROLES)], SITES[number // len(ROLES) % len(SITES)]
    return f"{role}{number // 50 + 1:02}.{site}.example.com"


def _without_report(one: FleetTransaction) -> FleetTransaction:
    from dataclasses import replace

    return replace(one, has_report=False)


def made_report(one: FleetTransaction) -> Report:
    """A report in which everything that a page shows of one comes from the line of the transaction."""
    names = one.command.split()[3:] or ["hello"]
    packages = tuple(PackageChange(name, "amd64", "1.2-3", "1.2-4", Action.UPGRADE) for name in names)
    weakened = tuple(
        Change(change.rule, change.key, ChangeKind.CHANGED, "no", "yes", ChangeClass.SECURITY_WEAKENED,
               ChangeSeverity.HIGH, change.package, False, change.sentence, change.rule)
        for change in one.changes
    )  # fmt: skip
    services = tuple(
        Change("process", name, ChangeKind.RESTARTED, "", "", ChangeClass.SERVICE, ChangeSeverity.INFO, name, True,
               f"{name} was restarted")
        for name in names
    )  # fmt: skip
    sections = (
        *(
            (Section("weakened", "Security weakened", "Take it back, or write down why.", weakened),)
            if weakened
            else ()
        ),
        Section("services", "Ports and services", "What started, stopped, opened or closed.", services),
    )
    word = one.verdict_sentence.partition(": ")[2]
    findings = (
        (Finding("boot-space-low", "B05", Severity.AT_RISK, word, (Evidence("df /boot", word),)),)
        if one.verdict != "GO"
        else ()
    )
    rows = tuple(
        Row(f"root {number:>6} /usr/lib/systemd/worker --unit {number}", Mark.SAME,
            f"root {number:>6} /usr/lib/systemd/worker --unit {number}")
        for number in range(60)
    )  # fmt: skip
    return Report(
        headline=f"{one.headline} {one.verdict_sentence}",
        summary=one.headline.rstrip("."),
        host=one.host,
        subject=Subject(
            one.id, one.manager, one.command, one.user, one.outcome, "", one.started_at, one.ended_at, 1, ""
        ),
        verdict=VerdictBox(one.verdict, one.verdict_sentence, findings, "right after the transaction"),
        phases=("pre", "post"),
        taken_at=(one.started_at, one.ended_at),
        sections=sections,
        packages=packages,
        diffs=(),
        views=(SideBySide("processes", "ps -ef", rows),),
        not_compared=(),
        generated_at=one.ended_at,
        tool_version="0.1.0",
    )
