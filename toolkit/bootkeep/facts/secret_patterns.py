"""What secrets look like: paths, names of keys, shapes of tokens, options of programs. Data for :mod:`bootkeep.facts.redaction`.

Every pattern takes linear time on any text: a process may call itself anything, and a hook has seconds.
"""

from __future__ import annotations

import re
from fnmatch import translate

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

#: All of them at once, for a path in lower case.
DENIED = re.compile("|".join(translate(pattern.lower()) for pattern in DENIED_PATHS))

#: Paths that the patterns above would deny for their name alone, though their content is harmless and matters.
ALLOWED_PATHS: frozenset[str] = frozenset({"/etc/pam.d/common-password", "/etc/pam.d/passwd", "/etc/pam.d/chpasswd"})

BACKUP = re.compile(r"(?:~|\.(?:dpkg|ucf)-(?:old|new|dist|bak|tmp)|\.bootkeep-old(?:-\d+)?|\.bak|\.orig|\.save|-)$")

# A key names a secret when one of these words stands in it: db_password, AuthToken, AWS_SECRET_ACCESS_KEY, api-key, psk.
WORDS = (
    r"(?:pass(?:w(?:or)?d|phrase|wd)?|pwd|secret|token|cred(?:ential)?s?|api[-_]?key|access[-_]?key|private[-_]?key"
    r"|auth(?:orization|[-_]?key|[-_]?token)|psk|bindpw|community|(?<!syn)cookie|session[-_]?id|sig(?:nature|ning[-_]?key)"
    r"|encryption[-_]?key|account[-_]?key|shared[-_]?key|shared[-_]?access[-_]?key|hmac|salt_?key)"
)
#: Names that say secret only when they stand alone: ``pw=``, ``my_pw:``, docker's ``"auth":``, npm's ``_auth=``.
SECRET_NAME = re.compile(r"(?i)(?:^|[_.\-])pw$|^_?auth$|(?:^|[_.\-])pass$")
#: Whether a line is worth looking at for names at all.
HINT = re.compile(rf"(?i){WORDS}|pw|auth|pass")
SECRET_WORD_IN = re.compile(rf"(?i){WORDS}")
# What may be a key. Possessive, and only from the beginning of a word: linear time on any text (a process may call itself
# "pass-pass-pass-..." for 4096 characters to make us think).
NAME = r"(?<![\w.\-\[\]])[\w.\-\[\]]++"
VALUE = r"""(?:"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|[^\s,;&"'#][^\s,;&"']*)"""

# Keywords of sshd_config, PAM, login.defs and sudoers that hold a secret word but a harmless switch.
SWITCHES = re.compile(
    r"(?i)^(?:yes|no|true|false|on|off|none|null|prohibit-password|without-password|forced-commands-only|required|requisite"
    r"|sufficient|optional|include|substack|enabled?|disabled?|files|compat|systemd|sss|ldap|nis|\d{1,5}|\d+/\w+|\[\w+=\S*"
    r"|md5|scram-sha-\d+|sha\d+|yescrypt|bcrypt|<[\w\- ]+>|\$\{?\w+\}?|\$\(\S*)$"
)
#: A value that is the place of a secret, not the secret: ``ssl_key = /etc/ssl/x.pem``, ``private_key = $dir/ca.pem``.
PLACE = re.compile(r"^(?:\$\w+|~)?(?:/[\w.+@\-]{1,24}){2,}/?$|^\$\w+/[\w.\-/]{1,60}$")

