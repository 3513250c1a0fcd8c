from __future__ import annotations

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootkeep.facts.redaction import LONGEST_LINE, MASK, is_denied, redact_arguments, redact_line, redact_text

SECRET = "Xk9mQ2vRt7pLw4zB"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"

PLANTED_LINES = [
    f"password={SECRET}",
    f"password = '{SECRET}'",
    f'  "db_password": "{SECRET}",',
    f"DB_PASS: {SECRET}",
    f"export AWS_SECRET_ACCESS_KEY={SECRET}",
    f"bindpw {SECRET}",
    f"set smtp_password {SECRET}",
    f"wpa-psk {SECRET}",
    f"Authorization: Basic {SECRET}==",
    f"curl -H 'X-Api-Key: {SECRET}' http://x",
    f"proxy=http://user:{SECRET}@proxy.example:3128/",
    f"deb https://{SECRET}@repo.example/debian bookworm main",
    f"url: postgresql://app:{SECRET}@db/app?sslmode=require",
    f"api_key => {SECRET}",
    f"<token>secret_token={SECRET}</token>",
    f"rocommunity_token {SECRET}",
    f"community={SECRET}",
    f"Set-Cookie: session={SECRET}; Path=/",
    f"mysqld --password={SECRET}",
    f'secret: "{SECRET} and more"',
    f"requirepass_secret={SECRET}",
    f"auth_token:{SECRET}",
    f"client-secret={SECRET}#comment",
    f"PGPASSWORD={SECRET} psql",
    f"/bin/sh -c exec backup -p {SECRET} /srv",
    f"root:$6$abc${SECRET}{SECRET}:19000:0:::",
]


@pytest.mark.parametrize("line", PLANTED_LINES)
def test_a_planted_secret_is_gone_and_the_key_stays(line: str) -> None:
    redacted = redact_line(line)
    assert SECRET not in redacted
    assert MASK in redacted


@pytest.mark.parametrize(
    "token",
    [
        JWT,
        "AKIAIOSFODNN7EXAMPLE",
        "ghp_" + "a1B2" * 9,
        "xoxb-123456789012-abcdefghijkl",
        "0123456789abcdef" * 4,
        "d2hhdCBhIGxvbmcgQmFzZTY0IHNlY3JldCB0aGF0IGlz",
        "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7",
    ],
)
def test_well_known_tokens_go_wherever_they_stand(token: str) -> None:
    assert token not in redact_line(f"x {token} y")


@pytest.mark.parametrize(
    "line",
    [
        "PermitRootLogin yes",
        "PasswordAuthentication no",
        "PermitEmptyPasswords yes",
        "PermitRootLogin prohibit-password",
        "#PasswordAuthentication yes",
        "Port 22",
        "root ALL=(ALL) NOPASSWD: ALL",
        'GRUB_CMDLINE_LINUX="console=ttyS0,115200"',
        "UUID=0a3407de-014b-458b-b5c1-848e92a327a3 / ext4 errors=remount-ro 0 1",
        "net.ipv4.tcp_syncookies = 1",
        "passwd:         files systemd",
        "",
    ],
)
def test_harmless_lines_stay(line: str) -> None:
    assert redact_line(line) == line


def test_private_key_blocks_go_as_a_whole() -> None:
    text = f"a\n-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}\n{SECRET}\n-----END OPENSSH PRIVATE KEY-----\nb"
    assert redact_text(text) == f"a\n{MASK}\n{MASK}\n{MASK}\n{MASK}\nb"


def test_a_private_key_that_is_cut_off_is_hidden_to_its_end() -> None:
    assert SECRET not in redact_text(f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\nmore {SECRET}")


@pytest.mark.parametrize(
    "arguments",
    [
        ("/usr/bin/mysql", "-u", "root", f"-p{SECRET}"),
        ("mysql", "-p", SECRET),
        ("/opt/agent", "--token", SECRET),
        ("/opt/agent", f"--token={SECRET}"),
        ("/opt/agent", "--api-key", SECRET),
        ("agent", "--password", SECRET, "--verbose"),
        ("curl", "-u", f"me:{SECRET}", "https://x"),
        ("curl", f"--user=me:{SECRET}"),
        ("curl", "-H", f"Authorization: Bearer {SECRET}"),
        ("sshpass", "-p", SECRET, "ssh", "host"),
        ("env", f"SECRET_KEY={SECRET}", "app"),
        ("redis-cli", "-a", SECRET),
        ("openssl", "enc", "-k", SECRET),
        ("app", f"postgres://u:{SECRET}@h/db"),
        ("sh", "-c", f"exec app --secret {SECRET}"),
        ("app", "-p", SECRET),
        ("mysqldump", f"--password={SECRET}", "db"),
    ],
)
def test_arguments_lose_their_secrets(arguments: tuple[str, ...]) -> None:
    redacted = redact_arguments(arguments)
    assert SECRET not in " ".join(redacted)
    assert redacted[0] == arguments[0]
    assert len(redacted) == len(arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("/usr/sbin/sshd", "-D", "-p", "2222"),
        ("/usr/sbin/cron", "-f"),
        ("/usr/bin/dbus-daemon", "--system", "--address=systemd:", "--nofork", "--nopidfile"),
        ("postgres", "-D", "/var/lib/postgresql/15/main", "-c", "config_file=/etc/postgresql/15/main/postgresql.conf"),
        ("dockerd", "-p", "/run/docker.pid"),
    ],
)
def test_ordinary_arguments_stay(arguments: tuple[str, ...]) -> None:
    assert redact_arguments(arguments) == arguments


