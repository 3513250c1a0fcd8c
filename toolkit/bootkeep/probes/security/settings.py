"""Programs with more rights than their caller, kernel settings, accounts, and what sshd would do.

``sshd -T`` prints every keyword as sshd would apply it (sshd(8)). It needs host keys and its run directory; where it refuses, the
files themselves are read, and only the keywords that are written there are known.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

from bootkeep.facts.codec import from_json
from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Readings, Status
from bootkeep.facts.system import Account, Group, SpecialFile, SshdSettings
from bootkeep.facts.unknown import Absent, Maybe, Unknown
from bootkeep.probes.read import Command, File, Listing, Native, Probe, Read
from bootkeep.probes.understand import number, rows, texts, understood, why_not

SPECIAL_FILE_LIST = Native("special-files")
SPECIAL_WALK = Native("special-walk")
SYSCTL_VALUES = Native("sysctl")
PASSWD = File("/etc/passwd")
GROUP = File("/etc/group")
SSHD_PROGRAM = Listing("/usr/sbin/sshd")
SSHD_EFFECTIVE = Command(("/usr/sbin/sshd", "-T"), timeout_s=3.0)
SSHD_CONFIG = File("/etc/ssh/sshd_config")
SSHD_DROP_INS = Listing("/etc/ssh/sshd_config.d/*")


def parse_special_files(text: str) -> tuple[SpecialFile, ...]:
    """JSON of the native answer. Raises NotUnderstood."""
    return from_json(tuple[SpecialFile, ...], text, where=SPECIAL_FILE_LIST.key)


def special_files_of(readings: Readings) -> Maybe[tuple[SpecialFile, ...]]:
    """SUID and SGID files, and files with capabilities."""
    return understood(readings, SPECIAL_FILE_LIST, parse_special_files)


def sysctl_of(readings: Readings) -> Maybe[dict[str, str]]:
    """Kernel settings by sysctl(8) name."""
    return understood(readings, SYSCTL_VALUES, lambda text: texts(text, SYSCTL_VALUES.key))


def udp_client_ports_of(readings: Readings) -> Maybe[tuple[int, int]]:
    """The range that clients' sockets take their ports from (``net.ipv4.ip_local_port_range``)."""
    values = sysctl_of(readings)
    if isinstance(values, (Absent, Unknown)):
        return values
    words = values.get("net.ipv4.ip_local_port_range", "").split()
    if len(words) != 2 or not all(word.isdigit() for word in words):
        return Unknown("net.ipv4.ip_local_port_range was not understood")
    return int(words[0]), int(words[1])


def parse_passwd(text: str) -> tuple[Account, ...]:
    """passwd(5); the password field is not kept. NIS lines (``+...``) are no accounts. Raises NotUnderstood."""
    accounts: list[Account] = []
    for line_number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line[0] in "+-#":
            continue
        where = f"{PASSWD.path}:{line_number}"
        fields = line.split(":")
        if len(fields) != 7 or not fields[0]:
            raise NotUnderstood(f"{len(fields)} fields instead of 7", where=where)
        accounts.append(Account(fields[0], number(fields[2], where), number(fields[3], where), fields[5], fields[6]))
    return tuple(accounts)


def parse_group(text: str) -> tuple[Group, ...]:
    """group(5); the password field is not kept. Raises NotUnderstood."""
    groups: list[Group] = []
    for line_number, line in enumerate(text.split("\n"), start=1):
        if not line.strip() or line[0] in "+-#":
            continue
        where = f"{GROUP.path}:{line_number}"
        fields = line.split(":")
        if len(fields) != 4 or not fields[0]:
            raise NotUnderstood(f"{len(fields)} fields instead of 4", where=where)
        members = tuple(sorted({member.strip() for member in fields[3].split(",") if member.strip()}))
        groups.append(Group(fields[0], number(fields[2], where), members))
    return tuple(groups)


def accounts_of(readings: Readings) -> Maybe[tuple[Account, ...]]:
    """Local accounts, from the file: a directory service would cost network time and is not what a package changes."""
    return understood(readings, PASSWD, parse_passwd)


def groups_of(readings: Readings) -> Maybe[tuple[Group, ...]]:
    """Local groups."""
    return understood(readings, GROUP, parse_group)


