"""Noise: differences that say nothing about a transaction. Rules are data, each with its reason (docs/reference/report.md)."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NoiseRule:
    """Keys of one family that match ``pattern`` as a whole are left out."""

    family: str
    pattern: str
    why: str


NOISE_RULES: tuple[NoiseRule, ...] = (
    NoiseRule(
        "process",
        r"(session-.*\.scope|user@\d+\.service|run-[\w-]+\.(scope|service))\b.*",
        "a person's or a one-off job's session",
    ),
    NoiseRule(
        "process", r"((serial-|console-|container-)?getty@?.*\.service)\b.*", "log-in prompts come and go with sessions"
    ),
    NoiseRule(
        "process",
        r"(apt-daily.*|packagekit|systemd-tmpfiles.*|man-db|logrotate|fstrim|e2scrub.*|dpkg-db-backup|systemd-hostnamed"
        r"|systemd-timedated|systemd-localed|polkit|fwupd.*|bootkeep.*)\.service\b.*",
        "started on demand or by a timer, ends by itself",
    ),
    NoiseRule("process", r".*\(sd-pam\).*", "companion of a user session"),
    NoiseRule("process", r".*/(sshd: .*@|systemd-userwork|systemd-udevd: ).*", "workers that come and go"),
    NoiseRule(
        "unit", r"(session-.*|user@.*|user-runtime-dir@.*|run-.*|serial-getty@.*|getty@.*)", "sessions and one-off jobs"
    ),
    NoiseRule(
        "unit",
        r"(apt-daily|apt-daily-upgrade|packagekit|man-db|logrotate|fstrim|dpkg-db-backup|e2scrub_all|systemd-tmpfiles-clean"
        r"|systemd-hostnamed|systemd-timedated|systemd-localed|polkit|fwupd|fwupd-refresh|motd-news|phpsessionclean"
        r"|systemd-udevd-kernel|systemd-initctl|ifup@.*|bootkeep-.*)\.(service|socket)",
        "started on demand or by a timer, ends by itself",
    ),
    NoiseRule("config", r"/etc/alternatives(/.*)?", "compared as alternatives"),
    NoiseRule("config", r"/etc/rc[0-6S]\.d(/.*)?", "links that follow from which units are enabled"),
    NoiseRule(
        "config link",
        r"/etc/ssl/certs/.*",
        "links that update-ca-certificates makes; the bundle itself is compared",
    ),
    NoiseRule(
        "config",
        r"/etc/systemd/(system|user)/[^/]+\.(wants|requires)(/.*)?",
        "links that follow from which units are enabled",
    ),
    NoiseRule(
        "config", r"/etc/ssl/certs/[0-9a-f]{8}\.\d+", "hash links of the certificate bundle, which is compared itself"
    ),
    NoiseRule(
        "config",
        r"/etc/(ld\.so\.cache|mtab|adjtime|\.pwd\.lock|\.updated|machine-id|aliases\.db|\.etckeeper)",
        "caches and state",
    ),
    NoiseRule(
        "config", r"/etc/(passwd|group|shadow|gshadow|subuid|subgid)-", "the previous version that useradd keeps"
    ),
    NoiseRule("config", r"/etc/(passwd|group)", "compared as accounts and groups"),
    NoiseRule(
        "config",
        r".*(\.swp|\.swo|~|/#[^/]*#|/\.#[^/]*|\.lock|__pycache__.*|\.pyc)",
        "an editor's or a program's temporary file",
    ),
    NoiseRule(
        "config",
        r"/etc/(cups/subscriptions\.conf.*|lvm/(archive|backup)/.*|NetworkManager/.*\.timestamps)",
        "state that daemons write",
    ),
    NoiseRule("config", r"/etc/udev/hwdb\.bin", "a cache that udev builds"),
    NoiseRule(
        "sysctl",
        r"kernel\.(random\..*|pty\.nr|ns_last_pid|sched_domain\..*|perf_cpu_time_.*|hostname|domainname|tainted)",
        "counters and names",
    ),
    NoiseRule("sysctl", r"fs\.(.*-nr|.*-state|binfmt_misc.*|quota\..*|epoll\..*|mqueue\..*|nfs\..*)", "counters"),
    NoiseRule(
        "sysctl",
        r".*\.nr_[\w]+|.*_count|dev\.cdrom\.info|sunrpc\..*|vm\.(stat_refresh|user_reserve_kbytes|admin_reserve_kbytes|lowmem_reserve_ratio|min_free_kbytes)",
        "counters and sizes that follow memory",
    ),
    NoiseRule(
        "sysctl",
        r"net\.ipv[46]\.(neigh|conf)\.(veth|cali|docker|br-|virbr|tap|tun|vnet|cni|flannel|ve-|vb-).*",
        "interfaces of containers",
    ),
    NoiseRule(
        "sysctl",
        r"net\.(ipv4\.(tcp_mem|udp_mem|tcp_(r|w)mem)|netfilter\.nf_conntrack_count|core\.(dev_weight_.*|netdev_rss_key))",
        "sizes that the kernel computes",
    ),
    NoiseRule(
        "mount",
        r"(/run/user/\d+|/var/lib/(docker|containers|kubelet)/.*|/run/(docker|containerd|netns|credentials|systemd)/.*|/snap/.*|/proc/sys/fs/binfmt_misc|/tmp/.*|/var/tmp/.*|/dev/.*)",
        "mounts of sessions, containers and the system manager",
    ),
    NoiseRule(
        "module",
        r"(nls_.*|loop|dm_.*|fuse|overlay|nf_.*|xt_.*|ip_tables|ip6_tables|x_tables|tcp_diag|udp_diag|inet_diag|unix_diag|netlink_diag)",
        "loaded on demand by ordinary work",
    ),
    NoiseRule(
        "boot",
        r"/boot/grub/(grubenv|unicode\.pf2|.*\.mod|.*\.lst|locale.*)",
        "grubenv counts boots; the rest follows the GRUB package",
    ),
)

_COMPILED = tuple((rule, re.compile(rule.pattern, re.DOTALL)) for rule in NOISE_RULES)


def noise(family: str, key: str) -> NoiseRule | None:
    """The rule that leaves this key out; None when it stays in."""
    for rule, pattern in _COMPILED:
        if rule.family == family and pattern.fullmatch(key):
            return rule
    return None
