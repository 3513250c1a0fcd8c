"""Security weakenings, as tables: which settings, in which direction, weaken a host. Each names its rule for the report."""

from __future__ import annotations

from collections.abc import Mapping

#: Rule -> what it says, most telling first: the order of a report's first section and of its headline.
RULES: Mapping[str, str] = {
    "config-replaced": "a configuration file that was edited on this host now has a package's content",
    "root-account-added": "an account with uid 0 appeared",
    "file-altered": "a file of the transaction's packages is not what the package shipped",
    "listener-opened": "a port opened on an address that other machines can reach",
    "firewall-weakened": "the packet filter lets more through than before",
    "sshd-weakened": "sshd lets more in than before",
    "ssh-key-added": "a key was added that may log in over SSH",
    "password-weakened": "an account can be entered with less than before",
    "sudo-without-password": "sudoers lets somebody act without a password",
    "sudo-rule-added": "sudoers lets somebody act as another user",
    "polkit-weakened": "polkit lets somebody act without asking, or with less than before",
    "pam-weakened": "PAM asks for less than before",
    "group-member-added": "somebody joined a group that leads to root",
    "special-file-added": "a program gained SUID, SGID or capabilities",
    "file-world-writable": "anybody may write to a file that a package shipped",
    "repository-added": "packages may come from a repository that was not there before",
    "repository-unsigned": "packages may come from a repository whose signatures or certificates are not checked",
    "repository-key-added": "apt or rpm trusts a key that it did not trust before",
    "ca-certificate-added": "programs trust a certificate authority that they did not trust before",
    "crypto-weakened": "weaker protocols or ciphers may be used",
    "guard-off": "a firewall, AppArmor, audit or update service stopped, or no longer starts at boot",
    "apparmor-weakened": "an AppArmor profile is gone or only complains",
    "selinux-weakened": "SELinux enforces less than before",
    "lockdown-weakened": "the kernel's lockdown or a security module is off",
    "audit-weakened": "an audit rule is gone, audit is switched off, or the journal keeps less than before",
    "unit-unmasked": "a unit that the administrator had masked is not masked any more",
    "unit-enabled": "a unit that was disabled or masked starts at boot now",
    "unit-started": "a unit that was disabled or masked runs now",
    "sysctl-weakened": "a kernel setting went toward weaker, now or from the next boot on",
    "kernel-argument-weakened": "the kernel was started with a protection switched off",
    "mitigation-lost": "the processor is vulnerable to something that was mitigated before",
    "module-allowed": "a kernel module that was kept from loading may load",
    "login-defs-weakened": "new accounts and passwords are protected less than before",
    "mount-guard-lost": "a mount lost nosuid, nodev, noexec, nosymfollow or ro",
    "config-world-writable": "anybody may write to a configuration file",
    "preload-changed": "every program loads a library that it did not load before",
    "config-owner": "a file that decides who may become root is no longer root's",
    "unit-failed": "a unit failed",
}

#: sysctl -> is the value ``after`` weaker than ``before``? "lower": smaller is weaker. "higher": larger is weaker.
#: Sources: kernel Documentation/admin-guide/sysctl, CIS Debian 12 chapter 1.5 and 3.3, KSPP's recommended settings.
SYSCTL_WEAKER: Mapping[str, str] = {
    "kernel.randomize_va_space": "lower",
    "kernel.kptr_restrict": "lower",
    "kernel.dmesg_restrict": "lower",
    "kernel.yama.ptrace_scope": "lower",
    "kernel.perf_event_paranoid": "lower",
    "kernel.unprivileged_bpf_disabled": "lower",
    "kernel.kexec_load_disabled": "lower",
    "kernel.modules_disabled": "lower",
    "kernel.apparmor_restrict_unprivileged_userns": "lower",
    "kernel.sysrq": "higher",
    "kernel.unprivileged_userns_clone": "higher",
    "kernel.io_uring_disabled": "lower",
    "dev.tty.ldisc_autoload": "higher",
    "vm.unprivileged_userfaultfd": "higher",
    "vm.mmap_min_addr": "lower",
    "net.core.bpf_jit_harden": "lower",
    "fs.protected_hardlinks": "lower",
    "fs.protected_symlinks": "lower",
    "fs.protected_fifos": "lower",
    "fs.protected_regular": "lower",
    "fs.suid_dumpable": "higher",
    "net.ipv4.ip_forward": "higher",
    "net.ipv6.conf.*.forwarding": "higher",
    "net.ipv4.conf.*.forwarding": "higher",
    "net.ipv4.conf.*.rp_filter": "lower",
    "net.ipv4.conf.*.accept_redirects": "higher",
    "net.ipv6.conf.*.accept_redirects": "higher",
    "net.ipv4.conf.*.secure_redirects": "higher",
    "net.ipv4.conf.*.send_redirects": "higher",
    "net.ipv4.conf.*.accept_source_route": "higher",
    "net.ipv6.conf.*.accept_source_route": "higher",
    "net.ipv4.conf.*.log_martians": "lower",
    "net.ipv4.tcp_syncookies": "lower",
    "net.ipv4.icmp_echo_ignore_broadcasts": "lower",
    "net.ipv4.icmp_ignore_bogus_error_responses": "lower",
    "net.ipv4.ip_unprivileged_port_start": "lower",
}