def parse_sshd_effective(text: str) -> dict[str, str]:
    """``sshd -T``: ``keyword value`` a line, some keywords on several lines. Raises NotUnderstood when it is not that."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        if line.strip():
            keyword, _, value = line.strip().partition(" ")
            keyword = keyword.lower()
            values[keyword] = f"{values[keyword]}\n{value}" if keyword in values else value
    if "port" not in values:
        raise NotUnderstood("no port keyword", where=SSHD_EFFECTIVE.key)
    return values


def parse_sshd_files(main: str, drop_ins: dict[str, str]) -> dict[str, str]:
    """The global part of sshd_config(5) and what it includes: for each keyword the first value wins; Match ends it."""
    values: dict[str, str] = {}
    _read_sshd(main, dict(drop_ins), values)
    return values


def _read_sshd(text: str, unread: dict[str, str], values: dict[str, str]) -> None:
    # Each file counts once: a second inclusion could change nothing, since the first value of a keyword wins.
    for line in text.splitlines():
        words = line.split("#", 1)[0].replace("=", " ", 1).split()
        if len(words) < 2:
            continue
        keyword, value = words[0].lower(), " ".join(words[1:]).strip('"')
        if keyword == "match":
            return
        if keyword == "include":
            for pattern in words[1:]:
                pattern = pattern.strip('"')
                full = pattern if pattern.startswith("/") else f"/etc/ssh/{pattern}"
                for path in sorted(path for path in unread if fnmatchcase(path, full)):
                    if path in unread:
                        _read_sshd(unread.pop(path), unread, values)
        elif keyword in {"port", "listenaddress"}:  # these add up
            values[keyword] = f"{values[keyword]}\n{value}" if keyword in values else value
        else:
            values.setdefault(keyword, value)


def _sshd_follow_ups(readings: Readings) -> tuple[Read, ...]:
    reads: list[Read] = []
    if readings[SSHD_PROGRAM.key].ok:
        reads.append(SSHD_EFFECTIVE)
    reads.extend(_drop_in_reads(readings))
    return tuple(reads)


def _drop_in_reads(readings: Readings) -> tuple[File, ...]:
    reading = readings[SSHD_DROP_INS.key]
    if not reading.ok:
        return ()
    try:
        return tuple(
            File(str(row["path"])) for row in rows(reading.text, SSHD_DROP_INS.key) if row.get("type") == "file"
        )
    except (NotUnderstood, KeyError):
        return ()


def sshd_of(readings: Readings) -> Maybe[SshdSettings]:
    """What sshd would do; Absent where no sshd is installed."""
    if readings[SSHD_PROGRAM.key].status is Status.ABSENT:
        return Absent("sshd is not installed")
    effective = readings[SSHD_EFFECTIVE.key]
    if effective.ok and effective.exit_code == 0:
        try:
            return SshdSettings("sshd -T", parse_sshd_effective(effective.text))
        except NotUnderstood as error:
            return Unknown(str(error))
    main = readings[SSHD_CONFIG.key]
    if not main.ok:
        return Unknown(why_not(main, SSHD_CONFIG.path))
    drop_ins = {read.path: readings[read.key] for read in _drop_in_reads(readings)}
    unread = [path for path, reading in drop_ins.items() if not reading.ok]
    if unread:
        return Unknown(f"could not be read: {', '.join(unread)}")
    return SshdSettings(SSHD_CONFIG.path, parse_sshd_files(main.text, {path: r.text for path, r in drop_ins.items()}))


def hidden_special_files_of(readings: Readings) -> Maybe[dict[str, str]]:
    """What the full walk found beyond the program directories: path -> rights, and when the inode last changed."""
    known = special_files_of(readings)
    paths = {file.path for file in known} if isinstance(known, tuple) else set()

    def parse(text: str) -> dict[str, str]:
        found = {}
        for row in rows(text, SPECIAL_WALK.key):
            try:
                path, mode = str(row["path"]), int(row["mode"])
                if path not in paths:
                    rights = [word for bit, word in ((0o4000, "SUID"), (0o2000, "SGID")) if mode & bit]
                    rights += ["capabilities"] if row["capability"] else []
                    owner = f"of {row['uid']}:{row['gid']}"
                    found[path] = f"{' and '.join(rights)} {owner} (mode {mode:04o}), changed at {row['changed_at']}"
            except (KeyError, ValueError, TypeError) as error:
                raise NotUnderstood(f"a row without {error}", where=SPECIAL_WALK.key) from error
        return found

    return understood(readings, SPECIAL_WALK, parse)


#: Seconds long: for the worker after a transaction.
HIDDEN_SPECIAL_FILES = Probe("hidden special file", (SPECIAL_WALK,), hidden_special_files_of, tier=3)
SPECIAL_FILES = Probe("special-files", (SPECIAL_FILE_LIST,), special_files_of)
SYSCTL = Probe("sysctl", (SYSCTL_VALUES,), sysctl_of)
ACCOUNTS = Probe("accounts", (PASSWD, GROUP), accounts_of)
SSHD = Probe("sshd", (SSHD_PROGRAM, SSHD_CONFIG, SSHD_DROP_INS), sshd_of, _sshd_follow_ups)
