"""Two hundred secrets of twenty kinds, as administrators and programs really write them, each where it really stands.

The same list is planted on a disposable host (tests/packages/test_secrets.py) and put through the redactor alone
(tests/unit/facts/test_planted_secrets.py). Made from a fixed seed: a failure names a secret that can be looked for again.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass

#: How many of each kind.
EACH = 10


@dataclass(frozen=True, slots=True)
class Planted:
    """One secret and its place: a file on the host, or the arguments of a process that runs there."""

    kind: str
    secret: str
    path: str = ""  # a file below /
    text: str = ""  # its whole content
    argv: tuple[str, ...] = ()  # a process; the program is started as ``exec -a`` does


def planted(seed: int = 20261123) -> tuple[Planted, ...]:
    """All of them."""
    return tuple(_all(random.Random(seed)))


def _all(rng: random.Random) -> Iterator[Planted]:
    for kind, make in _KINDS.items():
        for number in range(EACH):
            yield make(kind, number, rng)


def _word(rng: random.Random, length: int = 0) -> str:
    """What a password manager makes: letters, digits and a sign that shells do not mind."""
    letters = "".join(rng.choices(string.ascii_letters + string.digits, k=length or rng.randint(12, 24)))
    return f"{letters}{rng.choice('%+_.9')}{rng.randint(0, 9)}"


def _hex(rng: random.Random, length: int) -> str:
    return "".join(rng.choices("0123456789abcdef", k=length))


def _base64(rng: random.Random, length: int = 32) -> str:
    return base64.b64encode(rng.randbytes(length)).decode()


def _process_argv(kind: str, number: int, rng: random.Random) -> Planted:
    secret = _word(rng)
    forms: tuple[tuple[str, ...], ...] = (
        ("mysql", "-u", "app", f"-p{secret}", "shop"),
        ("/opt/agent/bin/agent", "--token", secret, "--verbose"),
        ("/opt/agent/bin/agent", f"--api-key={secret}"),
        ("worker", "--db", f"postgres://app:{secret}@db.example/shop"),
        ("curl", "-u", f"deploy:{secret}", "https://repo.example/x"),
        ("curl", "-H", f"X-Api-Key: {secret}", "https://repo.example/x"),
        ("java", f"-Ddb.password={secret}", "-jar", "app.jar"),
        ("redis-cli", "-a", secret, "monitor"),
        ("sh", "-c", f"while :; do sleep 9; done # password={secret}"),
        ("backup", "-p", secret, "/srv"),
    )
    return Planted(kind, secret, argv=forms[number])


def _package_config(kind: str, number: int, rng: random.Random) -> Planted:
    secret = _word(rng)
    lines = (
        f"password = {secret}",
        f"DB_PASS={secret}",
        f'  "db_password": "{secret}",',
        f"bindpw {secret}",
        f"set smtp_password {secret}",
        f"api_key => '{secret}',",
        f"client-secret: {secret} # for the portal",
        f"<add key='x' password='{secret}'/>",
        f"cookie_secret={secret}",
        f"requirepass {secret}",
    )
    return Planted(kind, secret, f"/etc/planted/{kind}-{number}.conf", f"# planted\nverbose = yes\n{lines[number]}\n")


def _sources(kind: str, number: int, rng: random.Random) -> Planted:
    secret = _word(rng)
    forms = (
        f"deb https://reader:{secret}@repo{number}.example/debian bookworm main\n",
        f"Types: deb\nURIs: https://{secret}@repo{number}.example/debian\nSuites: bookworm\nComponents: main\nEnabled: no\n",
    )
    suffix = ("list", "sources")[number % 2]
    return Planted(
        kind,
        secret,
        f"/etc/apt/sources.list.d/planted{number}.{suffix}",
        f"# {forms[0]}" if number % 2 == 0 else forms[1],
    )


def _auth_conf(kind: str, number: int, rng: random.Random) -> Planted:
    secret = _word(rng)
    return Planted(
        kind,
        secret,
        f"/etc/apt/auth.conf.d/planted{number}.conf",
        f"machine repo.example login reader password {secret}\n",
    )


def _cron(kind: str, number: int, rng: random.Random) -> Planted:
    secret = _word(rng)
    lines = (
        f"0 3 1 1 * root mysqldump -u root -p{secret} shop > /dev/null",
        f"0 3 1 1 * root curl -s -u deploy:{secret} https://x.example/ping",
        f"PGPASSWORD={secret}\n0 3 1 1 * root pg_dump shop",
        f"0 3 1 1 * root RESTIC_PASSWORD='{secret}' restic backup /srv",
        f"0 3 1 1 * root sshpass -p {secret} ssh backup@x.example true",
        f"0 3 1 1 * root wget -q 'https://x.example/ping?token={secret}'",
        f"0 3 1 1 * root ldapsearch -x -w {secret} -b dc=example",
        f"0 3 1 1 * root rsync -a /srv rsync://me:{secret}@x.example/srv",
        f"# the password for the above is {secret}\n0 3 1 1 * root true",
        f"0 3 1 1 * root smbclient //x/y -U me%{secret} -c ls",
    )
    if number % 2:
        text = "".join(line.replace(" root ", " ") + "\n" for line in lines[number].split("\n"))
        return Planted(kind, secret, f"/var/spool/cron/crontabs/planted{number}", text)
    return Planted(kind, secret, f"/etc/cron.d/planted{number}", lines[number] + "\n")


def _unit(kind: str, number: int, rng: random.Random) -> Planted:
    secret = _word(rng)
    lines = (
        f'Environment="DB_PASSWORD={secret}"\nExecStart=/bin/true',
        f"Environment=API_TOKEN={secret} OTHER=1\nExecStart=/bin/true",
        f"ExecStart=/opt/agent --secret {secret}",
        f"ExecStart=/usr/bin/curl -u me:{secret} https://x.example",
        f"ExecStart=/opt/agent amqp://me:{secret}@mq.example:5672/vhost",
    )
    if number < 5:
        return Planted(
            kind, secret, f"/etc/systemd/system/planted{number}.service", f"[Service]\nType=oneshot\n{lines[number]}\n"
        )
    # Beside a real unit: only what adds to it, so that it still starts.
    extra = (
        f'Environment="DB_PASSWORD={secret}"',
        f"Environment=API_TOKEN={secret} OTHER=1",
        f"ExecStartPre=-/bin/true --secret {secret}",
        f"ExecStartPre=-/usr/bin/curl -u me:{secret} https://x.invalid",
        f"ExecStartPre=-/bin/true amqp://me:{secret}@mq.example:5672/vhost",
    )
    return Planted(
        kind, secret, f"/etc/systemd/system/cron.service.d/planted{number}.conf", f"[Service]\n{extra[number - 5]}\n"
    )


def _sudoers_comment(kind: str, number: int, rng: random.Random) -> Planted:
    secret = _word(rng)
    lines = (
        f"# break glass: root password is {secret}",
        f"# password: {secret}",
        f"# (old password {secret}, ask Kim)",
        f"# the token for the console was {secret}",
        f"#deploy pw={secret}",
    )
    return Planted(
        kind, secret, f"/etc/sudoers.d/planted{number}", f"{lines[number % 5]}\nDefaults:planted !requiretty\n"
    )


def _pem(kind: str, number: int, rng: random.Random) -> Planted:
    secret = _base64(rng, 48)
    label = ("RSA PRIVATE KEY", "PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY", "ENCRYPTED PRIVATE KEY")[
        number % 5
    ]
    block = f"-----BEGIN {label}-----\n{_base64(rng, 48)}\n{secret}\n{_base64(rng, 20)}\n-----END {label}-----\n"
    if number % 2:
        return Planted(kind, secret, f"/etc/ssl/private/planted{number}.key", block)
    return Planted(
        kind, secret, f"/etc/planted/{kind}-{number}.conf", f"# key and settings in one file\n{block}verbose = yes\n"
    )


def _shadow(kind: str, number: int, rng: random.Random) -> Planted:
    salt = "".join(rng.choices(string.ascii_letters, k=8))
    digest = "".join(rng.choices("./" + string.ascii_letters + string.digits, k=43))
    secret = f"{('$6$', '$y$j9T$', '$5$', '$apr1$', '$2b$12$')[number % 5]}{salt}${digest}"
    if number % 2:
        return Planted(kind, secret, f"/etc/planted/{kind}-{number}.conf", f"user{number}:{secret}\n")
    return Planted(kind, secret, f"/etc/shadow.planted{number}", f"planted:{secret}:19000:0:99999:7:::\n")


def _git(kind: str, number: int, rng: random.Random) -> Planted:
    secret = f"ghp_{''.join(rng.choices(string.ascii_letters + string.digits, k=36))}" if number % 2 else _word(rng)
    if number < 5:
        return Planted(kind, secret, f"/etc/planted{number}/.git-credentials", f"https://deploy:{secret}@git.example\n")
    return Planted(
        kind,
        secret,
        f"/etc/planted/gitconfig-{number}",
        f'[remote "origin"]\n\turl = https://deploy:{secret}@git.example/x.git\n',
    )


def _netrc(kind: str, number: int, rng: random.Random) -> Planted:
    secret = _word(rng)
    name = ".netrc" if number < 5 else "netrc-system"
    return Planted(kind, secret, f"/etc/planted{number}/{name}", f"machine x.example login me password {secret}\n")


def _npmrc(kind: str, number: int, rng: random.Random) -> Planted:
    secret = (
        f"npm_{''.join(rng.choices(string.ascii_letters + string.digits, k=36))}" if number % 2 else _base64(rng, 18)
    )
    key = ("_authToken", "_auth", "_password")[number % 3]
    return Planted(
        kind, secret, f"/etc/planted{number}/npmrc", f"//registry.example/:{key}={secret}\nalways-auth=true\n"
    )


def _docker(kind: str, number: int, rng: random.Random) -> Planted:
    secret = base64.b64encode(f"me:{_word(rng)}".encode()).decode()
    text = json.dumps({"auths": {"registry.example": {"auth": secret}}}, indent=1 if number % 2 else None)
    return Planted(kind, secret, f"/etc/docker/planted{number}.json", text + "\n")


def _ssh_key(kind: str, number: int, rng: random.Random) -> Planted:
    secret = _base64(rng, 48)
    block = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{secret}\n-----END OPENSSH PRIVATE KEY-----\n"
    path = f"/etc/ssh/ssh_host_planted{number}_key" if number % 2 else f"/etc/planted{number}/.ssh/id_ed25519"
    return Planted(kind, secret, path, block)


def _wireguard(kind: str, number: int, rng: random.Random) -> Planted:
    secret = _base64(rng, 32)
    key = ("PrivateKey", "PresharedKey")[number % 2]
    path = f"/etc/wireguard/planted{number}.conf" if number < 5 else f"/etc/planted/wg{number}.conf"
    return Planted(kind, secret, path, f"[Interface]\n{key} = {secret}\nListenPort = 51820\n")


def _aws(kind: str, number: int, rng: random.Random) -> Planted:
    if number % 2:
        secret = "AKIA" + "".join(rng.choices(string.ascii_uppercase + "234567", k=16))
        return Planted(
            kind, secret, f"/etc/planted/aws{number}.conf", f"[default]\naws_access_key_id = {secret}\nregion = eu\n"
        )
    secret = _base64(rng, 30)
    return Planted(
        kind, secret, f"/etc/planted/aws{number}.conf", f"[default]\naws_secret_access_key = {secret}\nregion = eu\n"
    )


def _jwt(kind: str, number: int, rng: random.Random) -> Planted:
    secret = ".".join(
        base64.urlsafe_b64encode(part).decode().rstrip("=")
        for part in (b'{"alg":"HS256"}', rng.randbytes(24), rng.randbytes(32))
    )
    line = (f"Authorization: Bearer {secret}", f"# {secret}", f"x = {secret}")[number % 3]
    return Planted(kind, secret, f"/etc/planted/jwt{number}.conf", f"{line}\n")


def _url_and_dsn(kind: str, number: int, rng: random.Random) -> Planted:
    secret = _word(rng)
    lines = (
        f"proxy=http://me:{secret}@proxy.example:3128/",
        f"dsn: postgresql://app:{secret}@db/app?sslmode=require",
        f"redis://:{secret}@cache.example/0",
        f"dsn = app:{secret}@tcp(db.example:3306)/app",
        f"jdbc:postgresql://db/app?user=me&password={secret}",
        f"conn = host=db user=me password={secret} dbname=app",
        f"Server=db;Uid=me;Pwd={secret};Encrypt=yes",
        f"https://x.example/hook?key={secret}&x=1",
        f"mongodb+srv://me:{secret}@cluster.example/app",
        f"export BROKER=amqps://me:{secret}@mq.example",
    )
    return Planted(kind, secret, f"/etc/planted/url{number}.conf", f"{lines[number]}\n")


def _psk(kind: str, number: int, rng: random.Random) -> Planted:
    secret = _hex(rng, 64) if number % 2 else _word(rng)
    forms = (
        ("/etc/wpa_supplicant/planted{}.conf", f'network={{\n  ssid="x"\n  psk="{secret}"\n}}\n'),
        ("/etc/NetworkManager/system-connections/planted{}.nmconnection", f"[wifi-security]\npsk={secret}\n"),
        ("/etc/planted/ipsec{}.secrets", f": PSK {secret}\n"),
        ("/etc/planted/hostapd{}.conf", f"wpa_passphrase={secret}\n"),
        ("/etc/planted/zabbix{}.psk", f"TLSPSKIdentity=x\nPSK={secret}\n"),
    )
    path, text = forms[number % 5]
    return Planted(kind, secret, path.format(number), text)


def _snmp(kind: str, number: int, rng: random.Random) -> Planted:
    secret = _word(rng)
    lines = (
        f"rocommunity {secret} default",
        f"rwcommunity {secret} 192.0.2.0/24",
        f"com2sec readonly default {secret}",
        f'createUser monitor SHA "{secret}" AES',
        f"createUser monitor SHA-256 x AES {secret}",
        f"trap2sink mon.example {secret}",
        f"trapcommunity {secret}",
        f"com2sec6 mynet default {secret}",
        f"rocommunity6 {secret}",
        f"informsink mon.example {secret}",
    )
    return Planted(kind, secret, f"/etc/snmp/planted{number}.conf", f"agentaddress 127.0.0.1\n{lines[number]}\n")


_KINDS: dict[str, Callable[[str, int, random.Random], Planted]] = {
    "process-argv": _process_argv,
    "package-config": _package_config,
    "apt-sources": _sources,
    "apt-auth": _auth_conf,
    "cron": _cron,
    "unit": _unit,
    "sudoers-comment": _sudoers_comment,
    "pem": _pem,
    "shadow": _shadow,
    "git": _git,
    "netrc": _netrc,
    "npmrc": _npmrc,
    "docker": _docker,
    "ssh-key": _ssh_key,
    "wireguard": _wireguard,
    "aws": _aws,
    "jwt": _jwt,
    "url": _url_and_dsn,
    "psk": _psk,
    "snmp": _snmp,
}
