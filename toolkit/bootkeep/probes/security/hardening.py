"""How kernel and libraries protect this host: command line, mitigations, LSMs, modules, sysctl at boot, cryptography, audit.

Sources: the kernel's Documentation/admin-guide (kernel-parameters, hw-vuln, tainted-kernels, LSM), modprobe.d(5), sysctl.d(5),
openssl config(5), crypto-policies(7), selinux(8), apparmor(7).
"""

from __future__ import annotations

from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.config.files import ETC_LISTING, parse_listing
from bootkeep.probes.lines import Keyed, Texts, assignments, lines, name_of, put, texts_probe
from bootkeep.probes.read import Probe
from bootkeep.probes.understand import number, understood

#: Bit -> what it says (Documentation/admin-guide/tainted-kernels.rst).
_TAINTS = (
    "proprietary module loaded",
    "module force-loaded",
    "kernel on an unsuitable system",
    "module force-unloaded",
    "machine check error",
    "bad page",
    "taint asked for by user space",
    "kernel died (oops or BUG)",
    "ACPI table overridden",
    "kernel warning",
    "staging driver loaded",
    "workaround for firmware",
    "module from outside the tree loaded",
    "unsigned module loaded",
    "soft lockup",
    "kernel live patched",
    "auxiliary taint",
    "structure randomised",
    "test in kernel",
)


def parse_command_line(files: Texts) -> Keyed:
    """Argument -> value; several of one name are joined."""
    found: Keyed = {}
    for text in files.values():
        for word in text.split():
            name, _, value = word.partition("=")
            put(found, name, value)
    return found


def parse_values(files: Texts) -> Keyed:
    """File name -> its only line (mitigations, LSM switches)."""
    return {name_of(path): " ".join(text.split()) for path, text in files.items()}


def parse_taint(files: Texts) -> Keyed:
    """Reason -> ``yes``, for each bit of /proc/sys/kernel/tainted. Raises NotUnderstood."""
    found: Keyed = {}
    for path, text in files.items():
        mask = number(text.strip(), path)
        for bit in range(mask.bit_length()):
            if mask >> bit & 1:
                found[_TAINTS[bit] if bit < len(_TAINTS) else f"bit {bit}"] = "yes"
    return found


def parse_module_settings(files: Texts) -> Keyed:
    """``file: line`` of modprobe.d(5) and modules-load.d(5)."""
    return {f"{path}: {line}": "" for path, text in sorted(files.items()) for line in lines(text, "#;")}


def parse_sysctl_files(files: Texts) -> Keyed:
    """Setting -> value that sysctl.d(5) will apply at the next boot, and the file that says so: the last name in order wins."""
    by_name: dict[str, str] = {}
    order = ("/usr/lib/", "/lib/", "/usr/local/lib/", "/run/", "/etc/")
    for path in sorted(files, key=lambda path: [path.startswith(top) for top in reversed(order)]):
        by_name[name_of(path)] = path  # /etc hides the package's file of the same name
    found: Keyed = {}
    for name in sorted(by_name, key=lambda name: (name == "sysctl.conf", name)):
        path = by_name[name]
        for _section, key, value in assignments(files[path]):
            found[key.lstrip("-").replace("/", ".")] = f"{value} ({path})"
    return found


def parse_apparmor(files: Texts) -> Keyed:
    """Profile -> mode. Raises NotUnderstood on a line without a mode."""
    found: Keyed = {}
    for path, text in files.items():
        for line in lines(text, ""):
            name, bracket, mode = line.rpartition(" (")
            if not bracket:
                raise NotUnderstood(f"line {line[:80]!r}", where=path)
            found[name] = mode.rstrip(")")
    return found


def parse_selinux(files: Texts) -> Keyed:
    """``enforce``, ``boolean <name>`` and the configured mode."""
    found: Keyed = {}
    for path, text in files.items():
        if "/booleans/" in path:
            found[f"boolean {name_of(path)}"] = text.split()[0] if text.split() else ""
        elif path == "/etc/selinux/config":
            found |= {f"configured {key}": value for _section, key, value in assignments(text)}
        else:
            found[name_of(path)] = text.strip()
    return found