@pytest.mark.parametrize(
    "path",
    [
        "/etc/shadow",
        "/etc/shadow-",
        "/etc/gshadow",
        "/etc/ssh/ssh_host_ed25519_key",
        "/root/.ssh/authorized_keys",
        "/etc/ssl/private/site.pem",
        "/etc/nginx/site.key",
        "/etc/nginx/site.key.dpkg-old",
        "/etc/NetworkManager/system-connections/wifi.nmconnection",
        "/etc/wireguard/wg0.conf",
        "/etc/mysql/debian.cnf",
        "/etc/app/Secrets.yaml",
        "/etc/krb5.keytab",
        "/etc/apt/auth.conf.d/repo.conf",
    ],
)
def test_denied_paths(path: str) -> None:
    assert is_denied(path)


@pytest.mark.parametrize(
    "path", ["/etc/ssh/sshd_config", "/etc/passwd", "/etc/pam.d/common-password", "/etc/fstab", "/etc/hosts"]
)
def test_paths_that_may_be_shown(path: str) -> None:
    assert not is_denied(path)


@given(
    st.sampled_from(["password", "DB_PASSWORD", "auth-token", "client_secret", "api_key", "X-Passphrase", "my.psk"]),
    st.sampled_from(["=", ": ", " = ", ":", "=>", ":="]),
    st.text(string.ascii_letters + string.digits + "!%+_@-.", min_size=9, max_size=60),
)
def test_no_value_of_a_secret_key_survives(key: str, separator: str, secret: str) -> None:
    secret = f"Q{secret}"
    assert secret not in redact_line(f"{key}{separator}{secret}")
    assert secret not in " ".join(redact_arguments(("app", f"--{key}={secret}")))


@given(st.text(max_size=400))
def test_the_number_of_lines_stays_and_nothing_is_raised(text: str) -> None:
    assert redact_text(text).count("\n") == text.count("\n")
    redact_arguments(text.split(" "))
    is_denied(text)


@given(st.sampled_from(PLANTED_LINES))
def test_redacting_twice_is_redacting_once(line: str) -> None:
    assert redact_line(redact_line(line)) == redact_line(line)


@pytest.mark.parametrize(
    "piece", ["pass-", "a-", "pass", '"', "x://", "x-", "--a ", "$1$", "eyJ", "password=\\", "[", ".key", " "]
)
def test_no_text_makes_redaction_slow(piece: str) -> None:
    """A process may call itself anything, and a hook has seconds."""
    text = (piece * LONGEST_LINE)[:LONGEST_LINE]
    started = time.process_time()
    redact_line(text)
    redact_arguments(("app", text))
    assert time.process_time() - started < 1.0


def test_a_line_beyond_measure_is_hidden() -> None:
    assert redact_line("x" * (LONGEST_LINE + 1)) == MASK


def test_a_secret_inside_the_value_of_a_harmless_key_goes() -> None:
    assert redact_line(f"options=user=x,password={SECRET}") == f"options=user=x,password={MASK}"
    assert SECRET not in redact_line(f'url="jdbc:x;user=a;password={SECRET}"')


def test_the_fingerprint_of_a_public_key_is_no_secret() -> None:
    """A reviewer compares it with ssh-keygen -l; anything of another length, or without the word, is a secret still."""
    digest = "hRX+ErfUzC5QX/Hh217NStObuZN6ngZ9qMECSY/ms3Q"
    assert redact_line(f"SSH key root SHA256:{digest} is new: ssh-ed25519") == (
        f"SSH key root SHA256:{digest} is new: ssh-ed25519"
    )
    for line in (f"x {digest}", f"x SHA256:{digest}x9A", f"x sha512:{digest}", f"password = SHA256:{digest}"):
        assert digest not in redact_line(line)
