"""Secrets stay on the host: command lines and configuration lines lose them before they are stored or shown.

Three layers, each documented in docs/reference/report.md: paths whose content is never copied or shown, arguments of
processes, and lines of text. Redaction prefers losing a harmless value to printing a secret. Pure, no dependencies: the
hooks use it too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

#: A longer line is data or an attack on the reader: it is hidden as a whole.
LONGEST_LINE = 8192
#: What stands in the place of a secret.
MASK = "[redacted]"

#: Files whose content is never copied, diffed or printed; matched against the absolute path.
DENIED_PATHS: tuple[str, ...] = (
    "/etc/shadow*",
    "/etc/gshadow*",
    "/etc/security/opasswd*",
    "*/ssh_host_*",
    "*/.ssh/*",
    "*/id_rsa*",
    "*/id_dsa*",
    "*/id_ecdsa*",
    "*/id_ed25519*",
    "*.key",
    "*.key.*",
    "*.pem",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.kdbx",
    "*.keytab",
    "*/private/*",
    "/etc/ssl/private*",
    "/etc/ipsec.secrets*",
    "/etc/ipsec.d/*",
    "/etc/ppp/*-secrets*",
    "/etc/wireguard/*",
    "/etc/openvpn/*",
    "/etc/NetworkManager/system-connections/*",
    "/etc/netplan/*",
    "/etc/wpa_supplicant/*",
    "/etc/sssd/*",
    "/etc/salt/pki/*",
    "/etc/bareos/*",
    "/etc/apt/auth.conf*",
    "/etc/cloud/*",
    "/etc/krb5*.conf.d/*secret*",
    "/etc/letsencrypt/*",
    "/etc/machine-id",
    "/etc/exim4/passwd*",
    "/etc/postfix/sasl*",
    "*/.pgpass*",
    "*/.netrc*",
    "*/.my.cnf*",
    "*/debian.cnf*",
    "*/htpasswd*",
    "*/.htpasswd*",
    "*secret*",
    "*password*",
    "*credential*",
    "*passwd.client*",
    "*/sasldb*",
    "*token*",
)

#: Paths that the patterns above would deny for their name alone, though their content is harmless and matters.
ALLOWED_PATHS: frozenset[str] = frozenset({"/etc/pam.d/common-password", "/etc/pam.d/passwd", "/etc/pam.d/chpasswd"})

_BACKUP = re.compile(r"(?:~|\.(?:dpkg|ucf)-(?:old|new|dist|bak|tmp)|\.bak|\.orig|\.save|-)$")

# A key names a secret when one of these words stands in it: db_password, AuthToken, AWS_SECRET_ACCESS_KEY, api-key, psk.
_WORDS = (
    r"(?:pass(?:w(?:or)?d|phrase|wd)?|pwd|secret|token|cred(?:ential)?s?|api[-_]?key|access[-_]?key|private[-_]?key"
    r"|auth(?:orization|[-_]?key|[-_]?token)|psk|bindpw|community|(?<!syn)cookie|session[-_]?id|sig(?:nature|ning[-_]?key)"
    r"|encryption[-_]?key|hmac|salt_?key)"
)
_SECRET_WORD_IN = re.compile(rf"(?i){_WORDS}")
# What may be a key. Possessive, and only from the beginning of a word: linear time on any text (a process may call itself
# "pass-pass-pass-..." for 4096 characters to make us think).
_NAME = r"(?<![\w.\-\[\]])[\w.\-\[\]]++"
_VALUE = r"""(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s,;&"'#][^\s,;&"']*)"""

# Keywords of sshd_config, PAM, login.defs and sudoers that hold a secret word but a harmless switch.
_SWITCHES = re.compile(
    r"(?i)^(?:yes|no|true|false|on|off|none|null|prohibit-password|without-password|forced-commands-only|required|requisite"
    r"|sufficient|optional|include|substack|enabled?|disabled?|files|compat|systemd|sss|ldap|nis|\d{1,5})$"
)

_ASSIGNMENT = re.compile(rf"(?P<key>[\"']?{_NAME}[\"']?)(?P<sep>\s*+(?:=>|:=|=|:)\s*+)")
_FLAG = re.compile(r"(?<!\S)(?P<key>--?[\w.\-\[\]]++)(?P<sep>[ \t]++)")
_SPACED = re.compile(r"^(?P<key>\s*+(?:(?i:set|option)\s++)?[\w.:\-\[\]]++)(?P<sep>[ \t]++)(?P<value>[^\s=:].*)$")
_VALUE_HERE = re.compile(_VALUE)
_URL = re.compile(r"(?P<scheme>\b[A-Za-z][A-Za-z0-9+.\-]{0,30}://)(?P<user>[^\s/@]*)@(?=[^\s/@])")
_HEADER = re.compile(
    r"(?i)\b(?P<head>(?:proxy-)?authorization|x-[\w\-]{0,40}?(?:token|key|auth)[\w\-]{0,40}|(?:set-)?cookie)(?P<sep>\s*[:=]\s*).+"
)
_BEARER = re.compile(r"(?i)\b(?P<kind>bearer|basic|digest|negotiate|token)\s+[A-Za-z0-9+/_\-.~]{8,}=*")
_KNOWN_TOKENS = re.compile(
    r"eyJ[A-Za-z0-9_\-]{6,}\.[A-Za-z0-9_\-]+(?:\.[A-Za-z0-9_\-]*)?"  # JSON web token
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{12,}"  # AWS
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w\-]{16,}"
    r"|\bxox[abprs]-[\w\-]{10,}|\bsk-[A-Za-z0-9_\-]{16,}|\bAIza[\w\-]{30,}|\b(?:sk|pk|rk)_(?:live|test)_\w{10,}"
    r"|\$(?:1|2[abxy]?|5|6|7|y|gy|argon2\w*|pbkdf2[\w\-]*)\$[^\s:'\"]{8,}"  # crypt(5)
    r"|\{(?:SSHA|SHA|SMD5|MD5|CRYPT)\d*\}[A-Za-z0-9+/=$.]{8,}"
)
_HEXADECIMAL = re.compile(r"(?<![A-Za-z0-9/_\-])[0-9a-fA-F]{32,}(?![A-Za-z0-9_\-])")
_BASE64 = re.compile(
    r"(?<![A-Za-z0-9+/_=\-.])(?=[A-Za-z0-9+/_\-]*[A-Z])(?=[A-Za-z0-9+/_\-]*[a-z])(?=[A-Za-z0-9+/_\-]*\d)[A-Za-z0-9+/_\-]{32,}={0,2}"
)
_PEM_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]*(?:PRIVATE KEY|OPENSSH|PGP MESSAGE|CERTIFICATE REQUEST)[A-Z0-9 ]*-----")
_PEM_END = re.compile(r"-----END [A-Z0-9 ]+-----")
_USER_PASSWORD = re.compile(r"^(?P<user>[^:@/\s]+):(?P<secret>.+)$")

