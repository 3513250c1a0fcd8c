"""``bootkeep.clean`` on real hosts of the fleet: what is left on their disks, looked at file by file."""

from __future__ import annotations

from bootkeep.lab.claims import Chapter
from bootkeep.lab.demonstration import Progress
from bootkeep.lab.fleet_hosts import FleetHost, apply
from bootkeep.lab.salt_daemons import Fleet

#: The record, and what stays for a reason: docs/how-to/use-with-salt.md.
KEPT = ("/var/lib/bootkeep", "/var/log/bootkeep")
#: Salt's own cache of what the master serves (it goes with what is served), the lab's archives, and virtual file systems.
_NOT_OURS = ("/proc", "/sys", "/dev", "/run", "/var/cache/salt", "/srv", "/var/log/journal", "/tmp")  # noqa: S108
#: Folders whose text files are searched for our name, too.
_READ = ("/etc", "/boot", "/usr/lib/systemd", "/usr/lib/bootkeep", "/usr/bin", "/usr/sbin", "/var/spool/cron")


def traces(host: FleetHost) -> list[str]:
    """Paths that carry our name, and files of the system's configuration that speak of us; the records are not among them."""
    pruned = [word for path in (*KEPT, *_NOT_OURS) for word in ("-path", path, "-prune", "-o")]
    named = host.host.run(["find", "/", "-xdev", *pruned, "-iname", "*bootkeep*", "-print"], timeout_s=120).stdout
    read = host.host.run(["grep", "-rIil", "--exclude-dir=selinux", "bootkeep", *_READ], timeout_s=120).stdout
    return sorted({line for line in (*named.splitlines(), *read.splitlines()) if line})


def cleaned(fleet: Fleet, hosts: dict[str, FleetHost], untouched: dict[str, list[str]], say: Progress) -> Chapter:
    """Apply it on all, and claim that nothing is left but the records. ``untouched``: :func:`traces` before the highstate."""
    chapter = Chapter("salt '*' state.apply bootkeep.clean")
    before = {name: traces(host) for name, host in hosts.items()}
    records = {name: _records(host) for name, host in hosts.items()}
    say("salt '*' state.apply bootkeep.clean")
    for name, done in apply(fleet, list(hosts), "state.apply", "bootkeep.clean").items():
        chapter.claim(
            f"{name}: {done.rows} states, {done.changed} changed, {len(done.failed)} failed",
            bool(done.rows) and not done.failed, "\n".join(done.failed),
        )  # fmt: skip
    for name, host in hosts.items():
        came = set(before[name]) - set(untouched[name])
        left = sorted(set(traces(host)) - set(untouched[name]))
        chapter.claim(
            f"{name}: paths that the formula brought or wrote our name into, before {len(came)}, after {len(left)}",
            bool(came) and not left, "\n".join(left),
        )  # fmt: skip
        now = _records(host)
        chapter.claim(
            f"{name}: all {len(records[name])} files of the records are there, with the digests from before",
            bool(now) and records[name].items() <= now.items(),
        )
    return chapter


def _records(host: FleetHost) -> dict[str, str]:
    """sha256 of every file of the records, by path."""
    argv = ["find", "/var/lib/bootkeep/transactions", "-type", "f", "-name", "*.json*", "-exec", "sha256sum", "{}", "+"]
    lines = host.host.run(argv, timeout_s=120).stdout.splitlines()
    return {path: digest for digest, _, path in (line.partition("  ") for line in lines)}