#: sshd keyword -> its values from strict to lax; what is not in the list is not weighed. sshd_config(5), OpenSSH 9.2.
SSHD_ORDER: Mapping[str, tuple[str, ...]] = {
    "permitrootlogin": ("no", "forced-commands-only", "prohibit-password", "yes"),
    "passwordauthentication": ("no", "yes"),
    "kbdinteractiveauthentication": ("no", "yes"),
    "permitemptypasswords": ("no", "yes"),
    "pubkeyauthentication": ("yes", "no"),
    "usepam": ("yes", "no"),
    "strictmodes": ("yes", "no"),
    "x11forwarding": ("no", "yes"),
    "allowtcpforwarding": ("no", "local", "remote", "yes"),
    "allowagentforwarding": ("no", "yes"),
    "gatewayports": ("no", "clientspecified", "yes"),
    "permittunnel": ("no", "point-to-point", "ethernet", "yes"),
    "permituserenvironment": ("no", "yes"),
    "hostbasedauthentication": ("no", "yes"),
    "ignorerhosts": ("yes", "shosts-only", "no"),
    "exposeauthinfo": ("no", "yes"),
    "disableforwarding": ("yes", "no"),
}

#: Keywords whose list of names, once shorter or gone, lets more people in.
SSHD_RESTRICTIONS = frozenset(
    {"allowusers", "allowgroups", "denyusers", "denygroups", "forcecommand", "authenticationmethods"}
)

#: How sshd spells the same value in two ways.
_SSHD_SYNONYMS = {"without-password": "prohibit-password", "true": "yes", "false": "no", "all": "yes"}

#: Mount options that take rights away; their loss gives them back.
MOUNT_GUARDS = frozenset({"nosuid", "nodev", "noexec", "ro", "nosymfollow"})

#: Units that protect the host: stopping or disabling them weakens it.
GUARD_UNITS = frozenset(
    {
        "apparmor.service",
        "auditd.service",
        "ufw.service",
        "nftables.service",
        "firewalld.service",
        "netfilter-persistent.service",
        "iptables.service",
        "ip6tables.service",
        "shorewall.service",
        "fail2ban.service",
        "crowdsec.service",
        "ossec.service",
        "wazuh-agent.service",
        "aide-check.timer",
        "dailyaidecheck.timer",
        "unattended-upgrades.service",
        "apt-daily-upgrade.timer",
        "systemd-journald.service",
        "rsyslog.service",
        "usbguard.service",
    }
)

#: systemctl's words for a unit that starts at boot, and for one that does not.
ON_AT_BOOT = frozenset({"enabled", "enabled-runtime", "linked", "linked-runtime"})
OFF_AT_BOOT = frozenset({"disabled", "masked", "masked-runtime"})


def rule_rank(rule: str) -> int:
    """Where a rule stands in a report; what no rule raised comes last."""
    return list(RULES).index(rule) if rule in RULES else len(RULES)


def sysctl_weakened(name: str, before: str, after: str) -> bool:
    """Whether this change of a kernel setting goes toward weaker. Values that are no numbers are not weighed."""
    direction = SYSCTL_WEAKER.get(name) or SYSCTL_WEAKER.get(_without_interface(name))
    if direction is None:
        return False
    try:
        old, new = int(before), int(after)
    except ValueError:
        return False
    if name == "fs.suid_dumpable":  # 2 lets only root read such a dump (proc(5)): as good as none
        old, new = (0 if value == 2 else value for value in (old, new))
    if name == "kernel.sysrq":  # 1 means "everything", other values are a mask (sysrq.rst)
        old, new = (512 if value == 1 else value for value in (old, new))
    return new < old if direction == "lower" else new > old


def _without_interface(name: str) -> str:
    parts = name.split(".")
    if len(parts) == 5 and parts[:1] == ["net"] and parts[2] == "conf":
        parts[3] = "*"
    return ".".join(parts)


def sshd_weakened(keyword: str, before: str, after: str) -> bool:
    """Whether sshd lets more in than before by this keyword. An empty value stands for a line that is not there."""
    if keyword in SSHD_RESTRICTIONS:
        if keyword.startswith("deny"):
            return bool(set(before.split()) - set(after.split()))
        return bool(before) and (not after or bool(set(after.split()) - set(before.split())))
    order = SSHD_ORDER.get(keyword)
    old, new = (_SSHD_SYNONYMS.get(value.lower(), value.lower()) for value in (before, after))
    if order is None or old not in order or new not in order:
        return False
    return order.index(new) > order.index(old)


def mount_guards_lost(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[str, ...]:
    """Protecting options that were there and are not any more. ``ro`` counts only when ``rw`` took its place."""
    lost = (MOUNT_GUARDS & set(before)) - set(after)
    if "ro" in lost and "rw" not in after:
        lost -= {"ro"}
    return tuple(sorted(lost))
