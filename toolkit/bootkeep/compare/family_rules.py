"""What weakens a host among the families of keyed lines: one function a family, each gives the id of its rule or nothing."""

from __future__ import annotations

import re

from bootkeep.compare.listed import Weighing
from bootkeep.compare.weakening import mount_guards_lost, sysctl_weakened
from bootkeep.facts.change import ChangeKind

Added, Removed = ChangeKind.ADDED, ChangeKind.REMOVED

#: Kernel arguments that switch a protection off (Documentation/admin-guide/kernel-parameters.txt).
_WEAK_ARGUMENTS = re.compile(
    r"(mitigations=.*off.*|no(spectre_v[12]|pti|smap|smep|kaslr|xsave)|pti=off|spectre_v2=off|spec_store_bypass_disable=off"
    r"|l1tf=off|mds=off|tsx_async_abort=off|mmio_stale_data=off|retbleed=off|spec_rstack_overflow=off|gather_data_sampling=off"
    r"|(apparmor|selinux|audit|enforcing)=0|security=none|module\.sig_enforce=0|lockdown=none|ima_appraise=off|init=/bin/.*)"
)
_STRICT_ARGUMENTS = re.compile(
    r"(apparmor=1|selinux=1|audit=1|lockdown=.*|module\.sig_enforce.*|slab_nomerge|init_on_\w+=1|pti=on)"
)
_ALLOWED = {"no": 0, "auth_admin": 1, "auth_admin_keep": 2, "auth_self": 3, "auth_self_keep": 4, "yes": 5}
_PROTOCOLS = ("None", "SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_CRYPTO_POLICIES = ("LEGACY", "DEFAULT", "FUTURE", "FIPS")
_LOCKDOWN = ("none", "integrity", "confidentiality")
#: login.defs: the larger of two numbers is weaker. UMASK is compared bit by bit.
_LARGER_IS_WEAKER = frozenset({"PASS_MAX_DAYS", "LOGIN_RETRIES", "LOGIN_TIMEOUT"})
_SMALLER_IS_WEAKER = frozenset(
    {"PASS_MIN_LEN", "YESCRYPT_COST_FACTOR", "SHA_CRYPT_MIN_ROUNDS", "SHA_CRYPT_MAX_ROUNDS", "FAIL_DELAY"}
)
_METHODS = ("DES", "MD5", "BCRYPT", "SHA256", "SHA512", "YESCRYPT")
#: Modules of PAM without which somebody gets in more easily.
_PAM_GUARDS = re.compile(
    r"pam_(deny|faillock|tally2?|faildelay|pwquality|cracklib|passwdqc|pwhistory|access|securetty|wheel|nologin|time|google_authenticator"
    r"|u2f|duo|oath|selinux|apparmor|loginuid|shells|listfile|succeed_if)\.so"
)
#: A control with which a module's yes ends the stack, or leaps over what follows (pam.conf(5)).
_LETS_IN = re.compile(r"sufficient\b|\[[^\]]*\bsuccess=(?:ok|done|\d)")
#: journald.conf(5), Storage=: what of the journal stays. Without a word of its own: auto.
_JOURNALS = ("none", "volatile", "auto", "persistent")

#: Options of a repository of dnf's or zypper's that let anything in.
_UNCHECKED = ("[gpgcheck=0]", "[pkg_gpgcheck=0]", "[repo_gpgcheck=0]", "[sslverify=0]")
#: apt's settings that check; the others of the family allow.
_CHECKING = re.compile(r"verify-(peer|host)|check-(valid-until|date)")

#: The rules that the functions below raise; each is in ``weakening.RULES``.
FAMILY_RULES = frozenset(
    {
        *(
            "sudo-rule-added",
            "pam-weakened",
            "password-weakened",
            "ssh-key-added",
            "polkit-weakened",
            "login-defs-weakened",
        ),
        *("repository-unsigned", "repository-added", "repository-key-added", "sysctl-weakened", "module-allowed"),
        *("kernel-argument-weakened", "mitigation-lost", "lockdown-weakened", "apparmor-weakened", "selinux-weakened"),
        *("crypto-weakened", "ca-certificate-added", "audit-weakened", "mount-guard-lost", "firewall-weakened"),
        *("file-world-writable", "file-altered", "special-file-added"),
    }
)


def sudo_rule(w: Weighing) -> str:
    """A new line that lets somebody run something as another user. Defaults, aliases and includes grant nothing themselves."""
    line = w.key.partition(": ")[2]
    grants = re.match(r"(?!Defaults|User_Alias|Runas_Alias|Host_Alias|Cmnd_Alias|@include|#include)\S+\s.*=", line)
    return "sudo-rule-added" if w.kind is Added and grants else ""


def pam(w: Weighing) -> str:
    """A guard that went or became optional, ``nullok`` that came, pam_permit that suffices."""
    if w.kind is Removed:
        # A service that went with its package asks for nothing any more; a module that went out of a service does.
        service = w.key.partition(":")[0] + ":"
        stays = any(key.startswith(service) for key in w.after)
        return "pam-weakened" if stays and _PAM_GUARDS.search(w.key) else ""
    # A module may stand in a stack more than once: Debian's common-auth ends with a harmless pam_permit, and one that
    # suffices above it lets anybody in.
    if w.key.partition(": ")[2] == "auth pam_permit.so":
        came = [entry for entry in w.now.split("; ") if entry not in w.was.split("; ")]
        if any(_LETS_IN.match(entry) for entry in came):
            return "pam-weakened"
    if w.kind is Added:
        return ""
    was, now = (set(side.replace("; ", " ").split()) for side in (w.was, w.now))
    looser = (
        {"required", "requisite"} & was and not {"required", "requisite"} & now and {"optional", "sufficient"} & now
    )
    gained = {"nullok", "nullok_secure", "trust", "permit_root_login"} & (now - was)
    lost = {"deny=", "even_deny_root", "retry=", "minlen=", "remember="}
    weaker = any(
        word.startswith(tuple(lost)) and not any(n.startswith(word.split("=")[0]) for n in now) for word in was - now
    )
    return "pam-weakened" if looser or gained or weaker else ""


def password(w: Weighing) -> str:
    """An account that was locked can be entered, or one needs no password."""
    open_now = w.now.startswith("none")
    if open_now and not w.was.startswith("none"):
        return "password-weakened"
    if w.was.startswith("locked") and w.now.startswith("set"):
        return "password-weakened"
    older = ("descrypt", "md5crypt")
    return "password-weakened" if any(word in w.now and word not in w.was for word in older) and w.was else ""


def ssh_key(w: Weighing) -> str:
    """Somebody may log in who could not, or without the options that held them."""
    loosened = w.kind is ChangeKind.CHANGED and "with options" in w.was and "with options" not in w.now
    return "ssh-key-added" if w.kind is Added or loosened else ""


def polkit(w: Weighing) -> str:
    """An action asks for less, or a rule file grants something."""
    if w.key.startswith("/"):
        return "polkit-weakened" if "without asking" in w.now and "without asking" not in w.was else ""
    was, now = _allowed(w.was), _allowed(w.now)
    if w.kind is not ChangeKind.CHANGED:
        return ""
    return "polkit-weakened" if any(now[who] > was.get(who, 0) for who in now) else ""


def _allowed(text: str) -> dict[str, int]:
    pairs = (part.split(" ", 1) for part in text.split(", ") if " " in part)
    return {who: _ALLOWED.get(what, 0) for who, what in pairs}


def login_defs(w: Weighing) -> str:
    """Longer-lived passwords, weaker hashes, a more open umask."""
    if w.key == "ENCRYPT_METHOD" and w.was in _METHODS and w.now in _METHODS:
        return "login-defs-weakened" if _METHODS.index(w.now) < _METHODS.index(w.was) else ""
    if not w.was.isdigit() or not w.now.isdigit():
        return ""
    if w.key in {"UMASK", "HOME_MODE"} and not set(w.was + w.now) & {"8", "9"}:
        was, now = int(w.was, 8), int(w.now, 8)
        more_open = was & ~now if w.key == "UMASK" else now & ~was & 0o077
        return "login-defs-weakened" if more_open else ""
    was, now = int(w.was), int(w.now)
    worse = (w.key in _LARGER_IS_WEAKER and now > was) or (w.key in _SMALLER_IS_WEAKER and now < was)
    return "login-defs-weakened" if worse else ""


def repository(w: Weighing) -> str:
    """A new source of programs that run as root, or one whose signatures are not looked at."""
    unsigned = ("trusted=yes", "allow-insecure=yes", "allow-weak=yes")
    if any(word in w.now and word not in w.was for word in unsigned):
        return "repository-unsigned"
    return "repository-added" if w.kind is Added and not w.key.startswith("deb-src ") else ""


def rpm_repository(w: Weighing) -> str:
    """The same for dnf, yum and zypper: signatures or certificates are not checked, or it is new."""
    if any(word in _words(w.now) and word not in _words(w.was) for word in _UNCHECKED):
        return "repository-unsigned"
    return "repository-added" if w.kind is Added else ""


def _words(text: str) -> set[str]:
    return set(text.lower().replace("=no]", "=0]").replace("=false]", "=0]").replace("=off]", "=0]").split())


def package_trust(w: Weighing) -> str:
    """apt, dnf or zypper takes what nobody signed, or what it cannot know who sent."""
    was, now = (_truth(side) for side in (w.was, w.now))
    if w.key.startswith("apt: ") and not _CHECKING.search(w.key):  # Allow...: off unless it is set
        return "repository-unsigned" if now and not was else ""
    # dnf's own default for gpgcheck is off: its files say 1. Everywhere else what is not set is checked.
    default = w.key.startswith(("/etc/dnf/", "/etc/yum.conf")) and w.key.endswith(": gpgcheck")
    checked = (was is True if default else was is not False, now is True if default else now is not False)
    return "repository-unsigned" if checked == (True, False) else ""


def _truth(text: str) -> bool | None:
    """apt-pkg/contrib/strutl.cc, StringToBool, and what dnf and zypper take for one; None for anything else."""
    if text.lower() in {"1", "yes", "true", "with", "on", "enable"}:
        return True
    return False if text.lower() in {"0", "no", "false", "without", "off", "disable", "never"} else None


def repository_key(w: Weighing) -> str:
    """apt trusts a key ring whose content it did not trust before."""
    return "repository-key-added" if "trusted" in w.now and w.was != w.now else ""


def sysctl_at_boot(w: Weighing) -> str:
    """A setting that will be weaker from the next boot on."""
    was, now = w.was.rpartition(" (")[0] or w.running.get(w.key, ""), w.now.rpartition(" (")[0]
    return "sysctl-weakened" if now and sysctl_weakened(w.key, was, now) else ""


def module_setting(w: Weighing) -> str:
    """A module that was kept away may come."""
    line = w.key.partition(": ")[2]
    keeps_away = re.match(r"blacklist \S+|install \S+ /(usr/)?s?bin/(true|false)|install \S+ /bin/(true|false)", line)
    if w.kind is not Removed or not keeps_away:
        return ""
    # The same line in another file keeps it away still.
    return "" if any(key.partition(": ")[2] == line for key in w.after) else "module-allowed"


def kernel_argument(w: Weighing) -> str:
    """A protection that this boot went without."""
    weak = _WEAK_ARGUMENTS.fullmatch(f"{w.key}={w.now}" if w.now else w.key)
    if w.kind is not Removed and weak and not _WEAK_ARGUMENTS.fullmatch(f"{w.key}={w.was}"):
        return "kernel-argument-weakened"
    strict = _STRICT_ARGUMENTS.fullmatch(f"{w.key}={w.was}" if w.was else w.key)
    return "kernel-argument-weakened" if w.kind is Removed and strict else ""


def mitigation(w: Weighing) -> str:
    """``Mitigation: ...`` or ``Not affected`` became ``Vulnerable``."""
    return "mitigation-lost" if w.now.startswith("Vulnerable") and w.was and not w.was.startswith("Vulnerable") else ""


def lsm(w: Weighing) -> str:
    """Lockdown went down a step, or a security module is not loaded any more."""
    if w.key == "lockdown":
        was, now = (re.search(r"\[(\w+)\]", side) for side in (w.was, w.now))
        known = was and now and was[1] in _LOCKDOWN and now[1] in _LOCKDOWN
        return (
            "lockdown-weakened" if known and was and now and _LOCKDOWN.index(now[1]) < _LOCKDOWN.index(was[1]) else ""
        )
    return "lockdown-weakened" if set(w.was.split(",")) - set(w.now.split(",")) - {""} else ""


def apparmor(w: Weighing) -> str:
    """A profile that enforced only complains, or is not loaded."""
    strict = w.was in {"enforce", "kill"}
    return "apparmor-weakened" if strict and w.now not in {"enforce", "kill"} else ""


def selinux(w: Weighing) -> str:
    """Enforcing became permissive or disabled. Which way a boolean weakens differs: those are shown, not judged."""
    weaker = (w.key == "enforce" and w.was == "1" and w.now == "0") or (
        w.key == "configured SELINUX" and w.was == "enforcing" and w.now != "enforcing"
    )
    return "selinux-weakened" if weaker else ""


def crypto(w: Weighing) -> str:
    """Older protocols, a lower security level, a laxer policy, no FIPS mode."""
    if w.key == "FIPS mode":
        return "crypto-weakened" if w.was == "1" and w.now != "1" else ""
    if w.key == "crypto policy":
        was, now = w.was.partition(":")[0], w.now.partition(":")[0]
        known = was in _CRYPTO_POLICIES and now in _CRYPTO_POLICIES
        return "crypto-weakened" if known and _CRYPTO_POLICIES.index(now) < _CRYPTO_POLICIES.index(was) else ""
    if w.key == "openssl MinProtocol":
        was_n, now_n = (_PROTOCOLS.index(side) if side in _PROTOCOLS else 0 for side in (w.was, w.now))
        return "crypto-weakened" if now_n < was_n else ""
    if w.key == "openssl CipherString":
        levels = [int(found[1]) if (found := re.search(r"SECLEVEL=(\d)", side)) else 0 for side in (w.was, w.now)]
        return "crypto-weakened" if levels[1] < levels[0] else ""
    return ""


def ca_certificate(w: Weighing) -> str:
    """A new authority that does not come with Debian's ca-certificates (Mozilla's list, reviewed there)."""
    reviewed = w.now.startswith("/usr/share/ca-certificates/mozilla/")
    return "ca-certificate-added" if w.kind is not Removed and not reviewed else ""


def audit_rule(w: Weighing) -> str:
    """What is not watched any more is not seen."""
    rule = w.key.partition(": ")[2]
    if w.kind is not Removed or not rule.startswith(("-a", "-w", "-e", "-A")):
        return ""
    return "" if any(key.partition(": ")[2] == rule for key in w.after) else "audit-weakened"


def audit_state(w: Weighing) -> str:
    """The kernel records no audit events any more. 2 is 1 that cannot be taken back before a reboot."""
    return "audit-weakened" if w.key == "enabled" and w.was in {"1", "2"} and w.now == "0" else ""


def logging(w: Weighing) -> str:
    """The journal keeps less than before: not beyond a boot, or nothing at all."""
    if w.key != "journald Storage":
        return ""
    was, now = (_JOURNALS.index(side) if side in _JOURNALS else _JOURNALS.index("auto") for side in (w.was, w.now))
    return "audit-weakened" if now < was else ""


def fstab(w: Weighing) -> str:
    """The next mount will lack a protecting option."""
    was, now = (tuple([*side.split(" "), "", "", ""][2].split(",")) for side in (w.was, w.now))
    return "mount-guard-lost" if w.kind is ChangeKind.CHANGED and mount_guards_lost(was, now) else ""


def firewall_setting(w: Weighing) -> str:
    """ufw was switched off, or lets through by default what it did not."""
    off = w.key.endswith(" ENABLED") and w.was.lower() == "yes" and w.now.lower() != "yes"
    laxer = "POLICY" in w.key and w.was.upper() in {"DROP", "REJECT"} and w.now.upper() == "ACCEPT"
    return "firewall-weakened" if off or laxer else ""


def firewall_rule(w: Weighing) -> str:
    """A rule that dropped is gone, one that accepts came, or a chain accepts by default."""
    policies = ("policy drop", "policy reject")
    if w.was in policies and w.now not in policies:
        return "firewall-weakened"
    rule = w.key.partition(": ")[2].lower()
    drops = re.search(r"\b(drop|reject)\b", rule)
    accepts = re.search(r"\baccept\b", rule)
    # Accepting weakens only where something is dropped otherwise.
    closed = any(value in policies or re.search(r"\b(drop|reject)\b", key.lower()) for key, value in w.before.items())
    gone, came = w.kind is Removed and drops, w.kind is Added and accepts and closed
    return "firewall-weakened" if gone or came else ""


def open_file(w: Weighing) -> str:
    """A file of a package became writable by anybody."""
    return "file-world-writable" if w.kind is Added else ""


def hidden_special_file(w: Weighing) -> str:
    """SUID, SGID or capabilities where no program is looked for: nobody can set an inode's change time back."""
    return "special-file-added" if w.kind is not Removed else ""


def integrity(w: Weighing) -> str:
    """Its content differs from what the package says it shipped."""
    return "file-altered" if w.now == "altered" else ""