ASSIGNMENT = re.compile(rf"(?P<key>[\"']?{NAME}[\"']?)(?P<sep>\s*+(?:=>|:=|=|:)\s*+)")
FLAG = re.compile(r"(?<!\S)(?P<key>--?[\w.\-\[\]]++)(?P<sep>[ \t]++)")
SPACED = re.compile(
    r"^(?P<key>\s*+(?:(?i:set|option)\s++)?[\w.:\-][\w.:\-\[\]]*+)(?P<sep>[ \t]++)(?P<value>[^\s=:].*)$"
)
VALUE_HERE = re.compile(VALUE)
URL = re.compile(r"(?P<scheme>\b[A-Za-z][A-Za-z0-9+.\-]{0,30}://)(?P<user>[^\s/@]*)@(?=[^\s/@])")
HEADER = re.compile(
    r"(?i)\b(?P<head>(?:proxy-)?authorization|x-[\w\-]{0,40}?(?:token|key|auth)[\w\-]{0,40}|(?:set-)?cookie)(?P<sep>\s*[:=]\s*)(?P<value>.+)"
)
BEARER = re.compile(r"(?i)\b(?P<kind>bearer|basic|digest|negotiate|token)\s+(?P<value>[A-Za-z0-9+/_\-.~]{8,}=*)")
KNOWN_TOKENS = re.compile(
    r"eyJ[A-Za-z0-9_\-]{6,}\.[A-Za-z0-9_\-]+(?:\.[A-Za-z0-9_\-]*)?"  # JSON web token
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{12,}"  # AWS
    r"|\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}|\bglpat-[\w\-]{16,}"
    r"|\bxox[abprs]-[\w\-]{10,}|\bsk-[A-Za-z0-9_\-]{16,}|\bAIza[\w\-]{30,}|\b(?:sk|pk|rk)_(?:live|test)_\w{10,}"
    r"|https://hooks\.slack\.com/services/[\w/]{10,}|\bhvs\.[\w\-]{20,}|\bSG\.[\w\-]{16,}\.[\w\-]{16,}|\bnpm_[A-Za-z0-9]{20,}"
    r"|\bpypi-[\w\-]{20,}|\bhf_[A-Za-z0-9]{20,}|\bdop_v1_[0-9a-f]{20,}|\bAGE-SECRET-KEY-1[A-Z0-9]{20,}|\b\d{8,10}:AA[\w\-]{30,}"
    r"|\$(?:1|apr1|2[abxy]?|5|6|7|y|gy|argon2\w*|pbkdf2[\w\-]*)\$[^\s:'\"]{8,}"  # crypt(5)
    r"|\bgrub\.pbkdf2\.[\w.]{20,}"
    r"|\{(?:SSHA|SHA|SMD5|MD5|CRYPT)\d*\}[A-Za-z0-9+/=$.]{8,}"
)
# "password is hunter2", "token for the api was abc": a few words may stand between, and a secret has a digit or a sign.
PROSE = re.compile(
    rf"(?i)(?<!\w)\w{{0,20}}{WORDS}s?(?:\s+\w{{1,20}}){{0,4}}?\s*(?:\bis\b|\bwas\b|->)[\s:]+(?P<value>\S+)"
)
LIKE_A_SECRET = re.compile(r"[^A-Za-z.,;:()'\"]|[a-z][A-Z]")
#: A secret somewhere in a sentence or between other words: ``machine x login y password z``, netrc's way.
SAID = re.compile(r"(?i)(?<![\w\-])(?:password|passwd|passphrase|secret|psk|token|pw)[ \t]++(?P<value>[^\s=:;,]\S*)")
#: A part of a word that is at least this long and mixes digits and both cases is no name.
SHORTEST_RANDOM = 12
#: Secrets that only their place names. snmpd.conf(5): the community is a position, the passphrases of a user too.
PLACED = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?i)^\s*com2sec6?\s+(?:-Cn\s+\S+\s+)?\S+\s+\S+\s+(?P<value>\S+)",
        r"(?i)^\s*createUser\s+(?:-e\s+\S+\s+)?\S+\s+(?:MD5|SHA[\w\-]*)\s+(?P<value>\"[^\"]*\"|\S+)",
        r"(?i)^\s*createUser\s.*\s(?:DES|AES[\w\-]*)\s+(?P<value>\"[^\"]*\"|\S+)",
        r"(?i)^\s*(?:trap2?sink|informsink)\s+\S+\s+(?P<value>\S+)",
        r"(?i)[?&](?:key|sig|auth|code|pw)=(?P<value>[^&\s\"']+)",
        r"(?<![\w/])[\w.\-]{1,64}:(?P<value>[^\s:/@()]{1,128})@(?:tcp|unix)?\(",  # a Go DSN: user:secret@tcp(host)/db
        # ``tool -p Secret123 x`` in one line: a word of letters and digits is no port, no path and no number.
        r"(?<!\S)-p[ \t]+(?P<value>(?=[^\s/=]*[A-Za-z])(?=[^\s/=]*\d)[^\s/=\-.][^\s/=]{7,})(?!\S)",
        r"(?i)(?<!\w)pass:(?P<value>\S+)",  # openssl -passin pass:secret
    )
)
HEXADECIMAL = re.compile(r"(?<![A-Za-z0-9/_\-])[0-9a-fA-F]{32,}(?![A-Za-z0-9_\-])")
BASE64 = re.compile(
    r"(?<![A-Za-z0-9+/_=\-.])(?=[A-Za-z0-9+/_\-]*[A-Z])(?=[A-Za-z0-9+/_\-]*[a-z])(?=[A-Za-z0-9+/_\-]*\d)[A-Za-z0-9+/_\-]{32,}+={0,2}+(?!\.\w)"
)
#: Characters of a SHA-256 digest in Base64 without its "=".
FINGERPRINT = 43
PEM_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]*(?:PRIVATE KEY|OPENSSH|PGP MESSAGE|CERTIFICATE REQUEST)[A-Z0-9 ]*-----")
PEM_BEGIN_ALONE = re.compile(r"-----BEGIN [A-Z0-9 ]+-----[\\|>\"'\s]*$")
#: Certificates and public keys are public: their lines are no secrets, however random they look.
PUBLIC_BEGIN = re.compile(
    r"-----BEGIN (?:TRUSTED |X509 )?(?:CERTIFICATE|PUBLIC KEY|[A-Z]+ PUBLIC KEY|PGP PUBLIC KEY BLOCK|X509 CRL)-----\s*$"
)
PEM_END = re.compile(r"-----END [A-Z0-9 ]+-----")
USER_PASSWORD = re.compile(r"^(?P<user>[^:@/\s]+):(?P<secret>.+)$")