#: Options of common tools whose next argument is a secret and whose name does not say so.
_SHORT_SECRET_OPTIONS: dict[str, frozenset[str]] = {
    "mysql": frozenset({"-p"}),
    "mysqldump": frozenset({"-p"}),
    "mysqladmin": frozenset({"-p"}),
    "mariadb": frozenset({"-p"}),
    "sshpass": frozenset({"-p"}),
    "curl": frozenset({"-u", "--user", "-U", "--proxy-user", "-H", "--header", "-b", "--cookie"}),
    "wget": frozenset({"--header"}),
    "ldapsearch": frozenset({"-w"}),
    "redis-cli": frozenset({"-a"}),
    "snmpget": frozenset({"-c", "-A", "-X"}),
    "openssl": frozenset({"-passin", "-passout", "-k", "-K"}),
    "smbclient": frozenset({"-U"}),
    "docker": frozenset({"-p"}),
}
_ATTACHED_PASSWORD = frozenset({"mysql", "mysqldump", "mysqladmin", "mariadb", "sshpass"})
#: ``-p`` is a port, a file or a path with most programs, a password with some.
_HARMLESS_P = re.compile(r"^(?:\d{1,5}(?::\d{1,5})?(?:/\w+)?|[/.~-].*|\w+=.*|[\d.:]+)$")
_OPTION = re.compile(r"--?[\w.\-]++")


