"""Noise: differences that say nothing about a transaction. Rules are data, each with its reason (docs/reference/noise.md).

An administrator adds rules by the policy's ``noise`` and switches ours off by their ids in ``noise_off``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.noise import NoiseRule

NOISE_RULES: tuple[NoiseRule, ...] = (
    NoiseRule(
        "process-sessions",
        "process",
        r"(session-.*\.scope|user@\d+\.service|run-[\w-]+\.(scope|service))\b.*",
        "a person's or a one-off job's session",
    ),
    NoiseRule(
        "process-logins",
        "process",
        r"((serial-|console-|container-)?getty@?.*\.service)\b.*",
        "log-in prompts come and go with sessions",
    ),
    NoiseRule(
        "process-on-demand",
        "process",
        r"(apt-daily.*|packagekit|systemd-tmpfiles.*|man-db|logrotate|fstrim|e2scrub.*|dpkg-db-backup|systemd-hostnamed"
        r"|systemd-timedated|systemd-localed|polkit|fwupd.*|bootkeep.*)\.service\b.*",
        "started on demand or by a timer, ends by itself",
    ),
    NoiseRule("process-pam-companion", "process", r".*\(sd-pam\).*", "companion of a user session"),
    NoiseRule(
        "process-workers",
        "process",
        r".*/(sshd: .*@|systemd-userwork|systemd-udevd: ).*",
        "workers that come and go",
    ),
    NoiseRule(
        "unit-sessions",
        "unit",
        r"(session-.*|user@.*|user-runtime-dir@.*|run-.*|serial-getty@.*|getty@.*)",
        "sessions and one-off jobs",
    ),
    NoiseRule(
        "unit-on-demand",
        "unit",
        r"(apt-daily|apt-daily-upgrade|packagekit|man-db|logrotate|fstrim|dpkg-db-backup|e2scrub_all|systemd-tmpfiles-clean"
        r"|systemd-hostnamed|systemd-timedated|systemd-localed|polkit|fwupd|fwupd-refresh|motd-news|phpsessionclean"
        r"|systemd-udevd-kernel|systemd-initctl|ifup@.*|bootkeep-.*)\.(service|socket)|bootkeep-settle\.timer",
        "started on demand or by a timer, ends by itself",
    ),
    NoiseRule("config-alternatives", "config", r"/etc/alternatives(/.*)?", "compared as alternatives"),
    NoiseRule("config-rc-links", "config", r"/etc/rc[0-6S]\.d(/.*)?", "links that follow from which units are enabled"),
    NoiseRule(
        "config-certificate-links",
        "config link",
        r"/etc/ssl/certs/.*",
        "links that update-ca-certificates makes; the bundle itself is compared",
    ),
    NoiseRule(
        "config-wants-links",
        "config",
        r"/etc/systemd/(system|user)/[^/]+\.(wants|requires)(/.*)?",
        "links that follow from which units are enabled",
    ),
    NoiseRule(
        "config-certificate-hashes",
        "config",
        r"/etc/ssl/certs/[0-9a-f]{8}\.\d+",
        "hash links of the certificate bundle, which is compared itself",
    ),
    NoiseRule(
        "config-caches",
        "config",
        r"/etc/(ld\.so\.cache|mtab|adjtime|\.pwd\.lock|\.updated|machine-id|aliases\.db|\.etckeeper)",
        "caches and state",
    ),
    NoiseRule(
        "config-account-backups",
        "config",
        r"/etc/(passwd|group|shadow|gshadow|subuid|subgid)-",
        "the previous version that useradd keeps",
    ),
    NoiseRule("config-accounts", "config", r"/etc/(passwd|group)", "compared as accounts and groups"),
    NoiseRule(
        "config-temporary",
        "config",
        r".*(\.swp|\.swo|~|/#[^/]*#|/\.#[^/]*|\.lock|__pycache__.*|\.pyc)",
        "an editor's or a program's temporary file",
    ),
    NoiseRule(
        "config-daemon-state",
        "config",
        r"/etc/(cups/subscriptions\.conf.*|lvm/(archive|backup)/.*|NetworkManager/.*\.timestamps)",
        "state that daemons write",
    ),
    NoiseRule("config-hwdb", "config", r"/etc/udev/hwdb\.bin", "a cache that udev builds"),
    NoiseRule(
        "sysctl-counters",
        "sysctl",
        r"kernel\.(random\..*|pty\.nr|ns_last_pid|sched_domain\..*|perf_cpu_time_.*|hostname|domainname|tainted)",
        "counters and names",
    ),
    NoiseRule(
        "sysctl-fs-counters",
        "sysctl",
        r"fs\.(.*-nr|.*-state|binfmt_misc.*|quota\..*|epoll\..*|mqueue\..*|nfs\..*)",
        "counters",
    ),
    NoiseRule(
        "sysctl-memory-sizes",
        "sysctl",
        r".*\.nr_[\w]+|.*_count|dev\.cdrom\.info|sunrpc\..*|vm\.(stat_refresh|user_reserve_kbytes|admin_reserve_kbytes|lowmem_reserve_ratio|min_free_kbytes)",
        "counters and sizes that follow memory",
    ),
    NoiseRule(
        "sysctl-container-interfaces",
        "sysctl",
        r"net\.ipv[46]\.(neigh|conf)\.(veth|cali|docker|br-|virbr|tap|tun|vnet|cni|flannel|ve-|vb-).*",
        "interfaces of containers",
    ),
    NoiseRule(
        "sysctl-computed-sizes",
        "sysctl",
        r"net\.(ipv4\.(tcp_mem|udp_mem|tcp_(r|w)mem)|netfilter\.nf_conntrack_count|core\.(dev_weight_.*|netdev_rss_key))",
        "sizes that the kernel computes",
    ),
    NoiseRule(
        "mount-sessions-and-containers",
        "mount",
        r"(/run/user/\d+|/var/lib/(docker|containers|kubelet)/.*|/run/(docker|containerd|netns|credentials|systemd)/.*|/snap/.*|/proc/sys/fs/binfmt_misc|/tmp/.*|/var/tmp/.*|/dev/.*)",
        "mounts of sessions, containers and the system manager",
    ),
    NoiseRule(
        "module-on-demand",
        "module",
        r"(nls_.*|loop|dm_.*|fuse|overlay|nf_.*|xt_.*|ip_tables|ip6_tables|x_tables|tcp_diag|udp_diag|inet_diag|unix_diag|netlink_diag)",
        "loaded on demand by ordinary work",
    ),
    NoiseRule(
        "boot-loader-state",
        "boot",
        r"/boot/grub/(grubenv|unicode\.pf2|.*\.mod|.*\.lst|locale.*)",
        "grubenv counts boots; the rest follows the GRUB package",
    ),
    NoiseRule(
        "config-drop-ins",
        "config",
        r"/etc/systemd/(system|user)/[^/]+\.d(/.*)?",
        "told setting by setting as unit drop-ins",
    ),
    NoiseRule("config-apt-state", "config", r"/etc/apt/apt\.conf\.d/\.[^/]*", "apt's own temporary files"),
    NoiseRule(
        "network-containers",
        "network",
        r"(veth|cali|docker|br-|virbr|tap|tun|vnet|cni|flannel|ve-|vb-|lxc|lxd)\S*( .*)?|route .*\b(veth|docker|cni)\S*",
        "interfaces of containers and virtual machines",
    ),
    NoiseRule(
        "firewall-containers",
        "firewall rule",
        r".*\b(DOCKER|KUBE|CNI|cali|flannel|LIBVIRT|f2b|f2b-table|crowdsec)[\w-]*.*",
        "rules that container engines and ban lists write all day",
    ),
    NoiseRule(
        "logs-of-the-hook",
        "journal error",
        r"(bootkeep|needrestart|apt).*",
        "what this transaction's own tools report is told elsewhere",
    ),
    NoiseRule("boot-loader-counters", "boot setting", r"(initrdfail|recordfail)", "counters of the boot loader"),
    NoiseRule(
        "stale-package-tools",
        "stale process",
        r"/usr/bin/(dpkg|apt|apt-get|aptitude|unattended-upgrade)\b.*",
        "the package manager itself",
    ),
)


class NoiseFilter:
    """The rules in force: ours without those that were switched off, and the administrator's."""

    def __init__(self, more: Iterable[NoiseRule] = (), off: Iterable[str] = ()) -> None:
        """Raises NotUnderstood when one of ``more`` holds a pattern that is no regular expression, or ``off`` names no rule."""
        without = set(off)
        unknown = without - {rule.id for rule in NOISE_RULES}
        if unknown:
            raise NotUnderstood(f"noise_off names no rule: {', '.join(sorted(unknown))}", where="policy")
        self.rules = (*(rule for rule in NOISE_RULES if rule.id not in without), *more)
        self._compiled: dict[str, list[tuple[NoiseRule, re.Pattern[str]]]] = {}
        for rule in self.rules:
            try:
                pattern = re.compile(rule.pattern, re.DOTALL)
            except re.error as error:
                raise NotUnderstood(f"noise rule {rule.id}: {error}", where="policy") from error
            self._compiled.setdefault(rule.family, []).append((rule, pattern))

    def rule_for(self, family: str, key: str) -> NoiseRule | None:
        """The rule that leaves this key out; None when it stays in."""
        return next((rule for rule, pattern in self._compiled.get(family, ()) if pattern.fullmatch(key)), None)


_OURS = NoiseFilter()


def noise(family: str, key: str) -> NoiseRule | None:
    """The rule of ours that leaves this key out; None when it stays in."""
    return _OURS.rule_for(family, key)