#: Options of common tools whose next argument is a secret and whose name does not say so.
SHORT_SECRET_OPTIONS: dict[str, frozenset[str]] = {
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
    "snmpwalk": frozenset({"-c", "-A", "-X"}),
    "snmptrap": frozenset({"-c", "-A", "-X"}),
    "smbmap": frozenset({"-p"}),
    "lftp": frozenset({"-u"}),
    "kinit": frozenset({"-w"}),
    "ldapadd": frozenset({"-w"}),
    "ldapmodify": frozenset({"-w"}),
    "rabbitmqadmin": frozenset({"-p"}),
    "mongosh": frozenset({"-p"}),
    "mongodump": frozenset({"-p"}),
    "ipmitool": frozenset({"-P"}),
    "htpasswd": frozenset({"-b"}),
    "openssl": frozenset({"-passin", "-passout", "-k", "-K"}),
    "smbclient": frozenset({"-U"}),
    "docker": frozenset({"-p"}),
}
ATTACHED_PASSWORD = frozenset({"mysql", "mysqldump", "mysqladmin", "mariadb", "sshpass"})
#: ``-p`` is a port, a file or a path with most programs, a password with some.
HARMLESS_P = re.compile(r"^(?:\d{1,5}(?::\d{1,5})?(?:/\w+)?|[/.~-].*|\w+=.*|[\d.:]+)$")
OPTION = re.compile(r"--?[\w.\-]++")
COMMANDS = re.compile(r"(?:^|[\s/=])(?:" + "|".join(re.escape(name) for name in SHORT_SECRET_OPTIONS) + r")\s")

#: In lower case. A text of plain ASCII in which none of these stands, and no word of LONG_WORD's length, matches none of the
#: patterns above: most texts of a host are passed over so, at a hundredth of the cost. A pattern that is added above must be
#: covered here; ``tests/unit/facts/test_redaction_gate.py`` compares both ways.
TRIGGERS: tuple[str, ...] = (
    *("-----begin", "://"),
    # WORDS, HINT, HEADER, SAID
    *(
        "pass",
        "pw",
        "secret",
        "token",
        "cred",
        "key",
        "auth",
        "psk",
        "community",
        "cookie",
        "session",
        "signature",
        "hmac",
    ),
    *("bearer", "basic", "digest", "negotiate"),
    # KNOWN_TOKENS
    *("eyj", "akia", "asia", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xox", "sk-", "aiza"),
    *("_live_", "_test_", "hvs.", "sg.", "npm_", "pypi-", "hf_", "dop_v1_", ":aa", "grub.pbkdf2."),
    *("$1$", "$apr1$", "$2", "$5$", "$6$", "$7$", "$y$", "$gy$", "$argon2", "$pbkdf2"),
    *("{ssha", "{sha", "{smd5", "{md5", "{crypt"),
    # PLACED
    *("com2sec", "createuser", "sink", "sig=", "code=", "@(", "@tcp(", "@unix(", "-p ", "-p\t"),
    *(name.lower() for name in SHORT_SECRET_OPTIONS),
)
#: What HEXADECIMAL and BASE64 find is at least this long.
LONG_WORD = re.compile(r"[A-Za-z0-9+/_\-]{32}")
