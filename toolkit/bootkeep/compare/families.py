"""The table of families of keyed lines: how each is told, who owns its keys, and what in it weakens a host."""

from __future__ import annotations

import re

from bootkeep.compare import family_rules as weaker
from bootkeep.compare.attribution import Attribution
from bootkeep.compare.listed import Family, Weighing
from bootkeep.facts.change import ChangeClass, ChangeKind, ChangeSeverity

Added, Removed, Changed = ChangeKind.ADDED, ChangeKind.REMOVED, ChangeKind.CHANGED
High, Medium, Low, Info = ChangeSeverity.HIGH, ChangeSeverity.MEDIUM, ChangeSeverity.LOW, ChangeSeverity.INFO
_IN_VALUE = re.compile(r"\((/[^()]+)\)$")


def _by_path(who: Attribution, weighing: Weighing) -> str:
    """The key is a path, or begins with one: ``/etc/cron.d/x: 5 * * * * ...``."""
    return who.owner_of_path(weighing.key.partition(": ")[0])


def _by_path_after(who: Attribution, weighing: Weighing) -> str:
    """``ssh.service: /etc/systemd/system/ssh.service.d/x.conf``."""
    return who.owner_of_path(weighing.key.partition(": ")[2])


def _by_path_in_value(who: Attribution, weighing: Weighing) -> str:
    """``1 (/etc/sysctl.d/x.conf)``."""
    for value in (weighing.now, weighing.was):
        found = _IN_VALUE.search(value)
        if found and (owner := who.owner_of_path(found[1])):
            return owner
    return ""


def _by_value(who: Attribution, weighing: Weighing) -> str:
    """A certificate's link leads to the file that a package ships."""
    return who.owner_of_path(weighing.now or weighing.was)


def _by_unit(who: Attribution, weighing: Weighing) -> str:
    return who.owner_of_unit(weighing.key)


def _by_pam_service(who: Attribution, weighing: Weighing) -> str:
    return who.owner_of_path(f"/etc/pam.d/{weighing.key.partition(':')[0]}")


def _by_account(who: Attribution, weighing: Weighing) -> str:
    return who.owner_of_account(weighing.key.rpartition(": ")[2])


def _by_repository(who: Attribution, _weighing: Weighing) -> str:
    return who.owner_below("/etc/apt/sources.list.d/")


def _by_trust(who: Attribution, weighing: Weighing) -> str:
    if weighing.key.startswith("apt: "):
        return who.owner_below("/etc/apt/apt.conf.d/")
    return _by_path(who, weighing)


def _by_stale_file(who: Attribution, weighing: Weighing) -> str:
    for path in weighing.now.split(", "):
        owner = who.owner_of_path(path)
        if owner:
            return owner
    return ""


def _by_polkit(who: Attribution, weighing: Weighing) -> str:
    if weighing.key.startswith("/"):
        return who.owner_of_path(weighing.key)
    return who.owner_below("/usr/share/polkit-1/actions/")


def _of_login_defs(who: Attribution, _weighing: Weighing) -> str:
    return who.owner_of_path("/etc/login.defs")


def _of_openssl(who: Attribution, weighing: Weighing) -> str:
    return who.owner_of_path("/etc/ssl/openssl.cnf") if weighing.key.startswith("openssl") else ""


def _mark_follows(who: Attribution, weighing: Weighing) -> bool:
    """The mark of a package that the transaction installed or removed follows from that."""
    return weighing.key.partition(":")[0] in who.packages


def _sudo_said(_who: Attribution, weighing: Weighing) -> bool:
    """Rules without a password are told by the family ``sudo``."""
    return bool(re.search(r"\bNOPASSWD\s*:|!\s*authenticate\b", weighing.key))


def _password_follows(who: Attribution, weighing: Weighing) -> bool:
    """A new account starts locked, a removed one has no state: the account itself is told."""
    return weighing.kind is Removed or (weighing.kind is Added and weighing.now.startswith("locked"))


def _new_place(_who: Attribution, weighing: Weighing) -> bool:
    """A file that came or went as a whole is told as a file."""
    if weighing.kind is Removed:
        return not any(key.partition(":")[0] == weighing.key.partition(":")[0] for key in weighing.after)
    return weighing.kind is Added and weighing.place_is_new