def parse_crypto(files: Texts) -> Keyed:
    """OpenSSL's limits, the system-wide crypto policy, FIPS mode, CAs that were switched off."""
    found: Keyed = {}
    for path, text in sorted(files.items()):
        if path.endswith("openssl.cnf"):
            wanted = {"MinProtocol", "MaxProtocol", "CipherString", "Ciphersuites", "Options"}
            found |= {f"openssl {key}": value for _section, key, value in assignments(text) if key in wanted}
        elif path.endswith("fips_enabled"):
            found["FIPS mode"] = text.strip()
        else:
            found["crypto policy"] = text.strip()
    return found


def ca_certificates_of(readings: Readings) -> Maybe[Keyed]:
    """Certificate in /etc/ssl/certs -> the file that it links to."""
    files = understood(readings, ETC_LISTING, lambda text: parse_listing(text, ETC_LISTING.key))
    if isinstance(files, (Absent, Unknown)):
        return files
    folder = "/etc/ssl/certs/"
    return {
        file.path.removeprefix(folder): file.target
        for file in files
        if file.path.startswith(folder) and file.path.endswith((".pem", ".crt")) and file.target.startswith("/")
    }


def parse_logging(files: Texts) -> Keyed:
    """journald.conf's switches and rsyslog's targets: where messages go."""
    found: Keyed = {}
    for path, text in sorted(files.items()):
        if "journald" in path:
            for _section, key, value in assignments(text):
                found[f"journald {key}"] = value
        else:
            for line in lines(text, "#$"):
                if " " in line and not line.startswith(("module", "global", "input", "include", "template", "}")):
                    found[f"{path}: {line}"] = ""
    return found


def parse_audit_rules(files: Texts) -> Keyed:
    """``file: rule`` of auditd's rules."""
    return {f"{path}: {line}": "" for path, text in sorted(files.items()) for line in lines(text)}


COMMAND_LINE = texts_probe("kernel argument", parse_command_line, "/proc/cmdline")
MITIGATIONS = texts_probe(
    "cpu mitigation",
    parse_values,
    "/sys/devices/system/cpu/vulnerabilities/*",
    "/sys/devices/system/cpu/cpu0/microcode/version",
)
TAINT = texts_probe("kernel taint", parse_taint, "/proc/sys/kernel/tainted")
MODULE_SETTINGS = texts_probe(
    "module setting",
    parse_module_settings,
    "/etc/modprobe.d/*.conf",
    "/usr/lib/modprobe.d/*.conf",
    "/lib/modprobe.d/*.conf",
    "/etc/modules",
    "/etc/modules-load.d/*.conf",
    "/usr/lib/modules-load.d/*.conf",
)
SYSCTL_FILES = texts_probe(
    "sysctl at boot",
    parse_sysctl_files,
    "/etc/sysctl.conf",
    "/etc/sysctl.d/*.conf",
    "/run/sysctl.d/*.conf",
    "/usr/lib/sysctl.d/*.conf",
    "/lib/sysctl.d/*.conf",
)
LSM = texts_probe("lsm", parse_values, "/sys/kernel/security/lsm", "/sys/kernel/security/lockdown")
APPARMOR = texts_probe("apparmor profile", parse_apparmor, "/sys/kernel/security/apparmor/profiles")
SELINUX = texts_probe(
    "selinux", parse_selinux, "/sys/fs/selinux/enforce", "/sys/fs/selinux/booleans/*", "/etc/selinux/config"
)
CRYPTO = texts_probe(
    "crypto policy",
    parse_crypto,
    "/etc/ssl/openssl.cnf",
    "/etc/crypto-policies/state/current",
    "/proc/sys/crypto/fips_enabled",
)
CA_CERTIFICATES = Probe("ca certificate", (ETC_LISTING,), ca_certificates_of)
LOGGING = texts_probe(
    "logging",
    parse_logging,
    "/etc/systemd/journald.conf",
    "/etc/systemd/journald.conf.d/*.conf",
    "/etc/rsyslog.conf",
    "/etc/rsyslog.d/*.conf",
)
AUDIT_RULES = texts_probe("audit rule", parse_audit_rules, "/etc/audit/rules.d/*.rules", "/etc/audit/audit.rules")