def is_denied(path: str) -> bool:
    """Whether the content of this file must never be copied, diffed or printed. Its backups share its fate."""
    name = path
    while True:
        lowered = name.lower()
        if name not in ALLOWED_PATHS and any(fnmatchcase(lowered, pattern.lower()) for pattern in DENIED_PATHS):
            return True
        shorter = _BACKUP.sub("", name)
        if shorter == name:
            return False
        name = shorter


def redact_line(line: str) -> str:
    """One line of a configuration file, a log or a command without its secrets. Leaves a harmless line as it is."""
    if len(line) > LONGEST_LINE:
        return MASK
    line = _URL.sub(lambda found: f"{found['scheme']}{MASK}@", line)
    line = _HEADER.sub(lambda found: f"{found['head']}{found['sep']}{MASK}", line)
    line = _BEARER.sub(lambda found: f"{found['kind']} {MASK}", line)
    line = _KNOWN_TOKENS.sub(MASK, line)
    line = _mask_values(_ASSIGNMENT, line)
    line = _mask_values(_FLAG, line)
    line = _mask_spaced(line)
    line = _HEXADECIMAL.sub(MASK, line)
    return _BASE64.sub(MASK, line)


def _mask_values(names: re.Pattern[str], line: str) -> str:
    """Mask what follows each name that says secret. A harmless name's value is searched too: it may hold another pair."""
    parts: list[str] = []
    start = 0
    while found := names.search(line, start):
        end = found.end()
        parts.append(line[start:end])
        value = _VALUE_HERE.match(line, end)
        if value and _names_a_secret(found["key"]) and not _is_harmless(value[0]):
            parts.append(MASK)
            end = value.end()
        start = end
    return "".join((*parts, line[start:]))


def _mask_spaced(line: str) -> str:
    found = _SPACED.match(line)
    if found and _names_a_secret(found["key"]) and not _is_harmless(found["value"]):
        return f"{found['key']}{found['sep']}{MASK}"
    return line


def _names_a_secret(key: str) -> bool:
    # NOPASSWD is a tag of sudoers(5)
    return key.strip() != "NOPASSWD" and bool(_SECRET_WORD_IN.search(key))


def _is_harmless(value: str) -> bool:
    value = value.strip().strip("\"'")
    return value.startswith(MASK) or bool(_SWITCHES.match(value.split(" ", 1)[0]))


def redact_text(text: str) -> str:
    """A whole text without its secrets, line by line; private key blocks go as a whole. The number of lines stays."""
    lines: list[str] = []
    inside = False
    for line in text.split("\n"):
        if inside or _PEM_BEGIN.search(line):
            inside = not _PEM_END.search(line)
            lines.append(MASK)
        else:
            lines.append(redact_line(line))
    return "\n".join(lines)


def redact_arguments(arguments: Sequence[str]) -> tuple[str, ...]:
    """A process's arguments without secrets; the program's own name stays."""
    if not arguments:
        return ()
    program = arguments[0].rsplit("/", 1)[-1]
    secret_options = _SHORT_SECRET_OPTIONS.get(program, frozenset())
    result = [redact_line(arguments[0])]
    mask_next = False
    for argument in arguments[1:]:
        if (mask_next and not argument.startswith("-")) or (result[-1] == "-p" and not _HARMLESS_P.match(argument)):
            result.append(MASK)
            mask_next = False
            continue
        mask_next = argument in secret_options or _is_secret_option(argument)
        if program in _ATTACHED_PASSWORD and argument.startswith("-p") and len(argument) > 2:
            result.append(f"-p{MASK}")
        else:
            result.append(_redact_argument(argument))
    return tuple(result)


def _is_secret_option(argument: str) -> bool:
    if not _OPTION.fullmatch(argument):
        return False
    name = argument.lstrip("-").lower()
    return name == "pw" or name.endswith("key") or bool(_SECRET_WORD_IN.search(name))


def _redact_argument(argument: str) -> str:
    redacted = redact_text(argument)
    option, equals, value = redacted.partition("=")
    if equals and option.lstrip("-") in {"user", "u"} and _USER_PASSWORD.match(value):
        return f"{option}={value.partition(':')[0]}:{MASK}"
    return redacted