def _new_service(who: Attribution, weighing: Weighing) -> bool:
    return _new_place(who, weighing) and not weaker.pam(weighing)


def _setting_of_new_crontab(who: Attribution, weighing: Weighing) -> bool:
    """``PATH=...`` and the like say something only in a crontab that was there before."""
    line = weighing.key.partition(": ")[2]
    return bool(re.match(r"[A-Za-z_]\w*\s?=", line)) and _new_place(who, weighing)


def _older_than_the_transaction(_who: Attribution, weighing: Weighing) -> bool:
    """What the full walk found and nobody touched since the snapshot before the transaction."""
    changed_at = weighing.now.rpartition("changed at ")[2]
    return weighing.kind is Added and (not weighing.since or changed_at < weighing.since)


def _process_ended(_who: Attribution, weighing: Weighing) -> bool:
    """A process on old code that is gone is no news; nor is one more file of a process that was told before."""
    return weighing.kind is Removed


FAMILIES: tuple[Family, ...] = (
    Family(
        "sudo rule",
        "sudo",
        ChangeClass.OTHER,
        Medium,
        weaker.sudo_rule,
        _by_path,
        _sudo_said,
        explained=True,
        words={Added: "sudo has a new rule in {place}: {line}", Removed: "sudo lost a rule in {place}: {line}"},
    ),
    Family("pam", "PAM", ChangeClass.CONFIG, Low, weaker.pam, _by_pam_service, _new_service, explained=True),
    Family(
        "password state", "the password of", ChangeClass.OTHER, Medium, weaker.password, _by_account, _password_follows
    ),
    Family("sub-id", "subordinate ids", ChangeClass.OTHER, Low, owner=_by_account),
    Family("authorized key", "SSH key", ChangeClass.OTHER, Medium, weaker.ssh_key, blind=True),
    Family("polkit", "polkit", ChangeClass.CONFIG, Low, weaker.polkit, _by_polkit, explained=True),
    Family("login.defs", "login.defs", ChangeClass.CONFIG, Low, weaker.login_defs, _of_login_defs, explained=True),
    Family("repository", "repository", ChangeClass.OTHER, Medium, weaker.repository, _by_repository, explained=True),
    Family("repository key", "key ring", ChangeClass.OTHER, Low, weaker.repository_key, _by_path, explained=True),
    Family("rpm repository", "repository", ChangeClass.OTHER, Medium, weaker.rpm_repository, _by_path, explained=True),
    Family("package trust", "setting", ChangeClass.OTHER, Medium, weaker.package_trust, _by_trust, explained=True),
    Family("apt pin", "apt pin", ChangeClass.OTHER, Medium, owner=_by_path, explained=True),
    Family(
        "automatic mark",
        "package",
        ChangeClass.PACKAGE,
        Low,
        left_out=_mark_follows,
        words={
            Added: "{key} is now marked automatic: apt may remove it when nothing needs it",
            Removed: "{key} is no longer marked automatic",
        },
    ),
    Family(
        "cron job",
        "cron job",
        ChangeClass.SERVICE,
        Medium,
        owner=_by_path,
        left_out=_setting_of_new_crontab,
        explained=True,
        words={Added: "new cron job in {place}: {line}", Removed: "a cron job is gone from {place}: {line}"},
    ),
    Family(
        "cron script",
        "cron script",
        ChangeClass.SERVICE,
        Medium,
        owner=_by_path,
        explained=True,
        words={Added: "cron now runs {key} ({now})", Removed: "cron no longer runs {key}"},
    ),
    Family("at job", "at job", ChangeClass.SERVICE, Medium),
    Family(
        "timer",
        "timer",
        ChangeClass.SERVICE,
        Low,
        owner=_by_unit,
        explained=True,
        words={Added: "timer {key} runs at {now}", Removed: "timer {key} is gone ({was})"},
    ),
    Family("unit drop-in", "drop-in of", ChangeClass.SERVICE, Low, owner=_by_path_after, explained=True),
    Family(
        "sysctl at boot",
        "kernel setting at boot",
        ChangeClass.CONFIG,
        Low,
        weaker.sysctl_at_boot,
        _by_path_in_value,
        explained=True,
        words={
            Added: "from the next boot on {key} is {now}",
            Removed: "{key} is no longer set at boot (was {was})",
            Changed: "from the next boot on {key} is {now} instead of {was}",
        },
    ),
    Family(
        "module setting",
        "kernel module setting",
        ChangeClass.BOOT,
        Low,
        weaker.module_setting,
        _by_path,
        explained=True,
        words={
            Added: "kernel modules: new line in {place}: {line}",
            Removed: "kernel modules: a line is gone from {place}: {line}",
        },
    ),
    Family("kernel argument", "kernel argument", ChangeClass.BOOT, Low, weaker.kernel_argument),
    Family("cpu mitigation", "CPU", ChangeClass.BOOT, Low, weaker.mitigation),
    Family("kernel taint", "kernel taint:", ChangeClass.BOOT, Medium),
    Family("lsm", "security module state", ChangeClass.OTHER, Medium, weaker.lsm, blind=True),
    Family(
        "apparmor profile",
        "AppArmor profile",
        ChangeClass.OTHER,
        Info,
        weaker.apparmor,
        blind=True,
        left_out=lambda _who, weighing: "snap." in weighing.key,
    ),
    Family("selinux", "SELinux", ChangeClass.OTHER, Low, weaker.selinux, blind=True),
    Family("crypto policy", "cryptography:", ChangeClass.OTHER, Low, weaker.crypto, _of_openssl),
    Family(
        "ca certificate",
        "certificate authority",
        ChangeClass.OTHER,
        Low,
        weaker.ca_certificate,
        _by_value,
        explained=True,
    ),
    Family("logging", "logging:", ChangeClass.CONFIG, Low, weaker.logging, _by_path, explained=True),
    Family("audit rule", "audit rule", ChangeClass.CONFIG, Low, weaker.audit_rule, _by_path, explained=True),
    Family("fstab", "fstab:", ChangeClass.BOOT, Medium, weaker.fstab, explained=True),
    Family(
        "mount against fstab",
        "mount",
        ChangeClass.OTHER,
        Medium,
        words={
            Added: "{key} is mounted without {now}, which fstab asks for",
            Removed: "{key} is mounted as fstab asks again",
            Changed: "{key} is mounted without {now}, which fstab asks for",
        },
    ),
    Family(
        "space",
        "file system",
        ChangeClass.OTHER,
        Medium,
        words={
            Added: "{key} has {now}",
            Removed: "{key} has room again",
            Changed: "{key} has {now} now (before: {was})",
        },
    ),
    Family("boot setting", "boot:", ChangeClass.BOOT, Low),
    Family("name resolution", "names:", ChangeClass.OTHER, Low),
    Family("firewall setting", "firewall:", ChangeClass.OTHER, Medium, weaker.firewall_setting),
    Family("firewall rule", "packet filter", ChangeClass.OTHER, Medium, weaker.firewall_rule, blind=True),
    Family("time", "time:", ChangeClass.OTHER, Medium),
    Family("workload", "running", ChangeClass.SERVICE, Medium),
    Family("audit state", "audit:", ChangeClass.OTHER, Medium, weaker.audit_state, blind=True),
    Family("network", "network:", ChangeClass.OTHER, Medium, blind=True),
    Family(
        "open file",
        "file",
        ChangeClass.OTHER,
        Medium,
        weaker.open_file,
        _by_path,
        words={Added: "anybody may write to {key} ({now})", Removed: "not everybody may write to {key} any more"},
    ),
    Family(
        "stale process",
        "process",
        ChangeClass.SERVICE,
        Medium,
        owner=_by_stale_file,
        left_out=_process_ended,
        blind=True,
        words={
            Added: "{key} still runs replaced code: restart it ({now})",
            Changed: "{key} still runs replaced code: restart it ({now})",
        },
    ),
    Family(
        "journal error",
        "journal:",
        ChangeClass.SERVICE,
        Medium,
        only_after=True,
        words={Added: "new error in the journal, {now}: {key}"},
    ),
    Family(
        "hidden special file",
        "program outside the usual places",
        ChangeClass.SUID,
        Low,
        weaker.hidden_special_file,
        _by_path,
        _older_than_the_transaction,
        only_after=True,
    ),
    Family(
        "file integrity",
        "file",
        ChangeClass.OTHER,
        Medium,
        weaker.integrity,
        _by_path,
        only_after=True,
        words={Added: "{key} is {now}: not what its package shipped"},
    ),
)
